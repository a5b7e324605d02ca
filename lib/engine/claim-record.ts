/**
 * What a claim's owner writes to its record, and what becomes of such a write when the store fails:
 * it is owed, or the lease that runs out says the same.
 */
import { PoeError } from '../errors.js'
import { encodeOutcome, type Outcome } from './outcome.js'
import type { OwedWrites } from './owed-writes.js'
import type { Clock, OnEvent } from './ports.js'
import type { OwnerReply, Store, StoredOutcome, StoreTransaction } from './store.js'
import type { StoreGuard } from './store-guard.js'

const RECORD_PAUSE_MS = 100

/** What became of an outcome. `stale`: the key is not this owner's any more. */
export type Recorded = 'ok' | 'stale' | 'unrecorded'

/** What became of a release. `stale`: the key was not this owner's any more. */
export type Released = 'freed' | 'stale' | 'unknown'

/** The owner's side of a record. No method rejects because the store failed, but for `mark`. */
export interface ClaimRecord {
  /** The store's transaction, or `null`. */
  readonly tx: unknown
  /** Makes silence mean doubt. @throws PoeError when that is not certain */
  mark(): Promise<void>
  /**
   * Records the outcome; in a transaction, with all that the handler wrote.
   *
   * @param late - whether the lease was lost before
   * @throws what the commit failed with, if that is certain and not the store's outage
   */
  complete(outcome: Outcome, late: boolean): Promise<Recorded>
  /**
   * Records a refusal as the outcome, once the transaction is undone.
   *
   * @param late - whether the lease was lost before
   */
  keepRefusal(outcome: Outcome, late: boolean): Promise<Recorded>
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

/** The record of a run without any protection: there is none. */
export const NO_RECORD: ClaimRecord = {
  tx: null,
  mark: async () => {},
  complete: async () => 'ok',
  keepRefusal: async () => 'ok',
  attach: async () => {},
  release: async () => 'unknown',
  fallSilent: async () => {},
}

/** What records of one engine share. Times are milliseconds. */
export interface RecordTools {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly clock: Clock
  readonly emit: OnEvent
  readonly owed: OwedWrites
  readonly recordForMs: number
}

/** The record of a granted claim. */
export class OwnedRecord implements ClaimRecord {
  readonly #tools: RecordTools
  readonly #key: string
  readonly #owner: string
  readonly #transaction: StoreTransaction<unknown> | null

  constructor(tools: RecordTools, key: string, owner: string, transactional: boolean) {
    this.#tools = tools
    this.#key = key
    this.#owner = owner
    this.#transaction = transactional ? begin(tools, key, owner) : null
  }

  get tx(): unknown {
    return this.#transaction?.handle ?? null
  }

  async mark(): Promise<void> {
    const { store, guard } = this.#tools
    const reply = await guard.call(() => store.mark(this.#key, this.#owner))
    if (reply.state === 'stale') throw new PoeError('ERR_POE_LEASE_LOST')
  }

  complete(outcome: Outcome, late: boolean): Promise<Recorded> {
    const stored = encodeOutcome(outcome)
    if (this.#transaction !== null) return this.#commit(this.#transaction, stored, late)
    return this.#write(stored, late)
  }

  async keepRefusal(outcome: Outcome, late: boolean): Promise<Recorded> {
    await this.#undo()
    return await this.#write(encodeOutcome(outcome), late)
  }

  async attach(outcome: Outcome): Promise<void> {
    const { store } = this.#tools
    const stored = encodeOutcome(outcome)
    await this.#nowOrOwed(async () => {
      const reply = await store.attachBody(this.#key, this.#owner, stored)
      if (reply.state === 'ok') return reply
      // Where the outcome itself is still owed, it is recorded now, with its body.
      return await store.complete(this.#key, this.#owner, stored)
    })
  }

  async release(): Promise<Released> {
    const { store, emit } = this.#tools
    await this.#undo()
    const reply = await this.#nowOrOwed(() => store.release(this.#key, this.#owner))
    if (reply === null) return 'unknown'
    if (reply.state === 'stale') return 'stale'
    emit({ type: 'released', key: this.#key })
    return 'freed'
  }

  async fallSilent(mark: boolean, cause: unknown): Promise<void> {
    const { store, guard, emit } = this.#tools
    emit({ type: 'undecided', key: this.#key, cause })
    if (mark) {
      const reply = await this.#nowOrOwed(() => store.mark(this.#key, this.#owner))
      // Until the mark is there, the end of the lease would free the key.
      if (reply === null) return
    }
    // If this does not arrive, the lease runs out by itself.
    await guard.call(() => store.renew(this.#key, this.#owner, 0)).catch(() => {})
  }

  /** The store forgets an open transaction by itself; what follows on the record is what counts. */
  async #undo(): Promise<void> {
    const transaction = this.#transaction
    if (transaction === null) return
    await this.#tools.guard.call(() => transaction.rollback()).catch(() => {})
  }

  async #write(stored: StoredOutcome, late: boolean): Promise<Recorded> {
    const { store, guard, clock, emit, owed, recordForMs } = this.#tools
    const complete = () => guard.call(() => store.complete(this.#key, this.#owner, stored))
    const giveUpMs = clock.now() + recordForMs
    for (;;) {
      try {
        return this.#recorded(await complete(), late)
      } catch (cause) {
        if (clock.now() + RECORD_PAUSE_MS >= giveUpMs) {
          emit({ type: 'unrecorded', key: this.#key, cause })
          owed.owe(this.#key, async () => this.#recorded(await complete(), true) !== null)
          return 'unrecorded'
        }
        await clock.sleep(RECORD_PAUSE_MS)
      }
    }
  }

  #recorded(reply: OwnerReply, late: boolean): 'ok' | 'stale' {
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
    const { guard, emit } = this.#tools
    let failure: unknown = null
    const commit = async (): Promise<OwnerReply | null> => {
      try {
        return await transaction.commit(stored)
      } catch (error) {
        if (isOutage(error)) throw error
        // What the handler did to its transaction does not make the store down.
        failure = error
        return null
      }
    }
    const reply = await guard.call(commit).catch(() => null)
    if (reply?.state === 'ok') emit({ type: 'spent', key: this.#key, late })
    if (reply !== null) return reply.state
    // Whether it was committed is what the record says: spent, or free once this has arrived.
    const released = await this.release()
    if (released === 'freed' && failure !== null) throw failure
    return 'stale'
  }

  /** Tries at once, and in the background if that fails. */
  async #nowOrOwed(write: () => Promise<OwnerReply>): Promise<OwnerReply | null> {
    const { guard, owed } = this.#tools
    try {
      return await guard.call(write)
    } catch {
      owed.owe(this.#key, async () => (await guard.call(write)) !== null)
      return null
    }
  }
}

function begin(
  { store, emit }: RecordTools,
  key: string,
  owner: string,
): StoreTransaction<unknown> {
  const onUnawaited = (): void => emit({ type: 'unawaited-statement', key })
  if (store.transaction !== undefined) return store.transaction(key, owner, onUnawaited)
  throw new TypeError('A transactional resource needs a store with transactions.')
}

const OUTAGES: ReadonlySet<string> = new Set([
  'ERR_POE_STORE_DOWN',
  'ERR_POE_STORE_FULL',
  'ERR_POE_STORE_CLOSED',
])

function isOutage(error: unknown): boolean {
  return error instanceof PoeError && OUTAGES.has(error.code)
}
