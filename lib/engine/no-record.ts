/**
 * What stands in a record's place where a handler runs without any protection: it records nothing,
 * and only tells when the run takes too long.
 */

import {
  type ClaimRecord,
  type RecordListener,
  type RecordResult,
  type Released,
  withoutTransaction,
} from './claim-record.js'
import type { Deadline, Deadlines } from './deadlines.js'
import type { Overdue } from './lease.js'
import type { Outcome } from './outcome.js'

/** The record of a run without any protection: there is none, and no lease that could be lost. */
export class NoRecord implements ClaimRecord {
  readonly tx = null
  readonly lost = false
  readonly isUnused = false
  readonly failure = null
  readonly #deadlines: Deadlines
  readonly #overdueInMs: number
  #overdue: Deadline | null = null

  /** @param overdueInMs - after how many milliseconds the run is not waited for any longer */
  constructor(deadlines: Deadlines, overdueInMs: number) {
    this.#deadlines = deadlines
    this.#overdueInMs = overdueInMs
  }

  get signal(): AbortSignal {
    return new AbortController().signal
  }

  enclose<Result>(handler: () => Result): Result {
    return handler()
  }

  watch(watcher: Overdue): void {
    this.#overdue = this.#deadlines.set(this.#overdueInMs, () => watcher.onOverdue())
  }

  over(): void {
    if (this.#overdue !== null) this.#deadlines.clear(this.#overdue)
  }

  settle(): void {}
  end(): void {}
  async mark(): Promise<void> {}
  later(): Promise<void> {
    throw withoutTransaction()
  }
  complete(_outcome: Outcome, _late: boolean, listener: RecordListener): void {
    listener.onRecorded('ok')
  }
  async keepRefusal(): Promise<RecordResult> {
    return 'ok'
  }
  async confirm(): Promise<boolean> {
    return false
  }
  async attach(): Promise<void> {}
  async release(): Promise<Released> {
    return 'unknown'
  }
  async fallSilent(): Promise<void> {}
}
