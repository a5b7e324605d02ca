/**
 * What a record weighs, whether many records slow a claim down, and whether a purge of many holds
 * claims up, on each store.
 *
 * Run by `npm run bench:scale [-- --records 1000000 --only memory,sqlite,redis,postgres]`. The
 * records are written past the store where there is a way, by the hundred thousand, as the store
 * writes them; then claims and completions are measured through it, 64 at a time, by the CPU time
 * of this process and of the store's server. Prints bytes a spent record, the ratio to the time
 * among 10,000 records, and the longest claim while a purge takes all of them away; each step tells
 * on stderr how far it is.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Database from 'better-sqlite3'
import { Redis } from 'ioredis'
import { nanoid } from 'nanoid'
import pg from 'pg'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import type { Claim, Store } from '../lib/engine/store.js'
import { startPostgres } from '../test/support/servers/postgres-server.js'
import { startRedis } from '../test/support/servers/redis-server.js'
import { treeCpuMs } from './cpu-time.js'

const LANES = 64
const FEW = 10_000
const SAMPLE = 5_000
const WEIGHED = 100_000
const ROUNDS = 7
const BATCH = 100_000
const HOUR_MS = 3_600_000
/** A call is measured, not refused: a machine that does other work may take its time. */
const CALL_MS = 60_000
const HEAD =
  '[201,[["content-type","application/json; charset=utf-8"],["location","/orders/1"]],"k"]'
const BODY = Buffer.from(JSON.stringify({ id: 1, sku: 'tea', note: 'x'.repeat(118) }))
/** Digests, as the Koa layer gives them. */
const PRINCIPALS = Array.from({ length: 1_000 }, () => randomBytes(12).toString('base64url'))

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    only: { type: 'string', default: 'memory,sqlite,redis,postgres' },
  },
})
const records = Number(values.records)

/** As long as a spent record's usual value. */
const VALUE = Buffer.concat([Buffer.alloc(63, 2), BODY])
const FILL = `
  for n = 1, tonumber(ARGV[1]) do
    local name = ARGV[4] .. n
    redis.call('SET', 'poe{' .. n % 64 .. '}' .. string.sub(redis.sha1hex(name), 1, 15), ARGV[3],
      'PXAT', ARGV[2])
  end`

/** A store, and a way past it. */
interface Filled {
  readonly store: Store<unknown>
  /** Adds so many spent records, which are kept until a time. */
  fill(count: number, keepUntilMs: number): Promise<void>
  /** How many bytes it takes now. */
  weigh(): Promise<number>
  end(): Promise<void>
}

const OPEN: Readonly<Record<string, () => Promise<Filled>>> = {
  memory: openMemory,
  sqlite: openSqlite,
  redis: openRedis,
  postgres: openPostgres,
}

for (const name of values.only.split(',')) {
  for (const step of [weight, measure]) {
    const filled = await OPEN[name]?.()
    if (filled === undefined) throw new RangeError(`no store '${name}'`)
    try {
      await step(name, filled)
    } finally {
      await filled.end()
    }
  }
}

async function weight(name: string, { store, weigh }: Filled): Promise<void> {
  const before = await weigh()
  let after = before
  for (let done = 0; done < WEIGHED; done += FEW) {
    await spendMany(store, FEW)
    after = await weigh()
  }
  const bytes = (after - before) / WEIGHED
  console.log(`${name}: ${bytes.toFixed(0)} bytes a spent record`)
}

async function measure(name: string, { store, fill }: Filled): Promise<void> {
  const laterMs = Date.now() + HOUR_MS
  const add = async (count: number, keepUntilMs: number): Promise<void> => {
    for (let done = 0; done < count; done += BATCH) {
      await fill(Math.min(BATCH, count - done), keepUntilMs)
      if (done > 0 && done % (BATCH * 5) === 0) tell(name, `${done} of ${count} records written`)
    }
  }
  await add(FEW, laterMs)
  await timeOf(store)
  const few = await timeOf(store)
  tell(
    name,
    `a claim and a completion among ${FEW} records: ${(few / SAMPLE).toFixed(3)} ms of CPU`,
  )
  await add(records - FEW, laterMs)
  await timeOf(store)
  const many = await timeOf(store)
  tell(name, `among ${records} records: ${(many / SAMPLE).toFixed(3)} ms of CPU`)
  const ratio = (many / few).toFixed(2)
  console.log(`${name}: a claim among ${records} records takes ${ratio} x one among ${FEW}`)
  if (store.capabilities.nativeExpiry) return
  await add(Math.min(records, 1_000_000), 1)
  tell(name, 'purging')
  await purgeBeside(name, store)
}

function tell(name: string, what: string): void {
  console.error(`${name}, after ${(performance.now() / 1_000).toFixed(0)} s: ${what}`)
}

async function timeOf(store: Store<unknown>): Promise<number> {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = treeCpuMs()
    await spendMany(store, SAMPLE)
    rounds.push(treeCpuMs() - before)
  }
  return rounds.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN
}

