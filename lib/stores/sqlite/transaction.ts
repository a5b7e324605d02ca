/**
 * A transaction in which a handler writes and its key becomes spent, both or neither.
 *
 * It begins at its first use, in a turn of the write queue, and lasts at most `txMaxMs`: another
 * request's statements never run inside it, and a slow handler holds nobody up for longer. The
 * handle is asynchronous because that turn, and another process's lock, have to be waited for
 * without stopping the process.
 *
 * @see POE draft, appendix A
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NewMessage } from '../../engine/outbox/outbox-store.js'
import type { OwnerReply, StoredOutcome, StoreTransaction } from '../../engine/store.js'
import { PoeError, type PoeErrorCode } from '../../errors.js'
import { Unawaited, type UnawaitedListener } from '../unawaited.js'
import { type SqliteDatabase, type SqliteStatement, sqliteCode, storeError } from './driver.js'
import type { DatabaseGuard } from './guarded-database.js'
import type { HandlerConnection } from './handler-connection.js'
import { ADD_MESSAGE, messageValues } from './outbox-table.js'
import type { SqliteRecords } from './records.js'
import { giveConnection, refuseAsync, runGuarded } from './section.js'
import { warnOfStandstill } from './standstill.js'
import { TransactionConnection } from './transaction-connection.js'
import type { Turn, WriteQueue } from './write-queue.js'

const LEFT_OPEN =
  'The handler ended before a transaction of its tool on tx.connection(): await that.'

/** What a statement changed. */
export interface SqliteRunResult {
  readonly changes: number
  readonly lastInsertRowid: number | bigint
}

/**
 * What a handler works with (`ctx.poe.tx`) on a sqlite store.
 *
 * Every method begins the transaction if it has not begun, and rejects with `ERR_POE_TX_OVER` once
 * it is over, `ERR_POE_TX_TIMEOUT` once it lasted longer than `txMaxMs`, `ERR_POE_TX_STOLEN` once
 * the handler ended it itself, `ERR_POE_LEASE_LOST` when the key is not its own any more.
 */
export interface SqliteTransaction {
  /** Runs one statement that gives no rows. */
  run(sql: string, ...params: unknown[]): Promise<SqliteRunResult>
  /** Runs one statement and gives its first row. */
  get<Row>(sql: string, ...params: unknown[]): Promise<Row | undefined>
  /** Runs one statement and gives its rows. */
  all<Row>(sql: string, ...params: unknown[]): Promise<Row[]>
  /** Runs several statements without parameters. */
  exec(sql: string): Promise<void>
  /**
   * Gives the driver's connection to a synchronous function; `db.transaction` nests inside.
   *
   * @throws TypeError when the function gives a promise; everything is rolled back then
   */
  use<Result>(section: (db: SqliteDatabase) => Result): Promise<Result>
  /**
   * Gives the transaction in the shape of a connection of better-sqlite3, for query builders and
   * ORMs; it is over with the transaction. A tool's own `BEGIN`, `COMMIT` and `ROLLBACK` on it are
   * a savepoint; one that is left open when the handler ends undoes everything.
   */
  connection(): Promise<SqliteDatabase>
}

/** What a transaction needs of its store. */
export interface SqliteTransactionTools {
  readonly queue: WriteQueue
  readonly connection: HandlerConnection
  /** The records on the queue's own connection, for a commit without a transaction. */
  readonly records: SqliteRecords
  readonly txMaxMs: number
}

