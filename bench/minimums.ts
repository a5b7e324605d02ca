/**
 * The least that each promise needs, written by hand: what the library is measured against.
 *
 * A link is a nonce with an HMAC. "memory": claim and record in a Map. "sqlite": claim and record
 * as two durable writes, those of one turn of the event loop in one transaction.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import Database from 'better-sqlite3'
import { nanoid } from 'nanoid'

const KEY = randomBytes(32)

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

/** A memory of claims and records. */
export interface Memory {
  claim(nonce: string): Promise<boolean>
  record(nonce: string, answer: string): Promise<void>
  find(nonce: string): string | null
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
    find: nonce => records.get(nonce) ?? null,
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
  const select = db.prepare('SELECT answer FROM records WHERE nonce = ?').pluck()
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
    find: nonce => (select.get(nonce) as Buffer | null | undefined)?.toString() ?? null,
  }
}

function tagOf(nonce: string): string {
  return createHmac('sha256', KEY).update(nonce).digest('base64url').slice(0, 22)
}
