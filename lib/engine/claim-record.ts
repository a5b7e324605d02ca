/**
 * What a claim's owner writes to its record, and what becomes of such a write when the store fails:
 * it is pending, or the lease that runs out says the same.
 */
import { PoeError } from '../errors.js'
import { apart } from './apart.js'
import { ask } from './at-once.js'
import { Lease, type LeaseTools } from './lease.js'
import type { ResourceRules } from './operation.js'
import type { Bell } from './outbox/bell.js'
import type { NewMessage } from './outbox/outbox-store.js'
import { encodeOutcome, type Outcome } from './outcome.js'
import type { PendingWrites } from './pending-writes.js'
import type { OnEvent } from './ports.js'
import type { OwnerReply, Store, StoredOutcome, StoreTransaction } from './store.js'
import { StoreCall, type StoreGuard } from './store-guard.js'
import type { UndecidedSeen } from './undecided-seen.js'
import type { Underway } from './underway.js'

const RECORD_PAUSE_MS = 100
const NOTHING: StoredOutcome = { head: '', body: null }

/** What became of an outcome. `stale`: the key is not this owner's any more. */
export type RecordResult = 'ok' | 'stale' | 'unrecorded'

/** What became of a release. `stale`: the key was not this owner's any more. */
export type Released = 'freed' | 'stale' | 'unknown'

/** Who is told what became of an outcome: once. */
export interface RecordListener {
  onRecorded(recorded: RecordResult): void
  /** @param error - what the commit failed with, if that is certain and not the store's outage */
  onUnrecorded(error: unknown): void
}

/**
 * The owner's side of a record, and the lease on it. No method rejects because the store failed,
 * but for `mark`.
 */
export interface ClaimRecord extends Pick<Lease, 'lost' | 'watch' | 'settle' | 'end' | 'over'> {
  /** Aborts when the lease is lost or the run is too long. */
  readonly signal: AbortSignal
  /** The store's transaction, or `null`. */
  readonly tx: unknown
  /** Whether there is a transaction, and the handler never used it. */
  readonly isUnused: boolean
  /** What made its transaction fail, where that was no statement's own error. */
  readonly failure: PoeError | null
  /** Runs the handler where its transaction is known. */
  enclose<Result>(handler: () => Result): Result
  /** Makes silence mean doubt. @throws PoeError when that is not certain */
  mark(): Promise<void>
  /**
   * Writes a message in the transaction; the commit waits for it, and does not take place without.
   *
   * @throws TypeError where there is no transaction, or its store keeps no outbox
   */
  later(message: NewMessage): Promise<void>
  /**
   * Records the outcome; in a transaction, with all that the handler wrote.
   *
   * @param late - whether the lease was lost before
   * @param listener - is told what became of it, perhaps at once
   */
  complete(outcome: Outcome, late: boolean, listener: RecordListener): void
  /**
   * Records a refusal as the outcome, once the transaction is undone.
   *
   * @param late - whether the lease was lost before
   */
  keepRefusal(outcome: Outcome, late: boolean): Promise<RecordResult>
  /** Whether the recorded outcome is this owner's; `false` also where that cannot be learnt. */
  confirm(): Promise<boolean>
  /** Replaces the outcome by one that has its body. */
  attach(outcome: Outcome): Promise<void>
  /** Undoes the transaction and frees the key. */
  release(): Promise<Released>
  /**
   * Ends the lease, so that nobody waits for an owner who will not come back.
   *
   * @param mark - whether silence must be made to mean doubt first
   * @param cause - why
   */
  fallSilent(mark: boolean, cause: unknown): Promise<void>
}

/** What records of one engine share. Times are milliseconds. */
export interface RecordTools extends LeaseTools {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly emit: OnEvent
  readonly pending: PendingWrites
  readonly undecided: UndecidedSeen
  readonly underway: Underway
  /** Rung when messages were committed. */
  readonly bell: Bell
  readonly recordForMs: number
}

