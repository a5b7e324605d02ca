/**
 * A claim's lease: renewed while the handler runs, and a signal for when it is lost.
 *
 * The local end is counted from the moment the claim or renewal was *sent*, so this process does
 * not believe in a lease longer than the store does, but for the time that its last renewal takes.
 */
import { PoeError } from '../errors.js'
import { Deadline, type Deadlines } from './deadlines.js'
import type { Clock } from './ports.js'
import type { OwnerReply } from './store.js'

/** What leases of one engine share. */
export interface LeaseTools {
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Milliseconds; renewed at a third of it. */
  readonly leaseMs: number
}

/** What is told of an overdue run. */
export interface Overdue {
  /** Called once, when a run goes on a whole lease after its time. */
  onOverdue(): void
}

/** Keeps one claim alive. One deadline tells of all that is due: a renewal, or an overdue run. */
export abstract class Lease extends Deadline {
  readonly #lease: LeaseTools
  readonly #sentMs: number
  readonly #maxRunMs: number
  #untilMs: number
  #watcher: Overdue | null = null
  #ended = false
  #settling = false
  #cause: PoeError | null = null
  #controller: AbortController | null = null

  /**
   * @param maxRunMs - milliseconds after which there are no more renewals
   * @param sentMs - when the claim was sent, by the clock
   */
  constructor(tools: LeaseTools, maxRunMs: number, sentMs: number) {
    super()
    this.#lease = tools
    this.#sentMs = sentMs
    this.#maxRunMs = maxRunMs
    this.#untilMs = sentMs + tools.leaseMs
    this.#setDeadline(sentMs)
  }

  /** Whether the lease was lost or `maxRunMs` is over. */
  get lost(): boolean {
    return this.#cause !== null
  }

  /** Whether the store may take this owner for silent by now. */
  protected get isLapsed(): boolean {
    return this.#lease.clock.now() >= this.#untilMs
  }

  /** Aborts when the lease is lost or `maxRunMs` is over; the reason is a `PoeError`. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#cause !== null) this.#controller.abort(this.#cause)
    }
    return this.#controller.signal
  }

  /** Names who is told of a run that goes on a whole lease after `maxRunMs`. */
  watch(watcher: Overdue): void {
    this.#watcher = watcher
  }

  /** The outcome is on its way: renewals go on, but one that is stale only says that it arrived. */
  settle(): void {
    this.#settling = true
  }

  /** Stops renewing; the lease is left to run out or to be ended by a write. */
  end(): void {
    const { deadlines, leaseMs } = this.#lease
    this.#ended = true
    if (this.#watcher === null) deadlines.clear(this)
    else deadlines.add(this, this.#sentMs + this.#maxRunMs + leaseMs)
  }

  /** The run is over: stops renewing, and waiting for its end. */
  over(): void {
    this.#watcher = null
    this.end()
  }

  /** What is due is done. */
  onDeadline(): void {
    if (!this.#ended) {
      this.#keep().catch(() => {})
      return
    }
    const watcher = this.#watcher
    this.#watcher = null
    watcher?.onOverdue()
  }

  /**
   * Aborts the signal where the lease itself is not lost. A signal that all runs depend on would be
   * simpler, but Node 20 keeps something of each for as long as that lives.
   */
  protected abort(reason: Error): void {
    this.#controller?.abort(reason)
  }

  /** Sends one renewal. */
  protected abstract renew(): Promise<OwnerReply>

  /** Told once, when the lease is lost or the run is too long. */
  protected abstract onLost(cause: PoeError): void

  /** Renews, and believes in it from when that was sent. */
  protected async prolong(): Promise<OwnerReply> {
    const { clock, leaseMs } = this.#lease
    const sentMs = clock.now()
    const reply = await this.renew()
    if (reply.state === 'ok') this.#untilMs = sentMs + leaseMs
    return reply
  }

  #setDeadline(fromMs: number): void {
    const { deadlines, leaseMs } = this.#lease
    const endMs = Math.min(this.#untilMs, this.#sentMs + this.#maxRunMs)
    deadlines.add(this, Math.min(fromMs + leaseMs / 3, endMs))
  }

  async #keep(): Promise<void> {
    const { clock } = this.#lease
    const maxRunMs = this.#maxRunMs
    if (clock.now() >= this.#sentMs + maxRunMs) {
      return this.#lose(new PoeError('ERR_POE_RUN_TOO_LONG', `The run took over ${maxRunMs} ms.`))
    }
    const reply = await this.prolong().catch(() => null)
    if (this.#ended) return
    if (reply?.state === 'stale') {
      return this.#settling ? this.end() : this.#lose(new PoeError('ERR_POE_LEASE_LOST'))
    }
    const nowMs = clock.now()
    if (reply === null && nowMs >= this.#untilMs) {
      return this.#lose(new PoeError('ERR_POE_LEASE_LOST', 'The lease could not be renewed.'))
    }
    this.#setDeadline(nowMs)
  }

  #lose(cause: PoeError): void {
    this.end()
    this.#cause = cause
    this.abort(cause)
    this.onLost(cause)
  }
}
