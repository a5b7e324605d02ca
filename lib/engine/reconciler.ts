/**
 * Asks the application what became of an undecided key: one question a key at a time, bounded.
 */
import { PoeError } from '../errors.js'
import type { Reconciled } from './operation.js'
import type { Clock, OnEvent } from './ports.js'
import { decisionOf } from './reconciled.js'
import type { Store, StoredOutcome } from './store.js'
import type { StoreGuard } from './store-guard.js'

const ASK_FOR_MS = 5_000

/** Options of a {@link Reconciler}. */
export interface ReconcilerOptions {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly clock: Clock
  readonly emit: OnEvent
  /** A longer body that `reconcile` gives is not kept. */
  readonly bodyLimitBytes: number
}

/** Decides undecided keys by asking the application. */
export class Reconciler {
  readonly #options: ReconcilerOptions
  readonly #asking = new Map<string, Promise<boolean>>()

  constructor(options: ReconcilerOptions) {
    this.#options = options
  }

  /**
   * Asks about a key and settles it.
   *
   * @param key - the record's key
   * @param owner - the silent owner; the record is settled only while it is still that owner's
   * @param reconcile - the application's answer; waited for at most 5 s
   * @returns whether the key may be decided now
   */
  ask(
    key: string,
    owner: string,
    reconcile: (key: string) => Reconciled | Promise<Reconciled>,
  ): Promise<boolean> {
    const running = this.#asking.get(key)
    if (running !== undefined) return running
    const asked = this.#ask(key, owner, reconcile).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked
  }

  async #ask(
    key: string,
    owner: string,
    reconcile: (key: string) => Reconciled | Promise<Reconciled>,
  ): Promise<boolean> {
    const { store, guard, emit, bodyLimitBytes } = this.#options
    let verdict: StoredOutcome | 'free' | null = null
    try {
      const answer = await this.#bounded(async () => reconcile(key))
      verdict = decisionOf('reconcile()', answer, bodyLimitBytes)
      emit({ type: 'reconciled', key, verdict: answer.verdict })
    } catch (cause) {
      emit({ type: 'reconciled', key, verdict: 'unknown', cause })
    }
    if (verdict === null) return false
    const decided = verdict
    const reply = await guard.call(ms => store.settle(key, owner, decided, ms)).catch(() => null)
    return reply !== null
  }

  async #bounded<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const timer = new AbortController()
    const overdue = this.#options.clock.sleep(ASK_FOR_MS, timer.signal).then(() => {
      throw new PoeError('ERR_POE_RUN_TOO_LONG', `reconcile gave no answer in ${ASK_FOR_MS} ms.`)
    })
    overdue.catch(() => {})
    try {
      return await Promise.race([ask(), overdue])
    } finally {
      timer.abort()
    }
  }
}
