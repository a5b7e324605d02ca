/**
 * A store of its own for each test, of every kind that this machine can run.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import type { Store } from '../../lib/engine/store.js'
import { sharedPostgres } from './servers/postgres-server.js'
import { areInstalled } from './servers/programs.js'
import { sharedRedis } from './servers/redis-server.js'
import { shiftedClock } from './shifted-clock.js'

/** Which store. */
export type StoreKind = 'memory' | 'sqlite' | 'postgres' | 'redis'

/** What each kind needs. */
const PROGRAMS: Readonly<Record<StoreKind, readonly string[]>> = {
  memory: [],
  sqlite: [],
  postgres: ['postgres', 'initdb'],
  redis: ['redis-server'],
}

/** The kinds that are asked for: all, or those that `POE_TEST_STORES` names, joined by commas. */
const ASKED: readonly string[] = process.env.POE_TEST_STORES?.split(',') ?? Object.keys(PROGRAMS)

/** The kinds that can be tried here; a line tells which ones cannot. */
export const INSTALLED_STORES: readonly StoreKind[] = (Object.keys(PROGRAMS) as StoreKind[]).filter(
  kind => ASKED.includes(kind) && areInstalled(PROGRAMS[kind], `the ${kind} store`),
)

/** A store that is open for one test. */
export interface OpenStore {
  readonly store: Store<unknown>
  /** The sqlite file; `null` for other stores. */
  readonly file: string | null
  /** Closes it and removes what it kept. */
  discard(): Promise<void>
}

/**
 * Opens a store.
 *
 * @param now - the clock; on a server all but leases goes by it
 */
export async function openStore(kind: StoreKind, now: () => number = Date.now): Promise<OpenStore> {
  switch (kind) {
    case 'memory':
      return await openMemory(now)
    case 'sqlite':
      return await openSqlite(now)
    case 'postgres':
      return shifted(await openPostgres(), now)
    case 'redis':
      return shifted(await openRedis(), now)
  }
}

async function openMemory(now: () => number): Promise<OpenStore> {
  const store = memoryStore({ now }) as Store<unknown>
  return { store, file: null, discard: () => store.close() }
}

async function openSqlite(now: () => number): Promise<OpenStore> {
  files ??= makeFolder()
  const folder = await mkdtemp(join(files, 'store-'))
  const file = join(folder, 'store.db')
  const store = sqliteStore({ file, now }) as Store<unknown>
  const discard = async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
  return { store, file, discard }
}

/** For the files of this process, some of which nobody discards. */
let files: string | null = null

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'poe-test-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function shifted(opened: OpenStore, now: () => number): OpenStore {
  if (now === Date.now) return opened
  return { ...opened, store: shiftedClock(opened.store, () => now() - Date.now()) }
}

let memories = 0
/** Schemas that no store uses any more: to empty one takes a tenth of the time of making one. */
const emptied: string[] = []

/** Statements that empty a schema of PostgreSQL. */
export function emptySql(schema: string): string {
  const tables = ['record', 'doubt', 'memory', 'secret', 'outbox']
  return tables.map(table => `DELETE FROM ${schema}.${table}`).join(';')
}

async function openPostgres(): Promise<OpenStore> {
  const { url } = await sharedPostgres()
  const left = emptied.pop()
  memories += 1
  const schema = left ?? `w${process.pid}_${memories}`
  const pool = new pg.Pool({ connectionString: url })
  const store = postgresStore({ pool, schema })
  if (left === undefined) await store.migrate()
  const discard = async () => {
    await store.close()
    await pool.query(emptySql(schema))
    await pool.end()
    emptied.push(schema)
  }
  return { store: store as Store<unknown>, file: null, discard }
}

async function openRedis(): Promise<OpenStore> {
  const { url } = await sharedRedis()
  memories += 1
  const prefix = `w${memories}`
  const client = new Redis(url)
  await client.ping()
  const store = redisStore({ client, prefix })
  const discard = async () => {
    await store.close()
    client.disconnect()
  }
  return { store: store as Store<unknown>, file: null, discard }
}
