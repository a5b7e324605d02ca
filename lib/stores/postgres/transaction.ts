/**
 * A transaction in which a handler writes and its key becomes spent, both or neither.
 *
 * It begins at its first use, on a connection of the app's pool, and ends in one message: the
 * completion, fenced by owner, and `COMMIT`. When that message's answer is lost, a locking read on
 * another connection tells what became of it; it is never sent again.
 *
 * @see POE draft, appendix A
 */
import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { QueryConfig, QueryResult, QueryResultRow } from 'pg'
import type { NewMessage } from '../../engine/outbox/outbox-store.js'
import type { OwnerReply, StoredOutcome, StoreTransaction } from '../../engine/store.js'
import { ERROR_CODES, PoeError } from '../../errors.js'
import { Unawaited } from '../unawaited.js'
import { within } from '../within.js'
import { checkOut, discard, giveBack, lossOf, NO_ANSWER } from './connections.js'
import {
  isConflict,
  isFull,
  isInVain,
  isOfStatement,
  isServersWord,
  type PostgresClient,
  type PostgresPool,
  sqlState,
  storeError,
} from './driver.js'
import { isFollowing, runAsPartOf } from './handler-context.js'
import { type HandlerTransaction, JoinedWork } from './joined-work.js'
import { addMessage } from './outbox.js'
import { type Callback, type Isolation, stolen, textOf } from './query.js'
import type { PostgresRecords } from './records.js'
import { findTransactionControl } from './statement-check.js'
import { IS_STALE, IS_STOLEN } from './states.js'

/** How much longer the server waits for a handler than we do, in milliseconds. */
const AFTER_OURS_MS = 1_000
/** How long a pool is waited for whose connections are all at work, in milliseconds. */
const BUSY_POOL_MS = 5_000
/** How long a lease lasts beyond a transaction that it is not renewed in, in milliseconds. */
const COMMIT_MS = 10_000

/** By which SQL a handler makes its transaction stricter itself. */
const IS_ISOLATION = /\bisolation\s+level\b|\btransaction_isolation\b/i

const INSIDE =
  "ctx.poe.later() waits for the end of a transaction that the handler's tool has open: call it " +
  'before or after that.'
const WAITED =
  'A statement waited meanwhile for a transaction of the same handler to end: inside of that, ' +
  'use its own object.'

/**
 * What a handler works with (`ctx.poe.tx`) on a PostgreSQL store: `query` as a connection of `pg`
 * has it, so that query builders take it for one.
 *
 * The first query begins the transaction. It rejects with `ERR_POE_STORE_DOWN` where no connection
 * was to be had, `ERR_POE_TX_OVER` once the transaction is over, `ERR_POE_TX_TIMEOUT` once it
 * lasted longer than `txMaxMs`, `ERR_POE_TX_STOLEN` for `COMMIT` and its like, and
 * `ERR_POE_TX_CONFLICT` (its `cause` is the server's error) where the database undid it for the
 * sake of another; all else is the server's own error.
 */
export interface PostgresTransaction {
  /** Runs a query. */
  query<Row extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>
  /** Runs a query that is described by an object. */
  query<Row extends QueryResultRow = QueryResultRow>(
    query: QueryConfig,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>
  /** Runs a query, for what knows callbacks only. */
  query(text: string | QueryConfig, values: readonly unknown[], callback: Callback): void
  /** Runs a query without values, for what knows callbacks only. */
  query(text: string | QueryConfig, callback: Callback): void
}

/** What a transaction needs of its store. Times are milliseconds. */
export interface PostgresTransactionTools {
  readonly pool: PostgresPool
  readonly records: PostgresRecords
  /** The schema's name, quoted. */
  readonly poe: string
  readonly isolation: Isolation
  readonly txMaxMs: number
  /** How long the beginning may take, and the question after a lost commit. */
  readonly callMs: number
}

/** What a handler holds, as a class: V8 would put a literal that lives so long into old space. */
class Handle {
  readonly query: (...args: unknown[]) => unknown

