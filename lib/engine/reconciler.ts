/**
 * Asks the application what became of an undecided key: one question a key at a time, bounded.
 */
import { bounded } from './bounded.js'
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
    const { store, guard, clock, emit, bodyLimitBytes } = this.#options
    let verdict: StoredOutcome | 'free' | null = null
    try {
      const ask = async () => reconcile(key)
      const answer = await bounded(clock, 'reconcile', ASK_FOR_MS, ask)
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
}
