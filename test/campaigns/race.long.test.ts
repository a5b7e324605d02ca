/**
 * Twenty requests at one link, their last bytes released at once, over many rounds: exactly one
 * success and one effect in each.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import {
  type RawResult,
  releaseTogether,
  requestBytes,
  responseOf,
} from '../../lib/testing/raw-http.js'
import { aroundStore } from '../support/around-store.js'
import { makeSite, type ServerProcess, type Site } from '../support/server-process.js'
import type { ServerStore } from '../support/server-program.js'
import { emptyServerStore } from '../support/server-stores.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { INSTALLED_STORES } from '../support/stores.js'
import { startWorld, type World } from '../support/world.js'

/** As many as are worth waiting for each time; `POE_RACE_ROUNDS=200` for all that are promised. */
const ROUNDS = Number(process.env.POE_RACE_ROUNDS ?? 20)
const SOCKETS = 20
const STORE_DELAY_MS = 5
const SERVERS = ['postgres', 'redis'] as const

describe('twenty sockets released at once', function () {
  this.timeout(300_000)

  describe('at two processes on one sqlite file', () => {
    let site: Site
    before(() => {
      site = makeSite()
    })
    after(() => site.close())

    const serveTwo = (options: object): Promise<ServerProcess[]> => {
      const all = { storeDelayMs: STORE_DELAY_MS, waitMs: 50, ...options }
      return Promise.all([site.serve(all), site.serve(all)])
    }

    it(`[RACE-01, POE-2-1] one success and one effect in each of ${ROUNDS} rounds`, async () => {
      const servers = await serveTwo({ transactional: true })
      const links = (await servers[0]?.links(ROUNDS)) ?? []
      expect(links).to.have.lengthOf(ROUNDS)
      for (const link of links) {
        expectOneWinner(
          await releaseAt(
            servers.map(server => server.port),
            link,
          ),
        )
      }
      const effects = site.effects()
      expect(effects).to.have.lengthOf(ROUNDS)
      expect(new Set(effects).size).to.equal(ROUNDS)
    })

    it('catches a planted store that looks first and takes afterwards', async () => {
      const servers = await serveTwo({ looksThenTakes: true })
      const ports = servers.map(({ port }) => port)
      const links = (await servers[0]?.links(ROUNDS)) ?? []
      const isTwice = async (link: string): Promise<boolean> => {
        await releaseAt(ports, link)
        return site.effectsOf(link) > 1
      }
      for (const link of links) if (await isTwice(link)) return
      expect.fail('no effect happened twice')
    })
  })

  for (const kind of SERVERS) {
    if (!INSTALLED_STORES.includes(kind)) continue
    describe(`at two processes on ${kind}`, () => {
      let site: Site
      let server: ServerStore
      before(async () => {
        server = await emptyServerStore(kind)
        site = makeSite(server)
      })
      after(() => site.close())

      for (const transactional of kind === 'postgres' ? [false, true] : [false]) {
        const mode = transactional ? 'in its transaction' : 'outside'
        it(`[RACE-01, POE-2-1] an effect ${mode}: one in each of ${ROUNDS} rounds`, async () => {
          const options = { storeDelayMs: STORE_DELAY_MS, waitMs: 50, transactional }
          const servers = await Promise.all([site.serve(options), site.serve(options)])
          const ports = servers.map(({ port }) => port)
          const links = (await servers[0]?.links(ROUNDS)) ?? []
          expect(links).to.have.lengthOf(ROUNDS)
          for (const link of links) expectOneWinner(await releaseAt(ports, link))
          const effects = transactional ? await rowsIn(server) : site.effects()
          expect(effects).to.have.lengthOf(ROUNDS)
          expect(new Set(effects).size).to.equal(ROUNDS)
        })
      }
    })
  }

  describe('at one process on a memory store', () => {
    let world: World
    before(async () => {
      const wrapStore = (store: World['store']) =>
        aroundStore(store, async (_method, _key, call) => {
          await pause(STORE_DELAY_MS / 2)
          return await call().finally(() => pause(STORE_DELAY_MS / 2))
        })
      const at = { store: 'memory', koa: 3, at: 'root' } as const
      world = await startWorld(at, { wrapStore, poe: { waitMs: 50 } })
    })
    after(() => world.close())

    it(`[RACE-01] one success and one effect in each of ${ROUNDS} rounds`, async () => {
      for (let round = 1; round <= ROUNDS; round += 1) {
        expectOneWinner(await releaseAt([world.port], await world.link()))
        expect(world.effects).to.have.lengthOf(round)
      }
      expect(new Set(world.effects).size).to.equal(ROUNDS)
    })
  })
})

async function rowsIn({ name }: ServerStore): Promise<string[]> {
  const { rows } = await (await sharedPostgres()).query(`SELECT key FROM ${name}.effect`)
  return rows.map(row => String(row.key))
}

/** Releases the same POST twenty times, spread evenly over the servers. */
async function releaseAt(ports: readonly number[], link: string): Promise<number[]> {
  const request = requestBytes({
    method: 'POST',
    path: link,
    headers: { 'Content-Type': 'application/json', POE: '1' },
    body: '{"sku":"a","qty":1}',
  })
  const requests = Array.from({ length: SOCKETS / ports.length }, () => request)
  const released = ports.map(port => releaseTogether({ port, requests, holdMs: 10 }))
  const results: RawResult[] = (await Promise.all(released)).flat()
  return results.map(result => responseOf(result).status)
}

/** The others are told 405 or, where they did not wait for the end, 409. */
function expectOneWinner(statuses: readonly number[]): void {
  const told = `statuses ${statuses.join(' ')}`
  expect(
    statuses.filter(status => status === 201),
    `one success; ${told}`,
  ).to.have.lengthOf(1)
  const others = statuses.filter(status => status !== 201)
  expect(
    others.every(status => status === 405 || status === 409),
    told,
  ).to.equal(true)
}