  constructor(query: (...args: unknown[]) => unknown) {
    this.query = query
  }
}

const OURS = randomUUID()
let begun = 0

/** A name that no other transaction has. */
function nextName(): string {
  begun += 1
  return `${OURS} ${begun}`
}

/** The transaction of one claim. */
export class PostgresClaimTransaction
  implements StoreTransaction<PostgresTransaction>, HandlerTransaction
{
  readonly handle: PostgresTransaction
  readonly work: JoinedWork = new JoinedWork()
  readonly #tools: PostgresTransactionTools
  readonly #key: string
  readonly #owner: string
  readonly #onUnawaited: () => void
  readonly unawaited: Unawaited
  readonly #name = nextName()
  #client: PostgresClient | null = null
  #begun: Promise<PostgresClient> | null = null
  #timer: NodeJS.Timeout | undefined
  /** Why it is over; an error for the usual end is made where somebody gets it. */
  #over: Error | 'ended' | null = null
  #failure: PoeError | null = null

  constructor(
    tools: PostgresTransactionTools,
    key: string,
    owner: string,
    onUnawaited: () => void = () => {},
  ) {
    this.#tools = tools
    this.#key = key
    this.#owner = owner
    this.#onUnawaited = onUnawaited
    this.unawaited = new Unawaited(this)
    this.handle = new Handle((...args) => this.#takeQuery(args)) as PostgresTransaction
  }

  get pool(): PostgresPool {
    return this.#tools.pool
  }

  get isolation(): Isolation {
    return this.#tools.isolation
  }

  get over(): Error | null {
    if (this.#over === 'ended') this.#over = new PoeError('ERR_POE_TX_OVER')
    return this.#over
  }

  get isUsed(): boolean {
    return this.#begun !== null
  }

  get failure(): PoeError | null {
    return this.#failure
  }

  enclose<Result>(handler: () => Result): Result {
    return runAsPartOf(this, handler)
  }

  async commit(
    outcome: StoredOutcome,
    withinMs: number = this.#tools.callMs * 2,
  ): Promise<OwnerReply> {
    const { records, callMs } = this.#tools
    const untilMs = performance.now() + withinMs
    await this.#awaitWork(callMs, true)
    const failure = this.unawaited.hasFailed ? await this.unawaited.failure() : null
    if (failure !== null) this.stop(failure)
    if (this.#begun === null && this.#over === null) {
      this.#end('ended')
      return records.complete(this.#key, this.#owner, outcome, Math.min(callMs, withinMs))
    }
    const client = this.#client
    if (client === null || this.#over !== null) throw this.over ?? new PoeError('ERR_POE_TX_OVER')
    const leftMs = untilMs - performance.now()
    return await this.#finish(client, outcome, Math.max(leftMs - callMs, leftMs / 2))
  }

  async rollback(withinMs: number = this.#tools.callMs): Promise<void> {
    const untilMs = performance.now() + withinMs
    // What was asked of it directly is undone in any case; a tool's own transaction may be open.
    if (isFollowing()) await this.#awaitWork(withinMs / 2, false)
    this.#tools.records.endOutlasting(this.#owner)
    const client = this.#end('ended')
    if (client === null) return
    try {
      await within(untilMs - performance.now(), client.query('ROLLBACK'), NO_ANSWER)
      giveBack(client)
    } catch {
      // Closing the connection undoes it just as well.
      discard(client, true)
    }
  }

  async later(message: NewMessage): Promise<void> {
    // Inside of a tool's transaction it would wait for that one, and that one for it.
    if (this.work.isHeldFrom(null)) {
      await within(this.#tools.callMs, this.work.turnOf(null), INSIDE).catch(() => {
        throw new PoeError('ERR_POE_TX_NOT_JOINED', INSIDE)
      })
    }
    await this.#query([addMessage(this.#tools.poe, message)])
  }

  /** What the handler began and did not await is a part of it, by a tool's own steps as well. */
  async #awaitWork(withinMs: number, isSuccess: boolean): Promise<void> {
    if (this.#over !== null) return
    await nextTurn()
    if (this.work.isJoinedQuiet && (!isSuccess || this.work.isQuiet)) return
    if (!this.work.isJoinedQuiet) this.noteUnawaited()
    const isQuiet = await this.work.quiet(withinMs, isSuccess)
    if (!isQuiet) this.stop(new PoeError(isSuccess ? 'ERR_POE_TX_UNFINISHED' : 'ERR_POE_TX_OVER'))
  }

  async #finish(
    client: PostgresClient,
    outcome: StoredOutcome,
    withinMs: number,
  ): Promise<OwnerReply> {
    const { records } = this.#tools
    const sql = records.finishing(this.#name, this.#key, this.#owner, outcome, withinMs)
    // From here on only what the server says counts.
    this.#end('ended')
    try {
      const results = (await within(withinMs, client.query(sql), NO_ANSWER)) as unknown
      giveBack(client)
      return { nowMs: nowIn(results), state: 'ok' }
    } catch (error) {
      giveBack(client, true)
      if (!isServersWord(error)) return await this.#resolve(lossOf(client) ?? error)
      if (sqlState(error) === IS_STALE) return { nowMs: Date.now(), state: 'stale' }
      if (isInVain(error)) this.#failure = storeError('The claim could not be completed', error)
      throw this.#judge(error, client)
    } finally {
      records.endOutlasting(this.#owner)
    }
  }

  /** The answer to the end is lost: the record tells, once nobody holds it any more. */
  async #resolve(cause: unknown): Promise<OwnerReply> {
    const { records, callMs } = this.#tools
    const reply = await records.confirm(this.#key, this.#owner, callMs).catch(storeFailure)
    if (!(reply instanceof PoeError) && reply.state === 'ok') return reply
    // The server that answered the question is no outage.
    const isThere = !(reply instanceof PoeError) || reply.code === 'ERR_POE_STORE_BUSY'
    const error = storeError('The answer to COMMIT was lost', cause)
    throw isThere ? new PoeError('ERR_POE_STORE_BUSY', error.message, { cause }) : error
  }

  #takeQuery(args: unknown[]): Promise<QueryResult> | undefined {
    const last = args.at(-1)
    if (typeof last !== 'function') return this.#query(args)
    const callback = last as Callback
    this.#query(args.slice(0, -1)).then(
      result => callback(null, result),
      (error: Error) => callback(error),
    )
    return undefined
  }

  #query(args: unknown[]): Promise<QueryResult> {
    this.work.beginDirect()
    const asked = this.#perform(args).then(
      result => {
        this.work.endDirect()
        return result
      },
      (error: unknown) => {
        this.work.endDirect()
        if (this.#over !== null && isTransactionOver(error)) this.noteUnawaited()
        throw error
      },
    )
    return this.unawaited.watch(asked)
  }

  async #perform(args: unknown[]): Promise<QueryResult> {
    const sql = textOf(args[0])
    const control = findTransactionControl(sql)
    if (control !== null) throw this.stop(stolen(control))
    while (this.work.isHeldFrom(null)) await this.work.turnOf(null)
    if (this.#over === null && IS_ISOLATION.test(sql)) {
      await this.#outlast().catch((error: unknown) => {
        this.#failure = storeError('The lease could not be made longer', error)
        throw this.stop(this.#failure)
      })
    }
    return await this.send(args)
  }

