/** Where the effects of a transaction are, beside the records of a store: of every kind. */
import Database from 'better-sqlite3'
import pg from 'pg'
import type { PostgresTransaction } from 'post-once-exactly/stores/postgres'
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import type { Store } from '../../lib/engine/store.js'
import { sharedPostgres } from './servers/postgres-server.js'
import type { OpenStore, StoreKind } from './stores.js'
import { type TinyTransaction, tinyDatabase } from './tiny-transactions.js'

/** Rows that are there when the transaction that wrote them is committed. */
export interface Rows {
  /** The store, with transactions where it has none of its own. */
  readonly store: Store<unknown>
  write(tx: unknown, row: string): unknown
  /** How many there are of a name. */
  count(row: string): number | Promise<number>
  close(): unknown
}

/** Opens them. Around a commit in memory stands `aroundCommit`; the others are real. */
export async function openRows(
  kind: StoreKind,
  { store, file }: OpenStore,
  aroundCommit: (isOver: boolean) => void,
): Promise<Rows> {
  if (kind === 'sqlite') return inSqlite(store, file as string)
  if (kind === 'postgres') return await inPostgres(store)
  const database = tinyDatabase(store)
  database.beforeCommit = async () => {
    aroundCommit(false)
    return null
  }
  database.afterCommit = async () => aroundCommit(true)
  return {
    store: database.store,
    write: (tx, row) => (tx as TinyTransaction).write(row),
    count: row => database.rows.filter(each => each === row).length,
    close: () => {},
  }
}

function inSqlite(store: Store<unknown>, file: string): Rows {
  const database = new Database(file)
  database.exec('CREATE TABLE effect (name TEXT)')
  const counting = database.prepare('SELECT count(*) AS n FROM effect WHERE name = ?')
  return {
    store,
    write: (tx, row) => (tx as SqliteTransaction).run('INSERT INTO effect VALUES (?)', row),
    count: row => (counting.get(row) as { n: number }).n,
    close: () => database.close(),
  }
}

let trials = 0

async function inPostgres(store: Store<unknown>): Promise<Rows> {
  const { url } = await sharedPostgres()
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  trials += 1
  const table = `effect_${process.pid}_${trials}`
  await pool.query(`CREATE TABLE ${table} (name text)`)
  return {
    store,
    write: (tx, row) =>
      (tx as PostgresTransaction).query(`INSERT INTO ${table} VALUES ($1)`, [row]),
    count: async row => {
      const { rows } = await pool.query(`SELECT 1 FROM ${table} WHERE name = $1`, [row])
      return rows.length
    },
    close: async () => {
      await pool.query(`DROP TABLE ${table}`)
      await pool.end()
    },
  }
}