/** The record of a granted claim. */
export class OwnedRecord extends Lease implements ClaimRecord {
  readonly #tools: RecordTools
  readonly #key: string
  readonly #owner: string
  readonly #transaction: StoreTransaction<unknown> | null
  readonly #messages: { readonly message: NewMessage; readonly written: Promise<void> }[] = []
  /** What is to be recorded, once that is known; its body goes where there is no room for it. */
  #stored: StoredOutcome = NOTHING

  /**
   * @param rules - of the resource: whether its handler has a transaction, and how long it may run
   * @param sentMs - when the claim was sent, by the clock
   */
  constructor(
    tools: RecordTools,
    key: string,
    owner: string,
    { transactional, maxRunMs }: Pick<ResourceRules, 'transactional' | 'maxRunMs'>,
    sentMs: number,
  ) {
    // First, for a store without transactions is refused, and then no lease may be kept.
    const transaction = transactional ? begin(tools, key, owner) : null
    super(tools, maxRunMs, sentMs)
    this.#tools = tools
    this.#key = key
    this.#owner = owner
    this.#transaction = transaction
  }

  get tx(): unknown {
    return this.#transaction?.handle ?? null
  }

  get isUnused(): boolean {
    return this.#transaction?.isUsed === false
  }

  get failure(): PoeError | null {
    return this.#transaction?.failure ?? null
  }

  enclose<Result>(handler: () => Result): Result {
    const transaction = this.#transaction
    return transaction?.enclose === undefined ? apart(handler) : transaction.enclose(handler)
  }

