/**
 * Makes the schema of the PostgreSQL store, or brings it to this version. Harmless to repeat, and
 * safe to be run by several at once.
 */
import pg from 'pg'
import { PoeError } from '../../errors.js'
import { connectionOf, giveBack } from './connections.js'
import { type PostgresClient, type PostgresPool, sqlState, storeError, TYPES } from './driver.js'
import { SCHEMA_VERSION, schemaSql } from './schema.js'

/** What a migration did. */
export interface Migration {
  /** The version that was there before; `null` where there was none. */
  readonly from: number | null
  /** The version that is there now. */
  readonly to: number
}

/**
 * Migrates.
 *
 * @param pool - of a role that may make a schema
 * @param schema - its name, unquoted
 * @returns what was there, and what is
 * @throws PoeError `ERR_POE_STORE_SCHEMA` when a newer version made it; `ERR_POE_STORE_DOWN` or
 *   `_CONFIG` when the server refuses
 */
export async function migrate(pool: PostgresPool, schema: string): Promise<Migration> {
  const poe = pg.escapeIdentifier(schema)
  const client = await connectionOf(pool).catch(error => {
    throw storeError('No connection for the migration', error)
  })
  try {
    await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE')
    await client.query('SELECT pg_advisory_xact_lock(1886350693, 0)')
    const from = await versionOf(client, poe)
    if (from !== null && from > SCHEMA_VERSION) throw tooNew(from, schema)
    await client.query(schemaSql(poe, from === null))
    await client.query('COMMIT')
    giveBack(client)
    return { from, to: SCHEMA_VERSION }
  } catch (error) {
    giveBack(client, true)
    throw storeError(`The schema ${schema} cannot be made`, error)
  }
}

/** The migration as SQL, for those who run such things themselves. */
export function migrationSql(schema: string): string {
  return `BEGIN;${schemaSql(pg.escapeIdentifier(schema), true)}\nCOMMIT;\n`
}

/**
 * Refuses a schema that this version cannot use.
 *
 * @throws PoeError `ERR_POE_STORE_SCHEMA` that says what to do
 */
export function checkVersion(version: number, schema: string): void {
  if (version === SCHEMA_VERSION) return
  if (version > SCHEMA_VERSION) throw tooNew(version, schema)
  const text = `The schema ${schema} has version ${version}; ${SCHEMA_VERSION} is needed.`
  throw new PoeError('ERR_POE_STORE_SCHEMA', `${text} Run \`npx poe migrate <url>\` once.`)
}

async function versionOf(client: PostgresClient, poe: string): Promise<number | null> {
  // Without values, which a pool may have answered in binary.
  const there = await client.query({
    text: `SELECT to_regclass('${poe}.record') IS NOT NULL AS is_there`,
    types: TYPES,
  })
  if (there.rows[0]?.is_there !== true) return null
  try {
    await client.query('SAVEPOINT look')
    const found = await client.query({ text: `SELECT ${poe}.version() AS version`, types: TYPES })
    return Number(found.rows[0]?.version)
  } catch (error) {
    if (sqlState(error) !== '42883') throw error
    await client.query('ROLLBACK TO look')
    return 0
  }
}

function tooNew(version: number, schema: string): PoeError {
  const text = `The schema ${schema} has version ${version}, made by a newer release.`
  return new PoeError('ERR_POE_STORE_SCHEMA', `${text} Update post-once-exactly.`)
}