  async connection(): Promise<PostgresClient> {
    return this.#client ?? (await this.#begin())
  }

  async send(args: readonly unknown[]): Promise<QueryResult> {
    // Where it is open already nothing is awaited: a query that the handler forgot to await is
    // then sent before the commit.
    const client = this.#client ?? (await this.#begin())
    if (this.#over !== null) throw this.over
    try {
      return await (client.query as (...all: unknown[]) => Promise<QueryResult>)(...args)
    } catch (error) {
      throw this.over ?? this.#judge(error, client)
    }
  }

  #begin(): Promise<PostgresClient> {
    if (this.#over !== null) return Promise.reject(this.over)
    this.#begun ??= this.#open().catch((error: unknown) => {
      this.#tools.records.endOutlasting(this.#owner)
      const reason = storeError('The transaction could not begin', error)
      this.#over ??= reason
      this.#failure ??= reason
      throw this.over
    })
    return this.#begun
  }

  async #open(): Promise<PostgresClient> {
    const { pool, isolation, txMaxMs, callMs } = this.#tools
    const patienceMs = Math.min(txMaxMs, BUSY_POOL_MS)
    // A connection that is made now outlives this handler.
    const client = await runAsPartOf(null, () => checkOut(pool, callMs, patienceMs))
    if (this.#over !== null) {
      giveBack(client)
      throw this.over
    }
    // A process that freezes in here would otherwise hold its rows as long as it is frozen. Where
    // it does not, our own timer comes first.
    const begin = `BEGIN ISOLATION LEVEL ${isolation} READ WRITE;
      SET LOCAL standard_conforming_strings = on;
      SET LOCAL idle_in_transaction_session_timeout = ${txMaxMs + AFTER_OURS_MS};
      SET LOCAL poe.transaction = '${this.#name}'`
    try {
      if (isolation !== 'read committed') await this.#outlast()
      await within(callMs, client.query(begin), NO_ANSWER)
    } catch (error) {
      giveBack(client, true)
      throw error
    }
    if (this.#over !== null) {
      giveBack(client, true)
      throw this.over
    }
    this.#client = client
    this.#timer = setTimeout(() => this.stop(this.#tooLong()), txMaxMs)
    return client
  }

  /**
   * A renewal would change the record, and a transaction that sees one moment only would fail over
   * that at its end, each time it is run.
   */
  async #outlast(): Promise<void> {
    const { records, txMaxMs, callMs } = this.#tools
    await records.outlast(this.#key, this.#owner, txMaxMs + COMMIT_MS, callMs)
  }

  #tooLong(): PoeError {
    const { ERR_POE_TX_TIMEOUT: usual } = ERROR_CODES
    const text = this.work.isWaitedFor ? `${usual} ${WAITED}` : usual
    this.#failure = new PoeError('ERR_POE_TX_TIMEOUT', text)
    return this.#failure
  }

  noteUnawaited(): void {
    // Whoever hears of it is no part of the handler, and what they write no statement of it.
    runAsPartOf(null, this.#onUnawaited)
  }

  stop(reason: Error): Error {
    const isAtWork = !this.work.isQuiet
    const client = this.#end(reason)
    this.#tools.records.endOutlasting(this.#owner)
    if (client !== null) discard(client, isAtWork)
    return this.over ?? reason
  }

  /** Takes the connection out of the handler's hands. */
  #end(reason: Error | 'ended'): PostgresClient | null {
    clearTimeout(this.#timer)
    this.#over ??= reason
    this.unawaited.end()
    const client = this.#client
    this.#client = null
    this.work.end()
    return client
  }

  #judge(error: unknown, client: PostgresClient): unknown {
    if (isConflict(error)) {
      const reason = error instanceof Error ? error.message : String(error)
      const text = `The database says: ${reason}.`
      this.#failure = new PoeError('ERR_POE_TX_CONFLICT', text, { cause: error })
      return this.#failure
    }
    if (sqlState(error) === IS_STOLEN) return new PoeError('ERR_POE_TX_STOLEN')
    // The handler's tool may have it, or nobody: what is told of it is that there is no room.
    if (isFull(error)) this.#failure = storeError('A statement failed', error)
    const loss = lossOf(client)
    if (isServersWord(error) || (isOfStatement(error) && loss === undefined)) return error
    this.#failure = storeError('The connection was lost', loss ?? error)
    return this.#failure
  }
}

function storeFailure(cause: unknown): PoeError {
  return storeError('The look failed', cause)
}

function isTransactionOver(error: unknown): boolean {
  return error instanceof PoeError && error.code === 'ERR_POE_TX_OVER'
}

/** The time in the first result of the last message. */
function nowIn(results: unknown): number {
  const [first] = results as [{ readonly rows: readonly { readonly finish: unknown }[] }]
  return Number(first.rows[0]?.finish)
}
