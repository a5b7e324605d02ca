/**
 * A store's server that dies or hangs, as a client of the application sees it: 503 within a second,
 * no handler entered, and all is well when it is back.
 */
import { expect } from 'chai'
import { Redis } from 'ioredis'
import pg from 'pg'
import { postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import type { Store } from '../../lib/engine/store.js'
import { expectProblem, expectSpent } from '../support/answers.js'
import { BOUNDED_MS, until } from '../support/meeting.js'
import { startPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { startRedis } from '../support/servers/redis-server.js'
import { startWorld, type World } from '../support/world.js'

interface Backing {
  readonly store: Store<unknown>
  kill(): Promise<void>
  start(): Promise<void>
  freeze(): void
  thaw(): void
  remove(): Promise<void>
}

const BACKINGS: readonly (readonly [
  name: string,
  needs: readonly string[],
  open: () => Promise<Backing>,
])[] = [
  ['PostgreSQL', ['postgres', 'initdb'], openPostgres],
  ['Redis', ['redis-server'], openRedis],
]

/** The engine waits 900 ms for the store; the rest is the way there and back. */
const BODY = { json: { sku: 'a' } }

for (const [name, needs, open] of BACKINGS) {
  describeWith(needs, `${name} goes away`, () => {
    let backing: Backing
    let world: World
    beforeEach(async () => {
      backing = await open()
      const { store } = backing
      world = await startWorld(
        { store: 'memory', koa: 3, at: 'root' },
        { wrapStore: () => store, poe: { waitMs: 0 } },
      )
    })
    afterEach(async () => {
      backing.thaw()
      await world.close()
      await backing.remove()
    })

    for (const how of ['SIGKILL', 'SIGSTOP'] as const) {
      it(`[FAIL-07] by ${how}: 503 in a second, no run; back, each link works once`, async () => {
        const [spent, unused, late] = await takeLinks(world)
        expect((await world.send('POST', spent, BODY)).status).to.equal(201)
        if (how === 'SIGKILL') await backing.kill()
        else backing.freeze()
        for (const link of [spent, unused, late]) {
          const startedMs = performance.now()
          const answer = await world.send('POST', link, BODY)
          expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
          expect(answer.headers.get('Retry-After')).to.match(/^\d+$/)
          await expectProblem(answer, 503, 'store-down')
        }
        const page = await world.send('GET', '/page')
        expect([page.status, page.headers.get('POE-Links')]).to.deep.equal([200, null])
        expect(world.runs, 'only the first was run').to.equal(1)
        if (how === 'SIGKILL') await backing.start()
        else backing.thaw()
        await until(async () => (await world.send('GET', spent)).status === 200, 'it is back')
        await expectSpent(await world.send('POST', spent, BODY), '/orders/1', spent)
        expect(world.runs, 'nothing that was queued has run late').to.equal(1)
        await until(async () => (await world.send('POST', unused, BODY)).status === 201, 'it runs')
        expect((await world.send('POST', unused, BODY)).status).to.equal(405)
        expect(world.effects).to.have.lengthOf(2)
      })
    }
  })
}

async function takeLinks(world: World): Promise<[string, string, string]> {
  return [await world.link(), await world.link(), await world.link()]
}

async function openPostgres(): Promise<Backing> {
  const server = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url })
  const store = postgresStore({ pool })
  await store.migrate()
  return {
    store: store as Store<unknown>,
    kill: () => server.kill(),
    start: () => server.start(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    async remove() {
      await store.close()
      await pool.end()
      await server.remove()
    },
  }
}

async function openRedis(): Promise<Backing> {
  const server = await startRedis({ persistence: 'always' })
  const client = new Redis(server.url, { retryStrategy: () => 50 })
  client.on('error', () => {})
  await client.ping()
  const store = redisStore({ client })
  return {
    store,
    kill: () => server.kill(),
    start: () => server.start(),
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    async remove() {
      await store.close()
      client.disconnect()
      await server.remove()
    },
  }
}
