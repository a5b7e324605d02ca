/**
 * The PostgreSQL store: for those who run more than one process and keep their data in PostgreSQL.
 * A handler's writes and the mark of its key are one transaction.
 */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { describe, wholeNumber } from '../engine/checks.js'
import type { OutboxStore } from '../engine/outbox/outbox-store.js'
import type {
  Claim,
  ClaimReply,
  ListQuery,
  ListReply,
  OwnerReply,
  ReadReply,
  Store,
  StoreCapabilities,
  StoredOutcome,
  StoredSecret,
  StoreTime,
  StoreTransaction,
} from '../engine/store.js'
import type { StoreAdmin } from '../engine/store-admin.js'
import { PoeError } from '../errors.js'
import { claimFault, leaseFault, pageOf, purgeLimit, verdictFault } from './arguments.js'
import { checkKeys, timeOption } from './options.js'
import { PostgresAdmin } from './postgres/admin.js'
import { Connections } from './postgres/connections.js'
import type { PostgresPool } from './postgres/driver.js'
import { isPool, plainPool } from './postgres/joining-pool.js'
import { checkVersion, type Migration, migrate, migrationSql } from './postgres/migrate.js'
import { ServerOutbox } from './postgres/outbox.js'
import { watchPool } from './postgres/pool-use.js'
import type { Isolation } from './postgres/query.js'
import { PostgresRecords } from './postgres/records.js'
import { PostgresClaimTransaction, type PostgresTransaction } from './postgres/transaction.js'
import { USUAL_MS } from './within.js'

export type { PostgresPool } from './postgres/driver.js'
export { type JoiningPoolOptions, joiningPool } from './postgres/joining-pool.js'
export type { Migration } from './postgres/migrate.js'
export type { Callback, Isolation } from './postgres/query.js'
export type { PostgresTransaction } from './postgres/transaction.js'

const WHERE = 'postgresStore'
const DEFAULT_SCHEMA = 'poe'
/** One purge statement removes this many at most, so that it never holds many rows at once. */
const PURGE_BATCH = 1_000
const EPOCH_BYTES = 9
const ISOLATIONS: readonly Isolation[] = ['read committed', 'repeatable read', 'serializable']

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /**
   * The app's pool of `pg` 8, joining or plain. Handlers' transactions run on its connections; for
   * its own calls the store opens some of its own with the same settings.
   */
  readonly pool: PostgresPool
  /** The schema that holds the store's tables. Default `poe`. */
  readonly schema?: string | undefined
  /** How many connections the store opens for its own calls. Default 4. */
  readonly connections?: number | undefined
  /**
   * How long a handler's transaction may be open, in milliseconds. Default 30,000. Its connection
   * is its alone meanwhile, and whoever wants its rows waits.
   */
  readonly txMaxMs?: number | undefined
  /** The isolation level of handlers' transactions. Default `read committed`. */
  readonly isolation?: Isolation | undefined
  /**
   * How long the server may wait for a lock on a record, in milliseconds. Default half of what a
   * call has: 425 with the engine's own `storeTimeoutMs`.
   */
  readonly lockWaitMs?: number | undefined
  /**
   * Says that no pooler in transaction mode stands between, so that statements may be prepared by
   * name. Default `false`: every statement is parsed anew.
   */
  readonly direct?: boolean | undefined
}

/** A PostgreSQL store. */
export interface PostgresStore extends Store<PostgresTransaction> {
  readonly outbox: OutboxStore
  readonly admin: StoreAdmin
  /**
   * Makes the schema, or brings it to this version. Harmless to repeat. The pool's role must be
   * allowed to make a schema; where it is not, run `npx poe migrate` as one that is.
   *
   * @throws PoeError `ERR_POE_STORE_SCHEMA` when a newer release made it, `_DOWN` or `_CONFIG` when
   *   the server refuses
   */
  migrate(): Promise<Migration>
  /** Opens a transaction for a running claim. */
  transaction(
    key: string,
    owner: string,
    withinMs?: number,
    onUnawaited?: () => void,
  ): StoreTransaction<PostgresTransaction>
}

