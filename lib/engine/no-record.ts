/**
 * What stands in a record's place where a handler runs without any protection: it records nothing,
 * and only tells when the run takes too long.
 */
import type { Alarm, Alarms } from './alarms.js'
import {
  type ClaimRecord,
  type Recorded,
  type RecordListener,
  type Released,
  withoutTransaction,
} from './claim-record.js'
import type { Overdue } from './lease.js'
import type { Outcome } from './outcome.js'

/** The record of a run without any protection: there is none, and no lease that could be lost. */
export class NoRecord implements ClaimRecord {
  readonly tx = null
  readonly lost = false
  readonly isUnused = false
  readonly failure = null
  readonly #alarms: Alarms
  readonly #overdueInMs: number
  #overdue: Alarm | null = null

  /** @param overdueInMs - after how many milliseconds the run is not waited for any longer */
  constructor(alarms: Alarms, overdueInMs: number) {
    this.#alarms = alarms
    this.#overdueInMs = overdueInMs
  }

  get signal(): AbortSignal {
    return new AbortController().signal
  }

  enclose<Result>(handler: () => Result): Result {
    return handler()
  }

  watch(watcher: Overdue): void {
    this.#overdue = this.#alarms.set(this.#overdueInMs, () => watcher.onOverdue())
  }

  over(): void {
    if (this.#overdue !== null) this.#alarms.clear(this.#overdue)
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
  async keepRefusal(): Promise<Recorded> {
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
