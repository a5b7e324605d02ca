/**
 * The sqlite store: the embedded durable default. One file, any number of processes on one
 * machine, and transactions in which a handler's writes and the mark of its key are one.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { describe } from '../engine/checks.js'
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
import { checkKeys, clockOption, timeOption } from './options.js'
import { FileAdmin } from './sqlite/admin.js'
import { writeAlone } from './sqlite/app-writes.js'
import type { SqliteDatabase } from './sqlite/driver.js'
import { HandlerConnection } from './sqlite/handler-connection.js'
import { FileOutbox } from './sqlite/outbox.js'
import { PurgePace } from './sqlite/purge-pace.js'
import { SqliteRecords } from './sqlite/records.js'
import { readEpoch, replaceEpoch } from './sqlite/schema.js'
import { StoreFile } from './sqlite/store-file.js'
import { SqliteClaimTransaction, type SqliteTransaction } from './sqlite/transaction.js'
import { WriteQueue } from './sqlite/write-queue.js'

export type { SqliteDatabase } from './sqlite/driver.js'
export type { SqliteRunResult, SqliteTransaction } from './sqlite/transaction.js'

const WHERE = 'sqliteStore'
/** How long the store may need for a call besides waiting: commits, a checkpoint, a slow disk. */
const MARGIN_MS = 1_000

/** Options of {@link sqliteStore}. */
export interface SqliteStoreOptions {
  /** Path of the database; made if absent, its directory must exist. `:memory:` is refused. */
  readonly file: string
  /** How long another process's write lock is waited for, in milliseconds. Default 2,000. */
  readonly lockWaitMs?: number | undefined
  /**
   * How long a handler's transaction may be open, in milliseconds. Default 1,000. Every other
   * write of all processes waits meanwhile, so it should stay below `lockWaitMs`.
   */
  readonly txMaxMs?: number | undefined
  /**
   * The clock, in milliseconds since the Unix epoch. Default `Date.now`. Processes that share a
   * file must agree on the time to well within a lease.
   */
  readonly now?: (() => number) | undefined
}

/** A sqlite store, and the ways for an app to keep its own tables in the same file. */
export interface SqliteStore extends Store<SqliteTransaction> {
  readonly timeoutMs: number
  readonly outbox: OutboxStore
  readonly admin: StoreAdmin
  /**
   * A connection for the app's reads outside transactions; it refuses to write. It is opened at
   * first use and closed by `close`.
   */
  readonly database: SqliteDatabase
  /**
   * Runs a synchronous function in a transaction of its own, in the queue of the store's writes.
   * For an app's tables and seeds; inside a request use `ctx.poe.tx`.
   *
   * @param section - gets a connection; when it throws, nothing of it is kept
   * @returns what it gave, once that is durable
   * @throws TypeError when the function is asynchronous; PoeError `ERR_POE_STORE_BUSY` when the
   *   lock was not to be had; whatever the function threw
   */
  write<Result>(section: (db: SqliteDatabase) => Result): Promise<Result>
  /** Opens a transaction for a running claim. */
  transaction(
    key: string,
    owner: string,
    withinMs?: number,
    onUnawaited?: () => void,
  ): StoreTransaction<SqliteTransaction>
}

/**
 * Opens a store in a sqlite file, through better-sqlite3: 12 on Node 20, 13 from Node 22.14 on.
 *
 * WAL with full sync: what was answered is on the disk. Writes of a turn of the event loop share
 * one commit. Waiting for another process's lock never blocks this one.
 *
 * @param options - the file's path, or options with it
 * @returns a store; its first call waits if another process is just making the tables
 * @throws TypeError or RangeError on malformed options
 * @throws PoeError `ERR_POE_STORE_DOWN` when the file cannot be opened, `ERR_POE_STORE_SCHEMA` when
 *   it holds tables of another version
 * @throws Error when better-sqlite3 is not installed, or when it is not one for this Node
 */
export function sqliteStore(options: string | SqliteStoreOptions): SqliteStore {
  return new FileStore(resolveOptions(options))
}

type Settings = Required<{
  [Name in keyof SqliteStoreOptions]: NonNullable<SqliteStoreOptions[Name]>
}>

function resolveOptions(given: string | SqliteStoreOptions): Settings {
  const options = typeof given === 'string' ? { file: given } : given
  checkKeys(WHERE, options, ['file', 'lockWaitMs', 'txMaxMs', 'now'])
  return Object.freeze({
    file: fileOption(options.file),
    lockWaitMs: timeOption(WHERE, 'lockWaitMs', options.lockWaitMs, 2_000, 0),
    txMaxMs: timeOption(WHERE, 'txMaxMs', options.txMaxMs, 1_000, 1),
    now: clockOption(WHERE, options.now),
  })
}

function fileOption(file: unknown): string {
  if (typeof file !== 'string' || file.trim() === '') {
    throw new TypeError(`${WHERE}: give the path of a database file, got ${describe(file)}.`)
  }
  if (file.trim() === ':memory:') {
    throw new TypeError(`${WHERE}: ':memory:' is not durable. Use memoryStore(), or name a file.`)
  }
  if (file.trim().startsWith('file:')) {
    throw new TypeError(`${WHERE}: give a plain path, not a file: URI, got ${describe(file)}.`)
  }
  return file
}

