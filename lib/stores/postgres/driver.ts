/**
 * What the store uses of `pg`, and how it tells the server's errors apart.
 */
import type { Pool, PoolClient } from 'pg'
import pg from 'pg'
import { PoeError, type PoeErrorCode } from '../../errors.js'
import { IS_STANDBY, IS_TOO_ISOLATED } from './states.js'

/** A pool of `pg`. */
export type PostgresPool = Pool
/** A connection of a pool. */
export type PostgresClient = PoolClient

/** Opens a pool for one piece of work. */
export function connectionPool(url: string): PostgresPool {
  return new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 5_000 })
}

/** The oids of the types that replies have. */
const [BOOLEAN, BYTEA, BIGINT, INTEGER] = [16, 17, 20, 23]

/**
 * How values are read, whatever an app has told `pg` for itself: flags, numbers and bytes as such,
 * all else as the server spells it.
 */
export const TYPES: pg.CustomTypesConfig = {
  getTypeParser(oid: number) {
    switch (oid) {
      case BOOLEAN:
        return readFlag
      case BIGINT:
      case INTEGER:
        return Number
      case BYTEA:
        return readBytes
      default:
        return readText
    }
  },
}

const readFlag = (text: string): boolean => text === 't'
const readText = (text: string): string => text

function readBytes(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  // The database has bytea_output = escape.
  return Buffer.from(text.replaceAll(ESCAPED, byteOf), 'latin1')
}

const ESCAPED = /\\(?:\\|[0-7]{3})/g

function byteOf(escaped: string): string {
  return escaped === '\\\\' ? '\\' : String.fromCharCode(Number.parseInt(escaped.slice(1), 8))
}

/** The server's SQLSTATE of an error, or Node's code, or `''`. */
export function sqlState(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

/** Whether the server answered, so that what failed is known to be undone. */
export function isServersWord(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && !endsConnection(error)
}

/**
 * Whether an error is a statement's own, unless its connection is gone: the driver could not send
 * it, or read what came. So is one whose values are too many or too few, which the server calls a
 * violation of the protocol; a pooler says that of what it has ended.
 */
export function isOfStatement(error: unknown): boolean {
  if (sqlState(error) !== '08P01') return !endsConnection(error)
  return (error as { readonly severity?: unknown }).severity !== 'FATAL'
}

/**
 * Whether an error says that the connection is gone: the network ended it, or the server, when it
 * shuts down or a transaction has been idle, or open, for longer than it allows.
 */
function endsConnection(error: unknown): boolean {
  return /^(?:57P0|08|25P03|25P04)/.test(sqlState(error))
}

/** Whether the database undid a transaction because of another one. */
export function isConflict(error: unknown): boolean {
  return /^(?:40001|40P01)$/.test(sqlState(error))
}

/** Whether the server has no room for what was to be written. */
export function isFull(error: unknown): boolean {
  return /^(?:53100|53200)$/.test(sqlState(error))
}

/** Whether the server gave up: it waited for a lock, or worked, for as long as it may. */
export function isInVain(error: unknown): boolean {
  return /^(?:55P03|57014)$/.test(sqlState(error))
}

/** Whether the database's defaults keep a statement from working by itself. */
export function needsOwnTransaction(error: unknown): boolean {
  return sqlState(error) === IS_TOO_ISOLATED || sqlState(error) === '25006'
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
  const [code, advice] = judge(sqlState(cause))
  return new PoeError(code, `${what}: ${reason}.${advice}`, { cause })
}

function judge(state: string): [PoeErrorCode, string] {
  switch (state) {
    case IS_STANDBY:
    case '25006':
      return ['ERR_POE_STORE_CONFIG', ' Connect to the primary: a standby may be behind.']
    case '3F000':
    case '42P01':
    case '42883':
    case '42703':
      return ['ERR_POE_STORE_SCHEMA', ' Run `npx poe migrate <url>` once.']
    case '42501':
      return ['ERR_POE_STORE_CONFIG', ' Grant this role the rights of the migration guide.']
    case '53100':
    case '53200':
      return ['ERR_POE_STORE_FULL', ' Make room on the server.']
    case '53300':
      return ['ERR_POE_STORE_DOWN', ' Raise max_connections, or lower the pools.']
    case '55P03':
    case '40001':
    case '40P01':
      return ['ERR_POE_STORE_BUSY', ' Another transaction holds the record.']
    case '57014':
      return ['ERR_POE_STORE_BUSY', " Raise the role's statement_timeout."]
    case '28P01':
    case '28000':
    case '3D000':
      return ['ERR_POE_STORE_CONFIG', " Check the pool's user, password and database."]
    default:
      return ['ERR_POE_STORE_DOWN', '']
  }
}
