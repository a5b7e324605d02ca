/**
 * The engine on real servers that are slow, and in a process that stands still: what is told is
 * what happened, and one slow key is no outage.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Store } from '../../lib/engine/store.js'
import { postgresStore } from '../../lib/stores/postgres.js'
import { redisStore } from '../../lib/stores/redis.js'
import { within } from '../../lib/stores/within.js'
import { engineBench } from '../support/engine-bench.js'
import { BOUNDED_MS } from '../support/meeting.js'
import { type PostgresServer, startPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { startRedis } from '../support/servers/redis-server.js'
import { INSTALLED_STORES, openStore } from '../support/stores.js'

/** The engine's clock in a real process. */
const realClock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  sleep: (ms: number, signal?: AbortSignal) => pause(ms, undefined, { ref: false, signal }),
}

function benchOn(
  real: Store<unknown>,
  options: { storeTimeoutMs?: number; leaseMs?: number } = {},
) {
  let count = 0
  const bench = engineBench({
    clock: realClock,
    makeId: () => {
      count += 1
      return `owner-${process.pid}-${performance.now()}-${count}`
    },
    store: real,
    ...options,
  })
  const times = { expiresAtMs: realClock.now() + 3_600_000, keepUntilMs: null }
  const post = (key: string, posting: Parameters<typeof bench.post>[0] = {}) =>
    bench.post({ ...posting, operation: { key, ...times } })
  const look = (key: string) => bench.engine.look(bench.operation({ key, ...times }))
  return { ...bench, post, look, engine: bench.engine, events: bench.events }
}

function standStill(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

interface Queries {
  query(text: string, values?: readonly unknown[]): Promise<unknown>
}

describeWith(['postgres', 'initdb'], 'a slow PostgreSQL', function () {
  this.timeout(60_000)
  let server: PostgresServer
  let pool: pg.Pool
  let store: ReturnType<typeof postgresStore>
  before(async () => {
    server = await startPostgres()
    pool = new pg.Pool({ connectionString: server.url })
    pool.on('error', () => {})
    store = postgresStore({ pool })
    await store.migrate()
    await server.query(`
      CREATE TABLE effect (ms integer);
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(NEW.ms / 1000.0); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON effect DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow()`)
  })
  after(async () => {
    await store.close()
    await pool.end()
    await server.remove()
  })

  for (const ms of [500, 1_100, 3_000]) {
    it(`[FALSE-607] a COMMIT of ${ms} ms, over a short lease: done, and no outage`, async () => {
      const bench = benchOn(store as Store<unknown>, { leaseMs: 1_000 })
      const slow = bench.post(`slow-${ms}`, {
        rules: { transactional: true },
        handler: async run => {
          await (run.tx as Queries).query('INSERT INTO effect VALUES ($1)', [ms])
          return {}
        },
      })
      await pause(200)
      expect((await bench.post(`beside-${ms}`)).kind).to.equal('done')
      expect((await slow).kind).to.equal('done')
      expect((await bench.look(`slow-${ms}`)).kind).to.equal('spent')
      const heard = bench.events.map(({ type }) => type)
      expect(heard).not.to.include('store-down')
      await bench.engine.close()
    })
  }

  it('[FALSE-1404] a lock and an answer are waited for as long as the caller does', async () => {
    const { nowMs } = await store.epoch()
    const claim = {
      ...{ owner: 'a', epoch: null, leaseMs: 30_000, claimByMs: nowMs + 10_000 },
      ...{ tokenExpiresMs: null, keepUntilMs: null, onSilence: 'free' as const },
      ...{ fingerprint: null, principal: 'p' },
    }
    await store.claim('locked', claim)
    const holder = await pool.connect()
    await holder.query('BEGIN; SELECT 1 FROM poe.record FOR UPDATE')
    const long = store.renew('locked', 'a', 30_000, 50_000)
    const short = await store.renew('locked', 'a', 30_000, 300).catch(error => error)
    expect(short).to.have.property('code', 'ERR_POE_STORE_BUSY')
    await pause(900)
    await holder.query('COMMIT')
    holder.release()
    expect((await long).state).to.equal('ok')
    server.freeze()
    const answered = store.read('locked', null, 50_000)
    await pause(1_200)
    server.thaw()
    expect((await answered).state).to.equal('running')
  })
})

describeWith(['redis-server'], 'a slow Redis', () => {
  it('[FALSE-1404] is waited for as long as the caller does', async () => {
    const server = await startRedis()
    const client = new Redis(server.url)
    client.on('error', () => {})
    await client.ping()
    const store = redisStore({ client })
    await store.epoch()
    server.freeze()
    const long = store.read('key', null, 50_000)
    const startedMs = performance.now()
    const short = await store.read('key', null, 100).catch(error => error)
    expect(short).to.have.property('code', 'ERR_POE_STORE_DOWN')
    expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
    await pause(1_000)
    server.thaw()
    expect((await long).state).to.equal('none')
    await store.close()
    client.disconnect()
    await server.remove()
  })
})

describe('a process that stands still for a moment', () => {
  for (const kind of INSTALLED_STORES) {
    // Two stores tell what the id means, in a few seconds.
    const id = kind === 'sqlite' || kind === 'redis' ? '[FALSE-1503] ' : ''
    it(`${id}on ${kind}: no POST fails whose answers had arrived`, async () => {
      const { store, discard } = await openStore(kind)
      const bench = benchOn(store)
      const { transactional } = store.capabilities
      const rules = { transactional, waitMs: 0 }
      await bench.post('warm', { rules })
      const posts = Array.from({ length: 20 }, (_, index) =>
        bench.post(`claim-${index}`, { rules }),
      )
      setImmediate(() => setImmediate(() => standStill(1_300)))
      const kinds = new Set((await Promise.all(posts)).map(verdict => verdict.kind))
      expect([...kinds]).to.deep.equal(['done'])
      const last = bench.post('completion', {
        rules,
        handler: () => {
          setImmediate(() => standStill(1_300))
          return {}
        },
      })
      expect((await last).kind).to.equal('done')
      expect(bench.events.map(({ type }) => type)).not.to.include('store-down')
      await bench.engine.close()
      await discard()
    })
  }
})

describe('a wait that is bounded', () => {
  it('[FALSE-1504] ends in time, and after a stand-still, where no answer comes', async () => {
    for (const stillMs of [0, 300]) {
      const ended = within(60, new Promise(() => {}), 'nothing came').catch(error => error)
      setImmediate(() => standStill(stillMs))
      const startedMs = performance.now()
      expect(await ended).to.include({ code: 'ERR_POE_STORE_DOWN', message: 'nothing came' })
      expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
    }
  })
})
