/**
 * The driver: loads better-sqlite3, opens connections, and tells its errors apart.
 */
import Module, { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'
import { PoeError, type PoeErrorCode } from '../../errors.js'

/** A connection of better-sqlite3. */
export type SqliteDatabase = BetterSqlite3.Database

/** A prepared statement. */
export type SqliteStatement = BetterSqlite3.Statement<unknown[]>

const BUSY = /^SQLITE_(?:BUSY|LOCKED|PROTOCOL)/

type Constructor = new (file: string, options: BetterSqlite3.Options) => SqliteDatabase

/**
 * Opens a connection that never waits for a lock inside sqlite: waiting there would stop the whole
 * process. The file is not touched yet.
 *
 * @param file - path of the database
 * @param options - `fileMustExist`: it is not made where it is absent
 * @throws PoeError `ERR_POE_STORE_DOWN` when it cannot be opened
 * @throws Error when better-sqlite3 is not installed, or when it is not one for this Node
 */
export function openConnection(
  file: string,
  options: { readonly fileMustExist?: boolean } = {},
): SqliteDatabase {
  const Database = loadDriver()
  try {
    return new Database(file, { timeout: 0, ...options })
  } catch (cause) {
    throw storeError(`The database file ${file} cannot be opened`, cause)
  }
}

/**
 * Sets a connection up: every commit is synced to the disk, foreign keys count. These settings are
 * the connection's, not the file's, but sqlite reads the file for them.
 *
 * @throws what the driver throws, `SQLITE_BUSY` among it
 */
export function configure(db: SqliteDatabase): void {
  db.pragma('synchronous = FULL')
  db.pragma('foreign_keys = ON')
  // In KB, taken only as needed: the index of a million records, whose keys are random, fits in.
  db.pragma('cache_size = -32000')
}

/**
 * Prepares a statement of ours, once for each connection: to compile one takes longer than most
 * take to run.
 *
 * @param shape - what a row is given as: by default an object, `raw` an array, `pluck` its first
 *   value; always the same for one statement
 * @throws what the driver throws, `SQLITE_BUSY` among it
 */
export function prepared(
  db: SqliteDatabase,
  sql: string,
  shape?: 'raw' | 'pluck',
): SqliteStatement {
  let ofConnection = statements.get(db)
  if (ofConnection === undefined) {
    ofConnection = new Map()
    statements.set(db, ofConnection)
  }
  let statement = ofConnection.get(sql)
  if (statement === undefined) {
    statement = db.prepare<unknown[]>(sql)
    if (shape !== undefined && statement.reader) statement[shape](true)
    ofConnection.set(sql, statement)
  }
  return statement
}

const statements = new WeakMap<SqliteDatabase, Map<string, SqliteStatement>>()

/** Whether an error says that another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return BUSY.test(sqliteCode(error))
}

/**
 * Turns what the driver threw into an operational failure.
 *
 * @param what - what was tried, without a full stop
 * @param cause - what was thrown; a `PoeError` is given back as it is
 */
export function storeError(what: string, cause: unknown): PoeError {
  if (cause instanceof PoeError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new PoeError(codeFor(sqliteCode(cause)), `${what}: ${reason}.${advice(cause)}`, { cause })
}

/** sqlite's own code of an error, or `''`. */
export function sqliteCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

function codeFor(code: string): PoeErrorCode {
  if (code.startsWith('SQLITE_FULL')) return 'ERR_POE_STORE_FULL'
  return BUSY.test(code) ? 'ERR_POE_STORE_BUSY' : 'ERR_POE_STORE_DOWN'
}

function advice(cause: unknown): string {
  const code = sqliteCode(cause)
  if (code.startsWith('SQLITE_FULL')) return ' Make room on the disk.'
  if (code.startsWith('SQLITE_NOTADB')) return ' Name another file, or restore this one.'
  if (code.startsWith('SQLITE_CORRUPT')) return ' Restore it from a backup and rotate the epoch.'
  if (code.startsWith('SQLITE_READONLY')) {
    return ' The file, its -wal and -shm and their directory must be writable.'
  }
  if (cause instanceof TypeError) return ' Create the directory first.'
  if (code.startsWith('SQLITE_CANTOPEN')) return ' Check the path and its permissions.'
  return ''
}

let loaded: Constructor | undefined

/**
 * Loads better-sqlite3, once.
 *
 * @throws Error when it is not installed, or when it is not one for this Node
 */
export function loadDriver(): Constructor {
  if (loaded !== undefined) return loaded
  // 13 asks for Node-API 10, and does not look whether that is there.
  const suitable = Number(process.versions.napi) < 10 ? 12 : 13
  const install = `run \`npm install better-sqlite3@${suitable}\`.`
  const { version, load } = findDriver(install)
  const what = `better-sqlite3 ${version} on Node ${process.versions.node}`
  const major = Number.parseInt(version, 10)
  if (major > 12 && suitable === 12) {
    throw new Error(`${what} would end the process when a file is opened: ${install}`)
  }
  if (major < 13 && Number.parseInt(process.versions.node, 10) >= 24) {
    const text = `${what} can end the process when memory is cleaned up: ${install}`
    process.emitWarning(text, { code: 'POE_SQLITE_DRIVER' })
  }
  loaded = load()
  return loaded
}

/** The driver that is installed, not loaded yet. */
interface Driver {
  readonly version: string
  load(): Constructor
}

function findDriver(install: string): Driver {
  // esbuild leaves no address of the module where it writes CommonJS, but a file's name. Bundlers
  // know this form of words, and may put the driver into the bundle.
  const require = createRequire(import.meta.url ?? __filename)
  try {
    const { version } = require('better-sqlite3/package.json') as { version: string }
    return { version, load: () => require('better-sqlite3') as Constructor }
  } catch (cause) {
    const driver = findByProgram()
    if (driver !== null) return driver
    throw new Error(`sqliteStore needs better-sqlite3: ${install}`, { cause })
  }
}

/** webpack, as in Next.js, writes the address where the bundle was made, which may not be here. */
function findByProgram(): Driver | null {
  const [, program] = process.argv
  if (program === undefined) return null
  try {
    // Bundlers warn of the other form where they do not know what is given.
    const find = Module.createRequire(program)
    const { version } = find('better-sqlite3/package.json') as { version: string }
    return { version, load: () => find('better-sqlite3') as Constructor }
  } catch {
    return null
  }
}