/** The transaction of one claim. */
export class SqliteClaimTransaction
  implements StoreTransaction<SqliteTransaction>, SqliteTransaction, UnawaitedListener
{
  readonly handle: SqliteTransaction = this
  readonly #tools: SqliteTransactionTools
  readonly #key: string
  readonly #owner: string
  readonly #onUnawaited: () => void
  readonly #unawaited: Unawaited
  #phase: 'unused' | 'waiting' | 'open' | 'over' = 'unused'
  #begun: Promise<void> | null = null
  #giveUpWaiting: (reason: Error) => void = () => {}
  #endTurn: () => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #openedMs = 0
  #joined: TransactionConnection | null = null
  /** Why it is over; `null` after the usual end, and while it is not. */
  #reason: Error | null = null

  constructor(
    tools: SqliteTransactionTools,
    key: string,
    owner: string,
    onUnawaited: () => void = () => {},
  ) {
    this.#tools = tools
    this.#key = key
    this.#owner = owner
    this.#onUnawaited = onUnawaited
    this.#unawaited = new Unawaited(this)
  }

  noteUnawaited(): void {
    this.#onUnawaited()
  }

  run(sql: string, ...params: unknown[]): Promise<SqliteRunResult> {
    return this.#section(guard => this.#prepare(sql, guard).run(...params))
  }

  get<Row>(sql: string, ...params: unknown[]): Promise<Row | undefined> {
    return this.#section(guard => this.#prepare(sql, guard).get(...params) as Row | undefined)
  }

  all<Row>(sql: string, ...params: unknown[]): Promise<Row[]> {
    return this.#section(guard => this.#prepare(sql, guard).all(...params) as Row[])
  }

  exec(sql: string): Promise<void> {
    return this.#section(guard => {
      guard.checkSql(sql)
      this.#tools.connection.db.exec(sql)
    })
  }

  use<Result>(section: (db: SqliteDatabase) => Result): Promise<Result> {
    try {
      refuseAsync(section)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#section(guard => giveConnection(this.#tools.connection.db, section, guard))
  }

  connection(): Promise<SqliteDatabase> {
    return this.#section(() => {
      const { connection } = this.#tools
      this.#joined ??= new TransactionConnection(connection.db, work => {
        try {
          this.#refuseWhenOver()
          return runGuarded(connection, work, reason => this.#end(reason))
        } catch (error) {
          // The tool's own promise may have it, and nobody await that.
          this.#unawaited.note(error)
          throw error
        }
      })
      return this.#joined.database
    })
  }

  get isUsed(): boolean {
    return this.#begun !== null
  }

  get failure(): PoeError | null {
    const reason = this.#reason
    return reason instanceof PoeError && !isCode(reason, 'ERR_POE_TX_OVER') ? reason : null
  }

  async commit(outcome: StoredOutcome): Promise<OwnerReply> {
    // What the handler began and did not await is a part of it, by a tool's own steps as well.
    await nextTurn()
    if (this.#phase === 'unused') {
      this.#end(null)
      const { queue, records } = this.#tools
      return queue.submit(() => records.complete(this.#key, this.#owner, outcome))
    }
    if (this.#phase === 'waiting') {
      await this.#begun?.catch(() => {})
      await nextTurn()
    }
    const failure = this.#unawaited.hasFailed ? await this.#unawaited.failure() : null
    if (failure !== null) this.#end(failure)
    if (isCode(this.#reason, 'ERR_POE_LEASE_LOST')) return this.#stale()
    this.#refuseWhenOver()
    return this.#commitOpen(outcome)
  }

  async rollback(): Promise<void> {
    this.#end(null)
  }

  async later(message: NewMessage): Promise<void> {
    await this.run(ADD_MESSAGE, ...messageValues(message, this.#tools.records.nowMs()))
  }

  #section<Result>(work: (guard: DatabaseGuard) => Result): Promise<Result> {
    return this.#unawaited.watch(this.#perform(work))
  }

  async #perform<Result>(work: (guard: DatabaseGuard) => Result): Promise<Result> {
    try {
      // Where it is open already nothing is awaited: a statement that the handler forgot to await
      // has then been run before the commit.
      if (this.#phase !== 'open') await this.#begin()
      this.#refuseWhenOver()
      return runGuarded(this.#tools.connection, work, reason => this.#end(reason))
    } catch (error) {
      if (this.#phase === 'over' && isCode(error, 'ERR_POE_TX_OVER')) this.noteUnawaited()
      throw error
    }
  }

  #prepare(sql: string, guard: DatabaseGuard): SqliteStatement {
    return this.#tools.connection.prepare(sql, guard.checkSql)
  }

  #commitOpen(outcome: StoredOutcome): OwnerReply {
    const { connection } = this.#tools
    try {
      if (this.#joined?.isLeftOpen === true) throw new PoeError('ERR_POE_TX_OVER', LEFT_OPEN)
      const reply = connection.records.complete(this.#key, this.#owner, outcome)
      if (reply.state === 'stale') {
        this.#end(new PoeError('ERR_POE_LEASE_LOST'))
        return reply
      }
      connection.commit()
      this.#end(null)
      return reply
    } catch (error) {
      this.#end(error instanceof PoeError ? error : null)
      // A constraint that the handler left broken is for the handler's author to read as it is.
      if (sqliteCode(error).startsWith('SQLITE_CONSTRAINT')) throw error
      throw storeError('The transaction could not be committed', error)
    }
  }

  #begin(): Promise<void> {
    if (this.#phase === 'over') {
      return Promise.reject(this.#reason ?? new PoeError('ERR_POE_TX_OVER'))
    }
    this.#begun ??= new Promise((resolve, reject) => {
      this.#phase = 'waiting'
      const { queue, connection } = this.#tools
      const turn: Turn = {
        begin: () => connection.begin(),
        hold: () => this.#open(resolve, reject),
        refuse: reason =>
          this.#giveUpWaiting(storeError('The transaction could not begin', reason)),
      }
      this.#giveUpWaiting = reason => {
        queue.leave(turn)
        this.#over(reason)
        reject(reason)
      }
      queue.takeTurn(turn)
    })
    return this.#begun
  }

  /** Has the write lock now; fences before the handler's first statement. */
  #open(resolve: () => void, reject: (reason: unknown) => void): Promise<void> {
    const { connection, txMaxMs } = this.#tools
    try {
      if (!connection.records.isRunning(this.#key, this.#owner)) {
        throw new PoeError('ERR_POE_LEASE_LOST')
      }
    } catch (error) {
      connection.rollBack()
      const reason = storeError('The transaction could not begin', error)
      this.#over(reason)
      reject(reason)
      return Promise.resolve()
    }
    this.#phase = 'open'
    this.#openedMs = performance.now()
    this.#timer = setTimeout(() => this.#end(new PoeError('ERR_POE_TX_TIMEOUT')), txMaxMs)
    resolve()
    return new Promise(endTurn => {
      this.#endTurn = endTurn
    })
  }

  /** Ends it, whatever its phase; what was not committed is undone. */
  #end(reason: Error | null): void {
    if (this.#phase === 'waiting') this.#giveUpWaiting(reason ?? new PoeError('ERR_POE_TX_OVER'))
    else if (this.#phase === 'open') {
      clearTimeout(this.#timer)
      warnOfStandstill(performance.now() - this.#openedMs - this.#tools.txMaxMs)
      this.#tools.connection.rollBack()
      this.#over(reason)
      this.#endTurn()
    } else this.#over(reason)
  }

  #over(reason: Error | null): void {
    this.#phase = 'over'
    this.#reason ??= reason
    this.#unawaited.end()
  }

  #refuseWhenOver(): void {
    if (this.#phase !== 'open') throw this.#reason ?? new PoeError('ERR_POE_TX_OVER')
  }

  #stale(): OwnerReply {
    return { nowMs: this.#tools.records.nowMs(), state: 'stale' }
  }
}

function isCode(error: unknown, code: PoeErrorCode): boolean {
  return error instanceof PoeError && error.code === code
}