/**
 * Opens a store in PostgreSQL 13 or later, through `pg` 8.
 *
 * A claim is one statement at READ COMMITTED and is on the disk before the handler runs, whatever
 * the database's defaults. Leases go by the server's clock. Works through PgBouncer in transaction
 * mode. A call takes as long as the engine's `storeTimeoutMs` allows, a commit `recordForMs`. A
 * handler waits for a connection of a pool that is only busy for 5 s at most, or as long as the
 * pool itself waits.
 *
 * @param options - the pool, and what differs from the defaults
 * @returns a store; its first call checks the schema
 * @throws TypeError or RangeError on malformed options
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  return new ServerStore(resolveOptions(options))
}

/**
 * The migration as SQL, for those who run such things themselves.
 *
 * @param schema - the schema's name. Default `poe`
 */
export function postgresMigrationSql(schema: string = DEFAULT_SCHEMA): string {
  return migrationSql(schemaOption(schema))
}

type Settings = Required<{
  [Name in Exclude<keyof PostgresStoreOptions, 'lockWaitMs'>]: NonNullable<
    PostgresStoreOptions[Name]
  >
}> & { readonly lockWaitMs: number | null }

function resolveOptions(options: PostgresStoreOptions): Settings {
  const known = ['pool', 'schema', 'connections', 'txMaxMs', 'isolation', 'lockWaitMs', 'direct']
  checkKeys(WHERE, options, known)
  return Object.freeze({
    pool: poolOption(options.pool),
    schema: schemaOption(options.schema),
    connections: wholeNumber(WHERE, 'connections', options.connections, 4, 1),
    txMaxMs: timeOption(WHERE, 'txMaxMs', options.txMaxMs, 30_000, 1),
    isolation: isolationOption(options.isolation),
    lockWaitMs: lockWaitOption(options.lockWaitMs),
    direct: flagOption('direct', options.direct),
  })
}

function lockWaitOption(lockWaitMs: number | undefined): number | null {
  return lockWaitMs === undefined ? null : timeOption(WHERE, 'lockWaitMs', lockWaitMs, 1, 1)
}

function poolOption(pool: unknown): PostgresPool {
  if (isPool(pool)) return plainPool(pool)
  throw new TypeError(`${WHERE}: give a Pool of pg as pool, got ${describe(pool)}.`)
}

