/**
 * A claim's lease: renewed while the handler runs, and a signal for when it is lost.
 *
 * The local end is counted from the moment the claim or renewal was *sent*, so this process does
 * not believe in a lease longer than the store does, but for the time that its last renewal takes.
 */
import { PoeError } from '../errors.js'
import type { Alarm, Alarms } from './alarms.js'
import type { Clock } from './ports.js'
import type { OwnerReply } from './store.js'

/** Options of a {@link Lease}. */
export interface LeaseOptions {
  readonly clock: Clock
  readonly alarms: Alarms
  /** Milliseconds; renewed at a third of it. */
  readonly leaseMs: number
  /** Milliseconds after which there are no more renewals. */
  readonly maxRunMs: number
  /** When the claim was sent, by the clock. */
  readonly sentMs: number
  /** Sends one renewal. */
  readonly renew: () => Promise<OwnerReply>
  /** Told once, when the lease is lost or the run is too long. */
  readonly onLost: (cause: PoeError) => void
}

/** Keeps one claim alive. */
export class Lease {
  readonly #options: LeaseOptions
  #untilMs: number
  #alarm: Alarm | null = null
  #ended = false
  #settling = false
  #cause: PoeError | null = null
  #controller: AbortController | null = null

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#untilMs = options.sentMs + options.leaseMs
    this.#setAlarm()
  }

  /** Whether the lease was lost or `maxRunMs` is over. */
  get lost(): boolean {
    return this.#cause !== null
  }

  /** Aborts when the lease is lost or `maxRunMs` is over; the reason is a `PoeError`. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#cause !== null) this.#controller.abort(this.#cause)
    }
    return this.#controller.signal
  }

  /** The outcome is on its way: renewals go on, but one that is stale only says that it arrived. */
  settle(): void {
    this.#settling = true
  }

  /** Stops renewing; the lease is left to run out or to be ended by a write. */
  end(): void {
    this.#ended = true
    if (this.#alarm !== null) this.#options.alarms.clear(this.#alarm)
  }

  #setAlarm(): void {
    const { clock, alarms, leaseMs, sentMs, maxRunMs } = this.#options
    const endMs = Math.min(this.#untilMs, sentMs + maxRunMs)
    const inMs = Math.max(0, Math.min(leaseMs / 3, endMs - clock.now()))
    this.#alarm = alarms.set(inMs, () => {
      this.#keep().catch(() => {})
    })
  }

  async #keep(): Promise<void> {
    const { clock, leaseMs, maxRunMs, sentMs } = this.#options
    if (clock.now() >= sentMs + maxRunMs) {
      return this.#lose(new PoeError('ERR_POE_RUN_TOO_LONG', `The run took over ${maxRunMs} ms.`))
    }
    const renewedMs = clock.now()
    const reply = await this.#options.renew().catch(() => null)
    if (this.#ended) return
    if (reply?.state === 'ok') this.#untilMs = renewedMs + leaseMs
    if (reply?.state === 'stale') {
      return this.#settling ? this.end() : this.#lose(new PoeError('ERR_POE_LEASE_LOST'))
    }
    if (reply === null && clock.now() >= this.#untilMs) {
      return this.#lose(new PoeError('ERR_POE_LEASE_LOST', 'The lease could not be renewed.'))
    }
    this.#setAlarm()
  }

  #lose(cause: PoeError): void {
    this.end()
    this.#cause = cause
    this.#controller?.abort(cause)
    this.#options.onLost(cause)
  }
}