async function purgeBeside(name: string, store: Store<unknown>): Promise<void> {
  const endMs = performance.now() + 3_000
  const alone = await longestUntil(store, () => performance.now() > endMs)
  let isOver = false
  let removed = 0
  const startedMs = performance.now()
  const purging = (async () => {
    for (let more = true; more; ) {
      const done = await store.purge(10_000)
      removed += done.removed
      more = done.more
    }
    isOver = true
  })()
  const during = await longestUntil(store, () => isOver)
  await purging
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
  console.log(
    `${name}: ${removed} records purged in ${seconds} s; the longest claim beside it took ` +
      `${during.toFixed(0)} ms, without it ${alone.toFixed(0)} ms`,
  )
}

async function longestUntil(store: Store<unknown>, isOver: () => boolean): Promise<number> {
  let longest = 0
  while (!isOver()) {
    const startedMs = performance.now()
    await spend(store)
    longest = Math.max(longest, performance.now() - startedMs)
  }
  return longest
}

async function spendMany(
  store: Store<unknown>,
  count: number,
  keepUntilMs?: number,
): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await spend(store, keepUntilMs)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

async function spend(store: Store<unknown>, keepUntilMs?: number): Promise<void> {
  const key = `order:${nanoid(22)}`
  const owner = nanoid(22)
  const nowMs = Date.now()
  const principal = PRINCIPALS[Math.floor(Math.random() * PRINCIPALS.length)] ?? ''
  const claim: Claim = {
    ...{ owner, epoch: null, leaseMs: 15_000, claimByMs: nowMs + 60_000 },
    ...{ tokenExpiresMs: nowMs + HOUR_MS, keepUntilMs: keepUntilMs ?? nowMs + 25 * HOUR_MS },
    ...{ onSilence: 'undecided', replaces: null },
    ...{ fingerprint: randomBytes(32).toString('base64url'), principal },
  }
  const { state } = await store.claim(key, claim, CALL_MS)
  if (state !== 'claimed') throw new Error(`the claim is ${state}`)
  await store.complete(key, owner, { head: HEAD, body: BODY }, CALL_MS)
}

async function openMemory(): Promise<Filled> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const limits = { maxRecords: 10 ** 9, maxPerPrincipal: 10 ** 9, maxBodyBytes: 2 ** 40 }
  const store = memoryStore(limits) as Store<unknown>
  return {
    store,
    fill: (count, keepUntilMs) => spendMany(store, count, keepUntilMs),
    async weigh() {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    },
    end: () => store.close(),
  }
}

async function openSqlite(): Promise<Filled> {
  const folder = mkdtempSync(join(tmpdir(), 'poe-bench-'))
  const file = join(folder, 'scale.db')
  const store = sqliteStore(file) as Store<unknown>
  await store.epoch()
  const db = new Database(file)
  const add = db.prepare(`
    WITH RECURSIVE each (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < ?)
    INSERT INTO poe_spent (key_hash, owner, keep_until_ms, fingerprint, principal, head, body)
      SELECT randomblob(16), randomblob(8), ?, randomblob(32), randomblob(12), ?, ? FROM each`)
  return {
    store,
    fill: async (count, keepUntilMs) => {
      add.run(count, keepUntilMs, '\u0006\u0001orders/1\u0008', BODY)
    },
    async weigh() {
      const [pages, size] = ['page_count', 'page_size'].map(name =>
        Number(db.pragma(name, { simple: true })),
      )
      return Number(pages) * Number(size)
    },
    async end() {
      db.close()
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function openRedis(): Promise<Filled> {
  const server = await startRedis()
  const client = new Redis(server.url, { commandTimeout: 60_000 })
  await client.ping()
  const store = redisStore({ client }) as Store<unknown>
  await store.epoch()
  return {
    store,
    fill: async (count, keepUntilMs) => {
      for (let done = 0; done < count; done += FEW) {
        await client.eval(FILL, 0, Math.min(FEW, count - done), keepUntilMs, VALUE, nanoid())
      }
    },
    async weigh() {
      return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1])
    },
    async end() {
      await store.close()
      client.disconnect()
      await server.remove()
    },
  }
}

async function openPostgres(): Promise<Filled> {
  const settings = { fsync: 'on', shared_buffers: '512MB', max_wal_size: '4GB' }
  const server = await startPostgres({ settings })
  const pool = new pg.Pool({ connectionString: server.url, max: 4 })
  const store = postgresStore({ pool, direct: true })
  await store.migrate()
  await store.epoch()
  const bytes = (count: number): string => `decode(repeat('ab', ${count}), 'hex')`
  return {
    store: store as Store<unknown>,
    fill: async (count, keepUntilMs) => {
      await pool.query(`
        INSERT INTO poe.record (key, keep_until_ms, owner, told, head, body)
          SELECT gen_random_uuid(), ${keepUntilMs}, ${bytes(8)}, ${bytes(45)}, ${bytes(11)},
            ${bytes(BODY.length)} FROM generate_series(1, ${count})`)
    },
    async weigh() {
      await pool.query('VACUUM poe.record')
      const { rows } = await pool.query(`SELECT pg_total_relation_size('poe.record') AS bytes`)
      return Number(rows[0]?.bytes)
    },
    async end() {
      await store.close()
      await pool.end()
      await server.remove()
    },
  }
}
