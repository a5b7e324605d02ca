/**
 * Every call to a store goes through here: bounded in time, its clock noted, its health known.
 */
import { PoeError } from '../errors.js'
import { Deadline, type Deadlines } from './deadlines.js'
import { outcomeFault } from './outcome.js'
import type { Clock, OnEvent } from './ports.js'
import type { StoreTime } from './store.js'

const PROBE_FIRST_MS = 250
const PROBE_MAX_MS = 2_000
/** The store gives up a little sooner than we do, so that it can say what was wrong. */
const MARGIN_MS = 50
/** A deadline is told up to 50 ms late; where it is told later, the process stood still. */
const STOOD_STILL_MS = 100
/** What the store itself says; it is there, and other keys may do. */
const ANSWERS: ReadonlySet<string> = new Set([
  'ERR_POE_STORE_BUSY',
  'ERR_POE_STORE_FULL',
  'ERR_POE_STORE_RECORD',
  'ERR_POE_SECRETS',
])

/** Options of a {@link StoreGuard}. */
export interface StoreGuardOptions {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly emit: OnEvent
  /** The longest wait for one call, in milliseconds. */
  readonly timeoutMs: number
  /** A cheap call that tells whether the store is back. */
  readonly probe: (withinMs: number) => Promise<StoreTime>
}

/**
 * A call that is under way, and its deadline. It is told of its end by a method and not by a
 * promise: there are two a request, and each layer of promises costs as much as what it carries.
 */
export abstract class StoreCall<Reply> extends Deadline {
  /** How long the call may take, in milliseconds. */
  declare readonly withinMs: number
  /** When it was sent, by the clock. */
  declare readonly sentMs: number
  /** @internal Whether it has been given its time a second time. */
  declare isLast: boolean
  /** @internal */
  declare isOver: boolean
  /** @internal */
  declare onDue: ((call: StoreCall<never>) => void) | null

  constructor(withinMs: number, sentMs: number) {
    super()
    this.withinMs = withinMs
    this.sentMs = sentMs
    this.isLast = false
    this.isOver = false
    this.onDue = null
  }

  /** @internal */
  onDeadline(): void {
    this.onDue?.(this as unknown as StoreCall<never>)
  }

  /** Sends it. @param withinMs - what the store has, in milliseconds */
  abstract send(withinMs: number): Reply | Promise<Reply>

  /** Told its reply; must not throw. */
  abstract onReply(reply: Reply): void

  /** Told why there is none, as {@link StoreGuard.call} says it; must not throw. */
  abstract onFailure(cause: PoeError): void
}

function isPromised<Reply>(sent: Reply | Promise<Reply>): sent is Promise<Reply> {
  return typeof (sent as Partial<Promise<Reply>> | null)?.then === 'function'
}

/** A call whose end is a promise. */
class PromisedCall<Reply> extends StoreCall<Reply> {
  readonly send: (withinMs: number) => Reply | Promise<Reply>
  readonly onReply: (reply: Reply) => void
  readonly onFailure: (cause: PoeError) => void

  constructor(
    send: (withinMs: number) => Reply | Promise<Reply>,
    withinMs: number,
    sentMs: number,
    onReply: (reply: Reply) => void,
    onFailure: (cause: PoeError) => void,
  ) {
    super(withinMs, sentMs)
    this.send = send
    this.onReply = onReply
    this.onFailure = onFailure
  }
}

/** Bounds calls, keeps the offset to the store's clock, and tells whether the store is up. */
export class StoreGuard {
  readonly timeoutMs: number
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #emit: OnEvent
  readonly #probe: (withinMs: number) => Promise<StoreTime>
  readonly #closing = new AbortController()
  #offsetMs = 0
  #down = false
  #outages = 0
  #probing = false

  constructor(options: StoreGuardOptions) {
    this.timeoutMs = options.timeoutMs
    this.#clock = options.clock
    this.#deadlines = options.deadlines
    this.#emit = options.emit
    this.#probe = options.probe
  }

  /** Whether the last call got no answer and no probe has had one since. */
  get down(): boolean {
    return this.#down
  }

  /** How often the store has gone down: each time it may have come back with another memory. */
  get outages(): number {
    return this.#outages
  }

  /** How much the store's clock is ahead of ours, as well as known, in milliseconds. */
  get offsetMs(): number {
    return this.#offsetMs
  }

  /**
   * The store's time, as well as this process can tell, in milliseconds.
   *
   * @param atMs - when, by the clock; now by default
   */
  now(atMs: number = this.#clock.now()): number {
    return atMs + this.#offsetMs
  }

  /** The store's time so long from now, in whole milliseconds; `null` for ever. */
  timeIn(ms: number | null): number | null {
    return ms === null ? null : Math.floor(this.now() + ms)
  }

