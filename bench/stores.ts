/**
 * What a claim and its completion cost on PostgreSQL and Redis, against the same by hand.
 *
 * Run by `npm run bench:stores [-- --pairs 5 --seconds 1.5]`. Both sides of a row
 * run in turn, 64 at a time, in this process and against one private server. Prints ratios.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { nanoid } from 'nanoid'
import pg from 'pg'
import { type PostgresTransaction, postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import type { Store } from '../lib/engine/store.js'
import { startPostgres } from '../test/support/servers/postgres-server.js'
import { startRedis } from '../test/support/servers/redis-server.js'

const LANES = 64
const HOUR_MS = 3_600_000
const HEAD =
  '[201,[["content-type","application/json; charset=utf-8"],["location","/orders/1"]],"k"]'
const BODY = Buffer.from(JSON.stringify({ id: 1, sku: 'tea', note: 'x'.repeat(118) }))
const OUTCOME = { head: HEAD, body: BODY }

type Work = () => Promise<unknown>

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
  },
})
const pairs = Number(values.pairs)
const forMs = Number(values.seconds) * 1_000

await benchRedis()
await benchPostgres()

async function benchRedis(): Promise<void> {
  const server = await startRedis()
  const client = new Redis(server.url, { enableAutoPipelining: true })
  await client.ping()
  const store = redisStore({ client })
  const byHand: Work = async () => {
    const key = nanoid()
    await client.set(`hand:${key}`, 'owner', 'PX', HOUR_MS, 'NX')
    await client.set(`hand:${key}`, Buffer.concat([Buffer.from(HEAD), BODY]), 'PX', HOUR_MS)
  }
  await row('Redis, claim + complete, against SET NX + SET by hand', () => spend(store), byHand)
  await store.close()
  client.disconnect()
  await server.remove()
}

async function benchPostgres(): Promise<void> {
  const server = await startPostgres({ settings: { fsync: 'on', shared_buffers: '512MB' } })
  const pool = new pg.Pool({ connectionString: server.url, max: 10 })
  const hands = new pg.Pool({ connectionString: server.url, max: 4 })
  const store = postgresStore({ pool, direct: true })
  await store.migrate()
  await pool.query(`
    CREATE TABLE app_order (id bigserial PRIMARY KEY, sku text NOT NULL);
    CREATE TABLE hand (key uuid PRIMARY KEY, owner text, until_ms bigint, head bytea, body bytea)`)
  const prepared = (name: string, text: string) => (given: unknown[]) => ({
    ...{ name, text },
    values: given,
  })
  const take = prepared('take', 'INSERT INTO hand VALUES ($1, $2, $3) ON CONFLICT DO NOTHING')
  const done = prepared('done', 'UPDATE hand SET head = $2, body = $3 WHERE key = $1')
  const order = prepared('order', 'INSERT INTO app_order (sku) VALUES ($1)')
  const external: Work = async () => {
    const key = randomUUID()
    await hands.query(take([key, 'owner', Date.now() + 15_000]))
    await hands.query(done([key, HEAD, BODY]))
  }
  const transactional = async (isClaimed: boolean): Promise<void> => {
    const key = randomUUID()
    if (isClaimed) await hands.query(take([key, 'owner', Date.now() + 15_000]))
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(order(['tea']))
    if (isClaimed) await client.query(done([key, HEAD, BODY]))
    await client.query('COMMIT')
    client.release()
  }
  const ours: Work = () => spendInTransaction(store)
  await row('PostgreSQL, claim + complete, against the same by hand', () => spend(store), external)
  await row('PostgreSQL, transactional, against the same by hand', ours, () => transactional(true))
  await row('PostgreSQL, transactional, against the app’s own', ours, () => transactional(false))
  await store.close()
  await Promise.all([pool.end(), hands.end()])
  await server.remove()
}

/** One row: the median of the ratios of its pairs, with the least and the greatest. */
async function row(title: string, ours: Work, theirs: Work): Promise<void> {
  const ratios: number[] = []
  for (let pair = 0; pair <= pairs; pair += 1) {
    const ratio = (await rateOf(ours)) / (await rateOf(theirs))
    // The first pair warms up.
    if (pair > 0) ratios.push(ratio)
  }
  ratios.sort((a, b) => a - b)
  const [least = 0, median = 0, greatest = 0] = [0, Math.floor(pairs / 2), pairs - 1].map(
    at => ratios[at] ?? 0,
  )
  console.log(`${title}: ${fixed(median)} (${fixed(least)}-${fixed(greatest)})`)
}

async function rateOf(work: Work): Promise<number> {
  const endMs = performance.now() + forMs
  let count = 0
  const lane = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await work()
      count += 1
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: LANES }, lane))
  return count / (performance.now() - startedMs)
}

async function spend<Tx>(store: Store<Tx>): Promise<void> {
  const [key, owner] = await take(store)
  await store.complete(key, owner, OUTCOME)
}

async function spendInTransaction(store: Store<PostgresTransaction>): Promise<void> {
  const [key, owner] = await take(store)
  const transaction = store.transaction?.(key, owner)
  await transaction?.handle.query({
    name: 'order',
    text: 'INSERT INTO app_order (sku) VALUES ($1)',
    values: ['tea'],
  })
  await transaction?.commit(OUTCOME)
}

async function take<Tx>(store: Store<Tx>): Promise<[key: string, owner: string]> {
  const key = `order:${nanoid()}`
  const owner = nanoid()
  const nowMs = Date.now()
  const { state } = await store.claim(key, {
    ...{ owner, epoch: null, leaseMs: 15_000, claimByMs: nowMs + 60_000 },
    ...{ tokenExpiresMs: nowMs + HOUR_MS, keepUntilMs: nowMs + HOUR_MS, onSilence: 'free' },
    ...{ fingerprint: randomBytes(32).toString('base64url'), principal: nanoid(16) },
  })
  if (state !== 'claimed') throw new Error(`the claim is ${state}`)
  return [key, owner]
}

function fixed(value: number): string {
  return value.toFixed(2)
}
