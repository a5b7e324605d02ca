/**
 * One attempt to deliver a message, from the moment it was taken until its end is recorded, or its
 * lease is over. Whoever comes late says nothing: the message is delivered again with its key.
 */
import type { PoeError } from '../../errors.js'
import { Lease, type LeaseTools } from '../lease.js'
import type { OnEvent } from '../ports.js'
import type { OwnerReply } from '../store.js'
import type { StoreGuard } from '../store-guard.js'
import { type BackOffRules, backOffMs } from './back-off.js'
import type { OutboxEvent } from './outbox-events.js'
import type { AttemptEnd, OutboxStore, TakenMessage } from './outbox-store.js'

const RECORD_PAUSE_MS = 100
const ERROR_CHARS = 500

/** What a handler is given. */
export interface Delivered<Payload = unknown> {
  /** Names the effect for the other side; the same in every attempt. */
  readonly key: string
  readonly name: string
  readonly payload: Payload
  /** Which attempt this is, from 1. */
  readonly attempt: number
  /** Aborts when the lease is lost, `maxRunMs` is over, or the worker is stopped. */
  readonly signal: AbortSignal
}

/** Delivers a message. What it throws is tried again, unless the error has `retry: false`. */
export type DeliverMessage = (message: Delivered) => unknown

/** An error that says that another attempt would fail too: the message is dead. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
  /** What the worker looks at; any error may have it. */
  readonly retry = false
}

/** Rules of a worker's attempts. Times are milliseconds. */
export interface DeliveryRules extends BackOffRules {
  readonly maxRunMs: number
  readonly maxAttempts: number
  /** No attempt begins later than this after the first one. */
  readonly retryForMs: number
}

/** What attempts of one worker share. */
export interface DeliveryTools extends LeaseTools {
  readonly outbox: OutboxStore
  readonly guard: StoreGuard
  readonly emit: OnEvent
  /** At least 0, below 1. */
  readonly random: () => number
  readonly rules: DeliveryRules
}

type Ended = AttemptEnd & { readonly cause?: unknown }

/** One attempt. */
export class Delivery extends Lease {
  readonly #tools: DeliveryTools
  readonly #message: TakenMessage
  readonly #owner: string
  readonly #startByMs: number
  #isRecording = false
  #isAbandoned = false
  #onLate: () => void = () => {}

  /** @param sentMs - when the take was sent, by the clock */
  constructor(tools: DeliveryTools, message: TakenMessage, owner: string, sentMs: number) {
    super(tools, tools.rules.maxRunMs, sentMs)
    this.#tools = tools
    this.#message = message
    this.#owner = owner
    this.#startByMs = sentMs + tools.leaseMs
  }

  /** The message's key. */
  get key(): string {
    return this.#message.key
  }

  /**
   * Runs the handler and records how that ended; never rejects.
   *
   * @param onLate - called when its lease is lost while the handler is at work
   */
  async run(handler: DeliverMessage, onLate: () => void): Promise<void> {
    this.#onLate = onLate
    try {
      // A reply that was long on its way: somebody else may have it by now.
      if (this.#tools.clock.now() >= this.#startByMs) return
      await this.#record(this.#whyDead() ?? (await this.#attempt(handler)))
    } finally {
      this.over()
    }
  }

  /** Tells of an attempt that nobody waits for any longer, and aborts it; its lease runs out. */
  abandon(reason: Error): void {
    this.#isAbandoned = true
    this.end()
    this.#tell({ type: 'outbox-unfinished', ...this.#told() })
    this.abort(reason)
  }

  protected override renew(): Promise<OwnerReply> {
    const { guard, outbox, leaseMs } = this.#tools
    return guard.call(ms => outbox.renew(this.key, this.#owner, leaseMs, ms))
  }

  protected override onLost(cause: PoeError): void {
    // While its end is on the way, the reply to that tells more.
    if (this.#isRecording) return
    this.#tell({ type: 'outbox-lease-lost', ...this.#told(), cause })
    this.#onLate()
  }

  /** Attempts before this one that ended in silence count too. */
  #whyDead(): Ended | null {
    const { attempt, firstMs } = this.#message
    const { guard, rules } = this.#tools
    if (attempt > rules.maxAttempts) return dead(`None of ${rules.maxAttempts} attempts ended.`)
    const isOld = attempt > 1 && guard.now() - firstMs > rules.retryForMs
    return isOld ? dead(`The first attempt was over ${rules.retryForMs} ms ago.`) : null
  }

  async #attempt(handler: DeliverMessage): Promise<Ended> {
    const { key, name, payload, attempt } = this.#message
    const { signal } = this
    this.#tell({ type: 'outbox-taken', ...this.#told() })
    try {
      await handler({ key, name, payload: JSON.parse(payload), attempt, signal })
      return { verdict: 'delivered' }
    } catch (cause) {
      return this.#judge(cause)
    }
  }

  #judge(cause: unknown): Ended {
    const { attempt, firstMs } = this.#message
    const { guard, random, rules } = this.#tools
    const error = textOf(cause)
    const delayMs = backOffMs(attempt, rules, random())
    const isLast =
      isPermanent(cause) ||
      attempt >= rules.maxAttempts ||
      guard.now() + delayMs - firstMs > rules.retryForMs
    return isLast ? { verdict: 'dead', error, cause } : { verdict: 'again', delayMs, error, cause }
  }

  async #record(end: Ended): Promise<void> {
    const { guard, outbox, clock } = this.#tools
    this.#isRecording = true
    for (;;) {
      try {
        const reply = await guard.call(ms => outbox.end(this.key, this.#owner, end, ms))
        this.#tell(reply.state === 'ok' ? this.#endEvent(end) : this.#late())
        return
      } catch (cause) {
        // Nobody keeps its lease: it is delivered again, and the store may be closed for good.
        if (this.lost || this.#isAbandoned) return this.#tell({ ...this.#late(), cause })
        await clock.sleep(RECORD_PAUSE_MS)
      }
    }
  }

  #endEvent(end: Ended): OutboxEvent {
    const told = this.#told()
    const { cause } = end
    switch (end.verdict) {
      case 'delivered':
        return { type: 'outbox-delivered', ...told }
      case 'again':
        return { type: 'outbox-failed', ...told, retryInMs: end.delayMs, cause }
      case 'dead':
        return { type: 'outbox-dead', ...told, cause }
    }
  }

  #late() {
    return { type: 'outbox-late', ...this.#told() } as const
  }

  #told() {
    const { key, name, attempt } = this.#message
    return { key, name, attempt }
  }

  #tell(event: OutboxEvent): void {
    this.#tools.emit(event)
  }
}

function dead(text: string): Ended {
  return { verdict: 'dead', error: text, cause: new Error(text) }
}

function isPermanent(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retry' in error && error.retry === false
}

/** For the list of the dead; whatever an error is, that must not fail. */
function textOf(error: unknown): string {
  try {
    return String(error).slice(0, ERROR_CHARS)
  } catch {
    return 'an error that has no text'
  }
}