function schemaOption(schema: unknown): string {
  if (schema === undefined) return DEFAULT_SCHEMA
  if (typeof schema === 'string' && /^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema
  const rule = 'must be 1 to 63 small letters, digits and underscores, and begin with no digit'
  throw new TypeError(`${WHERE}: schema ${rule}, got ${describe(schema)}.`)
}

function isolationOption(isolation: unknown): Isolation {
  const found = ISOLATIONS.find(level => level === (isolation ?? 'read committed'))
  if (found !== undefined) return found
  const list = ISOLATIONS.map(level => `'${level}'`).join(', ')
  throw new TypeError(`${WHERE}: isolation must be one of ${list}, got ${describe(isolation)}.`)
}

function flagOption(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw new TypeError(`${WHERE}: ${name} must be true or false, got ${describe(value)}.`)
}

class ServerStore implements PostgresStore {
  readonly capabilities: StoreCapabilities = Object.freeze({
    durable: true,
    crossProcess: true,
    transactional: true,
    nativeExpiry: false,
  })
  readonly outbox: ServerOutbox
  readonly admin: PostgresAdmin
  readonly #settings: Settings
  readonly #poe: string
  readonly #connections: Connections
  readonly #records: PostgresRecords

  constructor(settings: Settings) {
    const { pool, connections, direct, schema, lockWaitMs } = settings
    this.#settings = settings
    this.#connections = new Connections({ pool, connections, direct })
    this.#poe = pg.escapeIdentifier(schema)
    this.#records = new PostgresRecords(this.#connections, this.#poe, lockWaitMs)
    this.outbox = new ServerOutbox(this.#connections, this.#poe, lockWaitMs)
    this.admin = new PostgresAdmin(this.#connections, this.#poe)
    // A server that restarts ends idle connections, too: that shall not end the app's process. It
    // stays after `close`, for a connection of ours that dies later than that.
    if (!pool.listeners('error').includes(ignore)) pool.on('error', ignore)
    watchPool(pool)
  }

  migrate(): Promise<Migration> {
    return migrate(this.#settings.pool, this.#settings.schema)
  }

  transaction(
    key: string,
    owner: string,
    withinMs: number = USUAL_MS,
    onUnawaited?: () => void,
  ): StoreTransaction<PostgresTransaction> {
    const { pool, isolation, txMaxMs } = this.#settings
    const records = this.#records
    const tools = { pool, isolation, txMaxMs, records, poe: this.#poe, callMs: withinMs }
    return new PostgresClaimTransaction(tools, key, owner, onUnawaited)
  }

  claim(key: string, claim: Claim, withinMs?: number): Promise<ClaimReply> {
    const fault = claimFault(key, claim)
    return fault === null ? this.#records.claim(key, claim, withinMs) : Promise.reject(fault)
  }

  renew(key: string, owner: string, leaseMs: number, withinMs?: number): Promise<OwnerReply> {
    const fault = leaseFault(leaseMs)
    if (fault !== null) return Promise.reject(fault)
    return this.#records.renew(key, owner, leaseMs, withinMs)
  }

  mark(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    return this.#records.mark(key, owner, withinMs)
  }

  complete(
    key: string,
    owner: string,
    outcome: StoredOutcome,
    withinMs?: number,
  ): Promise<OwnerReply> {
    return this.#records.complete(key, owner, outcome, withinMs)
  }

  confirm(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    return this.#records.confirm(key, owner, withinMs)
  }

  attachBody(
    key: string,
    owner: string,
    outcome: StoredOutcome,
    withinMs?: number,
  ): Promise<OwnerReply> {
    return this.#records.attachBody(key, owner, outcome, withinMs)
  }

  release(key: string, owner: string, withinMs?: number): Promise<OwnerReply> {
    return this.#records.release(key, owner, withinMs)
  }

  settle(
    key: string,
    owner: string,
    verdict: StoredOutcome | 'free',
    withinMs?: number,
  ): Promise<OwnerReply> {
    const fault = verdictFault(key, owner, verdict)
    if (fault !== null) return Promise.reject(fault)
    return this.#records.settle(key, owner, verdict, withinMs)
  }

  async list(query: ListQuery, withinMs?: number): Promise<ListReply> {
    return this.#records.list(pageOf(query), withinMs)
  }

  read(key: string, epoch: string | null, withinMs?: number): Promise<ReadReply> {
    return this.#records.read(key, epoch, withinMs)
  }

  async epoch(withinMs?: number): Promise<StoreTime & { readonly epochs: readonly string[] }> {
    const { schema } = this.#settings
    const { nowMs, version, epoch, isLogged } = await this.#records.epoch(freshEpoch(), withinMs)
    checkVersion(version, schema)
    if (!isLogged) {
      const text = `A table of the schema ${schema} is UNLOGGED: a crash would empty it.`
      throw new PoeError('ERR_POE_STORE_CONFIG', `${text} ALTER TABLE ... SET LOGGED.`)
    }
    return { nowMs, epochs: [epoch] }
  }

  rotateEpoch(): Promise<void> {
    return this.#records.rotateEpoch(freshEpoch())
  }

  secrets(proposed: readonly StoredSecret[], withinMs?: number): Promise<readonly StoredSecret[]> {
    return this.#records.secrets(proposed, withinMs)
  }

  async purge(limit: number): Promise<{ readonly removed: number; readonly more: boolean }> {
    const most = purgeLimit(limit)
    let removed = 0
    while (removed < most) {
      const room = Math.min(PURGE_BATCH, most - removed)
      const count = await this.#records.purge(room)
      removed += count
      if (count < room) return { removed, more: false }
    }
    return { removed, more: true }
  }

  close(): Promise<void> {
    return this.#connections.close()
  }
}

function freshEpoch(): string {
  return randomBytes(EPOCH_BYTES).toString('base64url')
}

function ignore(): void {}
