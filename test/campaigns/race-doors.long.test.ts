/**
 * Twenty requests with one name, their last bytes released at once, over many rounds, at every door
 * and two processes: exactly one effect in each round.
 */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { fieldValues, releaseTogether, requestBytes, responseOf } from 'post-once-exactly/testing'
import { makeSite, type ServerProcess, type Site } from '../support/server-process.js'
import type { ServerStore } from '../support/server-program.js'
import { emptyServerStore } from '../support/server-stores.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { INSTALLED_STORES, type StoreKind } from '../support/stores.js'

/** As many as are worth waiting for each time; `POE_RACE_ROUNDS=200` for all that are promised. */
const ROUNDS = Number(process.env.POE_RACE_ROUNDS ?? 6)
/** Twenty that look first and take afterwards meet in nearly every round. */
const MOST_ROUNDS = 20
const SOCKETS = 20
const DOORS = ['key', 'replay', 'action', 'condition', 'content'] as const

type Door = (typeof DOORS)[number]

/** An answer, as far as it counts here. */
interface Told {
  readonly user: string
  readonly status: number
  readonly body: string
  readonly isRepeat: boolean
}

for (const kind of INSTALLED_STORES) {
  describe(`twenty at once at every door, ${kind}`, function () {
    this.timeout(300_000)
    let site: Site
    let server: ServerStore | undefined
    let servers: ServerProcess[]

    before(async () => {
      const isServer = kind === 'postgres' || kind === 'redis'
      server = isServer ? await emptyServerStore(kind) : undefined
      site = makeSite(server)
      const options = {
        waitMs: 20,
        transactional: kind === 'sqlite' || kind === 'postgres',
        ...(kind === 'memory' && { file: null }),
      }
      const processes = kind === 'memory' ? 1 : 2
      servers = await Promise.all(Array.from({ length: processes }, () => site.serve(options)))
    })
    after(() => site.close())

    it(`[RACE-01, RACE-05, COND-03] one effect in each of ${ROUNDS} rounds`, async () => {
      const names: string[] = []
      for (let round = 0; round < ROUNDS; round += 1) {
        await Promise.all(
          DOORS.map(async door => {
            const name = `${door}-${randomUUID()}`
            names.push(name)
            judge(door, await releaseAt(servers, door, name))
          }),
        )
      }
      expect(names).to.have.lengthOf(ROUNDS * DOORS.length)
      expect((await effectsOf(kind, site, server)).sort()).to.deep.equal(names.sort())
    })
  })
}

describe('twenty at once at every door', () => {
  it('catches a planted store that looks first and takes afterwards', async () => {
    const site = makeSite()
    try {
      const options = { looksThenTakes: true, storeDelayMs: 5, waitMs: 20 }
      const servers = await Promise.all([site.serve(options), site.serve(options)])
      const isTwice = async (door: Door): Promise<boolean> => {
        const name = `${door}-${randomUUID()}`
        await releaseAt(servers, door, name)
        return site.effects().filter(effect => effect === name).length > 1
      }
      for (const door of DOORS) {
        let isFound = false
        for (let round = 0; !isFound && round < MOST_ROUNDS; round += 1)
          isFound = await isTwice(door)
        expect(isFound, door).to.equal(true)
      }
    } finally {
      await site.close()
    }
  })
})

async function effectsOf(
  kind: StoreKind,
  site: Site,
  server: ServerStore | undefined,
): Promise<string[]> {
  if (kind !== 'postgres' || server === undefined) return site.effects()
  const { rows } = await (await sharedPostgres()).query(`SELECT key FROM ${server.name}.effect`)
  return rows.map(row => String(row.key))
}

async function releaseAt(
  servers: readonly ServerProcess[],
  door: Door,
  name: string,
): Promise<Told[]> {
  const path = await pathAt(servers, door, name)
  const users = Array.from({ length: SOCKETS }, (_, index) => userOf(door, index))
  const told = servers.map(async ({ port }, at) => {
    const own = users.filter((_, index) => index % servers.length === at)
    const requests = own.map(user => requestOf(door, path, name, user))
    const results = await releaseTogether({ port, requests, holdMs: 5 })
    return results.map((result, index): Told => {
      const response = responseOf(result)
      return {
        user: own[index] ?? '',
        status: response.status,
        body: response.body.toString(),
        isRepeat: fieldValues(response, 'Idempotent-Replayed').length > 0,
      }
    })
  })
  return (await Promise.all(told)).flat()
}

/** A condition is everybody's: half of those who come at once are others. */
function userOf(door: Door, index: number): string {
  return door === 'condition' && index >= SOCKETS / 2 ? `user-${index}` : 'guest'
}

async function pathAt(
  servers: readonly ServerProcess[],
  door: Door,
  name: string,
): Promise<string> {
  switch (door) {
    case 'key':
      return '/keys'
    case 'replay':
      return '/replay'
    case 'condition':
      return `/states/${name}`
    case 'content':
      return '/contents'
    case 'action': {
      const headers = { 'X-User': 'guest' }
      const issued = await fetch(`${servers[0]?.base}/actions`, { method: 'POST', headers })
      return issued.headers.get('Location') ?? ''
    }
  }
}

function requestOf(door: Door, path: string, name: string, user: string): Uint8Array {
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    'X-Op': name,
    'X-User': user,
    'Idempotency-Key': `"${name}"`,
    'X-Request-Name': name,
    'If-Match': '"v0"',
  }
  const method = door === 'action' ? 'PUT' : 'POST'
  return requestBytes({ method, path, headers, body: '{"qty":1}' })
}

/** One was carried out; others are told its answer, or that it runs, or that it is not theirs. */
function judge(door: Door, all: readonly Told[]): void {
  const told = `${door}: ${all.map(({ status, isRepeat }) => `${status}${isRepeat ? 'r' : ''}`)}`
  const first = all.filter(({ status, isRepeat }) => status === 201 && !isRepeat)
  expect(first, `one first answer; ${told}`).to.have.lengthOf(1)
  const [winner] = first
  for (const one of all) {
    if (one === winner) continue
    const isOwn = one.user === winner?.user
    if (one.isRepeat) expect([one.body, isOwn], told).to.deep.equal([winner?.body, true])
    // A store that does not keep up is told as such: nothing was carried out.
    const others = isOwn ? [201, 409, 503] : [409, 412, 503]
    expect(one.status, told).to.be.oneOf(others)
    if (one.status === 201) expect(one.isRepeat, told).to.equal(true)
  }
}
