/**
 * The least that each promise needs, written by hand: what the library is measured against.
 *
 * A link is a nonce with an HMAC. Claim and record are two durable writes, those of one turn of the
 * event loop together where the store can do that.
 */
import { hash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import Database from 'better-sqlite3'
import { Redis } from 'ioredis'
import { nanoid } from 'nanoid'
import pg from 'pg'

const HOUR_MS = 3_600_000

/** Makes a link's token. */
export function makeToken(): string {
  const nonce = nanoid(22)
  return nonce + tagOf(nonce)
}

/** Gives the nonce of a genuine token, or `null`. */
export function nonceOf(token: string): string | null {
  const nonce = token.slice(0, 22)
  const given = Buffer.from(token.slice(22))
  const expected = Buffer.from(tagOf(nonce))
  return given.length === expected.length && timingSafeEqual(given, expected) ? nonce : null
}

/** HMAC-SHA-256 in two one-shot hashes, the cheapest way that Node has. */
function tagOf(nonce: string): string {
  INNER.write(nonce, 64, 'latin1')
  OUTER.write(hash('sha256', INNER, 'binary'), 64, 'binary')
  return hash('sha256', OUTER, 'base64url').slice(0, 22)
}

const [INNER, OUTER] = [Buffer.alloc(64 + 22, 0x36), Buffer.alloc(64 + 32, 0x5c)]
for (const [at, byte] of randomBytes(32).entries()) {
  INNER[at] = byte ^ 0x36
  OUTER[at] = byte ^ 0x5c
}

/** A memory of claims and records. */
export interface Memory {
  claim(nonce: string): Promise<boolean>
  record(nonce: string, answer: string): Promise<void>
  /** What was recorded, where that is known at once. */
  read?(nonce: string): string | undefined
}

/** In a Map. */
export function mapMemory(): Memory {
  const records = new Map<string, string>()
  return {
    async claim(nonce) {
      if (records.has(nonce)) return false
      records.set(nonce, '')
      return true
    },
    async record(nonce, answer) {
      records.set(nonce, answer)
    },
    read: nonce => records.get(nonce),
  }
}

/** In a sqlite file: WAL, synchronous FULL, group commit. */
export function sqliteMemory(file: string): Memory {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('CREATE TABLE records (nonce TEXT PRIMARY KEY, answer BLOB) WITHOUT ROWID')
  const insert = db.prepare('INSERT OR IGNORE INTO records VALUES (?, NULL)')
  const update = db.prepare('UPDATE records SET answer = ? WHERE nonce = ?')
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  let jobs: (() => () => void)[] = []
  const flush = () => {
    const batch = jobs
    jobs = []
    begin.run()
    const answers = batch.map(job => job())
    commit.run()
    for (const answer of answers) answer()
  }
  const inBatch = <Result>(job: () => Result): Promise<Result> =>
    new Promise(resolve => {
      if (jobs.length === 0) setImmediate(flush)
      jobs.push(() => {
        const result = job()
        return () => resolve(result)
      })
    })
  return {
    claim: nonce => inBatch(() => insert.run(nonce).changes === 1),
    record: async (nonce, answer) => {
      await inBatch(() => update.run(Buffer.from(answer), nonce))
    },
  }
}

/** In Redis, commands of one turn of the event loop in one write. */
export function redisMemory(url: string): Memory {
  const client = new Redis(url, { enableAutoPipelining: true })
  return {
    claim: async nonce => (await client.set(nonce, 'owner', 'PX', HOUR_MS, 'NX')) === 'OK',
    record: async (nonce, answer) => {
      await client.set(nonce, answer, 'PX', HOUR_MS)
    },
  }
}

const TAKE = 'INSERT INTO hand VALUES ($1, $2, $3) ON CONFLICT DO NOTHING'
const DONE = 'UPDATE hand SET answer = $2 WHERE key = $1'
const ORDER = 'INSERT INTO app_order (sku) VALUES ($1)'

/** Makes the tables that all PostgreSQL apps use. */
export async function makeTables(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  await pool.query(`
    CREATE TABLE IF NOT EXISTS app_order (id bigserial PRIMARY KEY, sku text NOT NULL);
    CREATE TABLE IF NOT EXISTS hand (key uuid PRIMARY KEY, owner text, until_ms bigint,
      answer text)`)
  await pool.end()
}

/** In PostgreSQL, each write a statement of its own. */
export function postgresMemory(url: string): Memory {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  const keys = new Map<string, string>()
  return {
    claim: async nonce => {
      const key = randomUUID()
      keys.set(nonce, key)
      return (await pool.query(TAKE, [key, 'owner', Date.now() + 15_000])).rowCount === 1
    },
    record: async (nonce, answer) => {
      await pool.query(DONE, [keys.get(nonce), answer])
      keys.delete(nonce)
    },
  }
}

/**
 * An order in a transaction of its own; with `claims`, the claim ahead of it and the record in it.
 */
export function ownTransaction(url: string, claims: boolean): (sku: string) => Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  const hands = new pg.Pool({ connectionString: url, max: 4 })
  return async sku => {
    const key = randomUUID()
    if (claims) await hands.query(TAKE, [key, 'owner', Date.now() + 15_000])
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(ORDER, [sku])
    if (claims) await client.query(DONE, [key, JSON.stringify({ sku })])
    await client.query('COMMIT')
    client.release()
  }
}