  async mark(): Promise<void> {
    const { store, guard, emit } = this.#tools
    let reply = await guard.call(ms => store.mark(this.#key, this.#owner, ms))
    // Whoever stood still meanwhile reads what was so before: somebody may have decided since.
    if (reply.state === 'ok' && this.isLapsed) reply = await this.prolong()
    if (reply.state === 'stale') throw new PoeError('ERR_POE_LEASE_LOST')
    emit({ type: 'marked', key: this.#key })
  }

  later(message: NewMessage): Promise<void> {
    const transaction = this.#transaction
    if (transaction === null) throw withoutTransaction()
    if (transaction.later === undefined) {
      throw new TypeError('ctx.poe.later() needs a store that keeps an outbox: sqlite, PostgreSQL.')
    }
    const written = transaction.later(message)
    // The commit hears of it, also where the handler does not await it.
    written.catch(() => {})
    this.#messages.push({ message, written })
    return written
  }

  complete(outcome: Outcome, late: boolean, listener: RecordListener): void {
    const stored = encodeOutcome(outcome)
    if (this.#transaction === null) this.#write(stored, late, listener)
    else {
      this.#commit(this.#transaction, stored, late).then(
        recorded => listener.onRecorded(recorded),
        error => listener.onUnrecorded(error),
      )
    }
  }

  async keepRefusal(outcome: Outcome, late: boolean): Promise<RecordResult> {
    await this.#undo()
    return await new Promise((onRecorded, onUnrecorded) => {
      this.#write(encodeOutcome(outcome), late, { onRecorded, onUnrecorded })
    })
  }

  async confirm(): Promise<boolean> {
    const { store, guard, emit } = this.#tools
    const confirm = (ms: number) => store.confirm(this.#key, this.#owner, ms)
    const reply = await guard.call(confirm).catch(() => null)
    if (reply?.state !== 'ok') return false
    emit({ type: 'spent', key: this.#key, late: true })
    return true
  }

  async attach(outcome: Outcome): Promise<void> {
    const { store, emit } = this.#tools
    this.#stored = encodeOutcome(outcome)
    const reply = await this.#nowOrLater(async ms => {
      const stored = this.#stored
      const reply = await store.attachBody(this.#key, this.#owner, stored, ms)
      if (reply.state === 'ok') return reply
      // Where the outcome itself is still pending, it is recorded now, with its body.
      return await store.complete(this.#key, this.#owner, stored, ms)
    })
    if (reply?.state !== 'ok' || this.#stored.body === null) return
    emit({ type: 'body-kept', key: this.#key })
  }

  async release(): Promise<Released> {
    const { store, emit } = this.#tools
    await this.#undo()
    const reply = await this.#nowOrLater(ms => store.release(this.#key, this.#owner, ms))
    if (reply === null) return 'unknown'
    if (reply.state === 'stale') return 'stale'
    emit({ type: 'released', key: this.#key })
    return 'freed'
  }

  async fallSilent(mark: boolean, cause: unknown): Promise<void> {
    const { store, guard, undecided } = this.#tools
    const sinceMs = Math.floor(guard.now())
    undecided.announce({ key: this.#key, owner: this.#owner, sinceMs, cause })
    if (mark) {
      const reply = await this.#nowOrLater(ms => store.mark(this.#key, this.#owner, ms))
      // Until the mark is there, the end of the lease would free the key.
      if (reply === null) return
    }
    // If this does not arrive, the lease runs out by itself.
    await guard.call(ms => store.renew(this.#key, this.#owner, 0, ms)).catch(() => {})
  }

  protected override async renew(): Promise<OwnerReply> {
    const { store, guard, leaseMs, underway } = this.#tools
    if (underway.isOver) throw new PoeError('ERR_POE_LEASE_LOST')
    return await guard.call(ms => store.renew(this.#key, this.#owner, leaseMs, ms))
  }

  protected override onLost(cause: PoeError): void {
    this.#tools.emit({ type: 'lease-lost', key: this.#key, cause })
  }

  /** The store forgets an open transaction by itself; what follows on the record is what counts. */
  async #undo(): Promise<void> {
    const transaction = this.#transaction
    if (transaction === null) return
    await this.#tools.guard.call(ms => transaction.rollback(ms)).catch(() => {})
  }

  #write(stored: StoredOutcome, late: boolean, listener: RecordListener): void {
    const { guard, clock } = this.#tools
    this.#stored = stored
    guard.start(new Recording(this, late, listener, guard.timeoutMs, clock.now()))
  }

  /** @internal */
  send(withinMs: number): OwnerReply | Promise<OwnerReply> {
    const { store } = this.#tools
    return ask(store, store.complete, this.#key, this.#owner, this.#stored, withinMs)
  }

  /** @internal A try has failed: there are more, for as long as the client can wait. */
  async writeOn(failure: unknown, late: boolean, sentMs: number): Promise<RecordResult> {
    const { guard, clock, emit, recordForMs } = this.#tools
    const giveUpMs = sentMs + recordForMs
    for (let cause = failure; ; ) {
      if (!this.#shedBody(cause)) {
        if (clock.now() + RECORD_PAUSE_MS >= giveUpMs) {
          emit({ type: 'unrecorded', key: this.#key, cause })
          this.#writeLater(async () => this.recorded(await guard.call(ms => this.send(ms)), true))
          return 'unrecorded'
        }
        await clock.sleep(RECORD_PAUSE_MS)
      }
      try {
        return this.recorded(await guard.call(ms => this.send(ms)), late)
      } catch (again) {
        cause = again
      }
    }
  }

  /** @internal */
  recorded(reply: OwnerReply, late: boolean): 'ok' | 'stale' {
    const { emit } = this.#tools
    const key = this.#key
    if (reply.state === 'stale') emit({ type: 'stale-completion', key })
    else emit({ type: 'spent', key, late })
    return reply.state
  }

  async #commit(
    transaction: StoreTransaction<unknown>,
    stored: StoredOutcome,
    late: boolean,
  ): Promise<'ok' | 'stale'> {
    const { guard, emit, recordForMs } = this.#tools
    // The commit has as long as any record of a success, and the question after it a call's time.
    const withinMs = Math.max(recordForMs, guard.timeoutMs) + guard.timeoutMs
    let failure: unknown = null
    const commit = async (withinMs: number): Promise<OwnerReply | null> => {
      try {
        await Promise.all(this.#messages.map(({ written }) => written))
        return await transaction.commit(stored, withinMs)
      } catch (error) {
        failure = error
        // What the handler did to its transaction does not make the store down.
        if (isUnclear(error)) throw error
        return null
      }
    }
    const reply = await guard.call(commit, withinMs).catch(cause => {
      failure ??= cause
      return null
    })
    if (reply?.state === 'ok') {
      emit({ type: 'spent', key: this.#key, late })
      this.#tellOfMessages()
    }
    if (reply !== null) return reply.state
    // Whether it was committed is what the record says: spent, or free once this has arrived.
    const released = await this.release()
    if (released === 'freed' && failure !== null) throw failure
    return 'stale'
  }

  #tellOfMessages(): void {
    const { emit, bell } = this.#tools
    for (const { message } of this.#messages) {
      const { key, name } = message
      emit({ type: 'outbox-written', key, name, by: this.#key })
    }
    if (this.#messages.length > 0) bell.ring()
  }

  /** Tries at once, and in the background if that fails. */
  async #nowOrLater(write: (withinMs: number) => Promise<OwnerReply>): Promise<OwnerReply | null> {
    const { guard } = this.#tools
    try {
      return await guard.call(write)
    } catch (cause) {
      if (this.#shedBody(cause)) return await this.#nowOrLater(write)
      this.#writeLater(() => guard.call(write))
      return null
    }
  }

  /** What is pending holds the outcome in memory: without its body where there is much already. */
  #writeLater(write: () => Promise<unknown>): void {
    const { pending } = this.#tools
    const { head, body } = this.#stored
    if (body !== null && !pending.hasRoomFor(head.length + body.byteLength)) this.#dropBody()
    const tryOnce = async (): Promise<boolean> => {
      try {
        await write()
        return true
      } catch (cause) {
        this.#shedBody(cause)
        return false
      }
    }
    pending.add(this.#key, tryOnce, head.length + (this.#stored.body?.byteLength ?? 0))
  }

  /** A store that is full for an outcome with its body may have room for one without. */
  #shedBody(cause: unknown): boolean {
    if (!isFull(cause) || this.#stored.body === null) return false
    this.#dropBody(cause)
    return true
  }

  #dropBody(cause?: unknown): void {
    this.#stored = { head: this.#stored.head, body: null }
    this.#tools.emit({ type: 'body-not-kept', key: this.#key, cause })
  }
}

/** The first try to record an outcome. */
class Recording extends StoreCall<OwnerReply> {
  readonly #record: OwnedRecord
  readonly #late: boolean
  readonly #listener: RecordListener

  constructor(
    record: OwnedRecord,
    late: boolean,
    listener: RecordListener,
    withinMs: number,
    sentMs: number,
  ) {
    super(withinMs, sentMs)
    this.#record = record
    this.#late = late
    this.#listener = listener
  }

  override send(withinMs: number): OwnerReply | Promise<OwnerReply> {
    return this.#record.send(withinMs)
  }

  override onReply(reply: OwnerReply): void {
    this.#listener.onRecorded(this.#record.recorded(reply, this.#late))
  }

  override onFailure(cause: PoeError): void {
    const listener = this.#listener
    this.#record.writeOn(cause, this.#late, this.sentMs).then(
      recorded => listener.onRecorded(recorded),
      error => listener.onUnrecorded(error),
    )
  }
}

function begin(
  { store, guard, emit }: RecordTools,
  key: string,
  owner: string,
): StoreTransaction<unknown> {
  const onUnawaited = (): void => emit({ type: 'unawaited-statement', key })
  if (store.transaction !== undefined) {
    return store.transaction(key, owner, guard.timeoutMs, onUnawaited)
  }
  throw new TypeError('A transactional resource needs a store with transactions.')
}

/** What `later` throws where there is no transaction. */
export function withoutTransaction(): TypeError {
  return new TypeError(
    'ctx.poe.later() needs transactional: true on the resource or door that is innermost',
  )
}

function isFull(cause: unknown): boolean {
  return cause instanceof PoeError && cause.code === 'ERR_POE_STORE_FULL'
}

/** A commit that fails so may have taken place. */
const UNCLEAR: ReadonlySet<string> = new Set([
  'ERR_POE_STORE_DOWN',
  'ERR_POE_STORE_BUSY',
  'ERR_POE_STORE_FULL',
  'ERR_POE_STORE_CLOSED',
])

function isUnclear(error: unknown): boolean {
  return error instanceof PoeError && UNCLEAR.has(error.code)
}