class FileStore implements SqliteStore {
  readonly capabilities: StoreCapabilities = Object.freeze({
    durable: true,
    crossProcess: true,
    transactional: true,
    nativeExpiry: false,
  })
  readonly timeoutMs: number
  readonly outbox: FileOutbox
  readonly admin: FileAdmin
  readonly #settings: Settings
  readonly #file: StoreFile
  readonly #queue: WriteQueue
  readonly #records: SqliteRecords
  readonly #reads: SqliteRecords
  readonly #handlers: HandlerConnection
  #closing: Promise<void> | null = null

  constructor(settings: Settings) {
    const { lockWaitMs, txMaxMs, now } = settings
    this.#settings = settings
    // In the worst case a handler's transaction is ahead, and then another process's.
    this.timeoutMs = lockWaitMs + txMaxMs + MARGIN_MS
    this.#file = new StoreFile(settings.file)
    this.#queue = new WriteQueue(this.#file, lockWaitMs)
    this.#records = new SqliteRecords(() => this.#file.writer, now)
    this.#reads = new SqliteRecords(() => this.#file.reader, now)
    this.#handlers = new HandlerConnection(this.#file, now)
    const tools = {
      file: this.#file,
      queue: this.#queue,
      nowMs: () => this.#records.nowMs(),
      read: <Result>(read: () => Result) => this.#read(read),
    }
    this.outbox = new FileOutbox(tools)
    this.admin = new FileAdmin(tools)
  }

  get database(): SqliteDatabase {
    if (this.#closing !== null) throw new PoeError('ERR_POE_STORE_CLOSED')
    return this.#file.appReader
  }

  write<Result>(section: (db: SqliteDatabase) => Result): Promise<Result> {
    return writeAlone(this.#queue, this.#handlers, section)
  }

  transaction(
    key: string,
    owner: string,
    _withinMs?: number,
    onUnawaited?: () => void,
  ): StoreTransaction<SqliteTransaction> {
    const { txMaxMs } = this.#settings
    const records = this.#records
    const tools = { queue: this.#queue, connection: this.#handlers, records, txMaxMs }
    return new SqliteClaimTransaction(tools, key, owner, onUnawaited)
  }

  claim(key: string, claim: Claim): Promise<ClaimReply> {
    const fault = claimFault(key, claim)
    if (fault !== null) return Promise.reject(fault)
    const records = this.#records
    return this.#queue.submit(epoch => records.claim(key, claim, epoch()))
  }

  renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    const fault = leaseFault(leaseMs)
    if (fault !== null) return Promise.reject(fault)
    return this.#queue.submit(() => this.#records.renew(key, owner, leaseMs))
  }

  mark(key: string, owner: string): Promise<OwnerReply> {
    return this.#queue.submit(() => this.#records.mark(key, owner))
  }

  complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    return this.#queue.submit(() => this.#records.complete(key, owner, outcome))
  }

  async confirm(key: string, owner: string): Promise<OwnerReply> {
    return this.#read(() => this.#reads.confirm(key, owner))
  }

  attachBody(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    return this.#queue.submit(() => this.#records.attachBody(key, owner, outcome))
  }

  release(key: string, owner: string): Promise<OwnerReply> {
    return this.#queue.submit(() => this.#records.release(key, owner))
  }

  settle(key: string, owner: string, verdict: StoredOutcome | 'free'): Promise<OwnerReply> {
    const fault = verdictFault(key, owner, verdict)
    if (fault !== null) return Promise.reject(fault)
    return this.#queue.submit(() => this.#records.settle(key, owner, verdict))
  }

  async list(query: ListQuery): Promise<ListReply> {
    const page = pageOf(query)
    return this.#read(() => this.#reads.list(page))
  }

  read(key: string, epoch: string | null): Promise<ReadReply> {
    return this.#read(() => this.#reads.read(key, epoch))
  }

  async epoch(): Promise<StoreTime & { readonly epochs: readonly string[] }> {
    // A look first, which waits for nobody's transaction.
    const known = await this.#read(() => readEpoch(this.#file.reader))
    const epoch = known ?? (await this.#queue.submit(inQueue => inQueue()))
    return { nowMs: this.#records.nowMs(), epochs: [epoch] }
  }

  async rotateEpoch(): Promise<void> {
    await this.#queue.submit(() => replaceEpoch(this.#file.writer))
  }

  async secrets(proposed: readonly StoredSecret[]): Promise<readonly StoredSecret[]> {
    // A look first, which waits for nobody's transaction.
    const known = await this.#read(() => this.#reads.secrets([]))
    if (known.length > 0) return known
    return await this.#queue.submit(() => this.#records.secrets(proposed))
  }

  async purge(limit: number): Promise<{ readonly removed: number; readonly more: boolean }> {
    const most = purgeLimit(limit)
    const pace = new PurgePace()
    let removed = 0
    while (true) {
      const room = Math.min(pace.size, most - removed)
      const sentMs = performance.now()
      const batch = await this.#queue.submit(() => this.#records.purge(room))
      removed += batch.removed
      if (!batch.more || removed >= most || batch.removed === 0) {
        return { removed, more: batch.more }
      }
      await pause(pace.next(performance.now() - sentMs))
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#queue.close().finally(() => {
      this.#handlers.close()
      this.#file.close()
    })
    return this.#closing
  }

  async #read<Result>(read: () => Result): Promise<Result> {
    if (this.#closing !== null) throw new PoeError('ERR_POE_STORE_CLOSED')
    return this.#file.retrying(read, this.#settings.lockWaitMs)
  }
}