  /**
   * Runs one call. Its deadline is this one; the store is told how long it has.
   *
   * @param send - is given what the store has, in milliseconds
   * @param withinMs - how long the call may take, where it is another time than usual
   * @param sentMs - the time now, by the clock, where the caller has just read it
   * @returns its reply
   * @throws PoeError `ERR_POE_STORE_DOWN` when it rejects or gives no answer in time, `_BUSY` or
   *   `_FULL` when that is the store's answer; whether it took place is then unknown
   */
  call<Reply>(
    send: (withinMs: number) => Reply | Promise<Reply>,
    withinMs: number = this.timeoutMs,
    sentMs: number = this.#clock.now(),
  ): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      this.start(new PromisedCall(send, withinMs, sentMs, resolve, reject))
    })
  }

  /** As {@link call}, for a call that is told of its end. */
  start<Reply>(call: StoreCall<Reply>): void {
    const { withinMs, sentMs } = call
    let sent: Reply | Promise<Reply>
    try {
      sent = call.send(Math.max(withinMs - MARGIN_MS, withinMs / 2))
    } catch (cause) {
      this.#fail(call, cause)
      return
    }
    if (!isPromised(sent)) {
      // What is known at once has no time in which it could be late.
      this.#take(call, sent, sentMs)
      return
    }
    call.onDue = this.#onDue
    this.#deadlines.add(call, sentMs + withinMs)
    sent.then(
      reply => this.#take(call, reply, this.#clock.now()),
      cause => this.#fail(call, cause),
    )
  }

  /** Stops probing. */
  close(): void {
    this.#closing.abort()
  }

  #take<Reply>(call: StoreCall<Reply>, reply: Reply, receivedMs: number): void {
    if (call.isOver) return
    const fault = outcomeFault(reply)
    if (fault !== null) {
      this.#fail(call, fault)
      return
    }
    call.isOver = true
    this.#deadlines.clear(call)
    this.#noteTime(reply, call.sentMs, receivedMs)
    this.#up()
    call.onReply(reply)
  }

  #fail<Reply>(call: StoreCall<Reply>, cause: unknown): void {
    if (call.isOver) return
    call.isOver = true
    this.#deadlines.clear(call)
    if (isAnswer(cause)) {
      this.#up()
      if (cause.code === 'ERR_POE_STORE_RECORD') this.#emit({ type: 'record-unreadable', cause })
    } else this.#noteDown(cause)
    call.onFailure(asStoreDown(cause))
  }

  /** The time of a call is over, if this process was there to use it. */
  readonly #onDue = (call: StoreCall<never>): void => {
    const lateMs = this.#clock.now() - call.atMs
    if (!call.isLast && lateMs >= STOOD_STILL_MS) {
      // Nothing was sent or read while this process stood still: that is not the store's time.
      call.isLast = true
      this.#deadlines.add(call, this.#clock.now() + Math.min(lateMs, call.withinMs))
      return
    }
    const text = `The store gave no answer in ${call.withinMs} ms.`
    const late = (): void => this.#fail(call, new PoeError('ERR_POE_STORE_DOWN', text))
    // One turn of the event loop more: the answer may be here, and only not yet read.
    this.#clock.sleep(0).then(late, late)
  }

  #noteTime(reply: unknown, sentMs: number, receivedMs: number): void {
    if (typeof reply !== 'object' || reply === null || !('nowMs' in reply)) return
    if (typeof reply.nowMs !== 'number') return
    const offsetMs = reply.nowMs - (sentMs + receivedMs) / 2
    // A reply says nothing finer than its own round trip.
    if (Math.abs(offsetMs - this.#offsetMs) > (receivedMs - sentMs) / 2) this.#offsetMs = offsetMs
  }

  #up(): void {
    if (!this.#down) return
    this.#down = false
    this.#emit({ type: 'store-back' })
  }

  #noteDown(cause: unknown): void {
    if (this.#down) return
    this.#down = true
    this.#outages += 1
    this.#emit({ type: 'store-down', cause })
    if (!this.#probing) this.#probeUntilUp().catch(() => {})
  }

  async #probeUntilUp(): Promise<void> {
    // A store that flaps is probed by one loop, however often it goes down.
    this.#probing = true
    let pauseMs = PROBE_FIRST_MS
    while (this.#down) {
      await this.#clock.sleep(pauseMs, this.#closing.signal)
      pauseMs = Math.min(pauseMs * 2, PROBE_MAX_MS)
      // A failed probe leaves it down; call() has noted both.
      if (this.#down) await this.call(this.#probe).catch(() => {})
    }
    this.#probing = false
  }
}

/**
 * Whether an error is an answer of the store: its outage it is not.
 *
 * @param error - what a call of the store rejected with
 */
export function isAnswer(error: unknown): error is PoeError {
  return error instanceof PoeError && ANSWERS.has(error.code)
}

function asStoreDown(cause: unknown): PoeError {
  if (cause instanceof PoeError) return cause
  return new PoeError('ERR_POE_STORE_DOWN', undefined, { cause })
}
