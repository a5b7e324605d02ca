/**
 * How a store bounds a wait: by what its caller has given it, and by nothing else. All waits of a
 * process share one timer, for nearly all of them end long before their time.
 */
import { setImmediate } from 'node:timers'
import { isListed, List, Listed, unlist } from '../engine/listed.js'
import { PoeError } from '../errors.js'

/** How long a call may take where its caller does not say, in milliseconds. The engine says. */
export const USUAL_MS = 2_500
/** How long a statement of a purge may take, in milliseconds: no request waits for it. */
export const PURGE_MS = 10_000
/** A timer that fires this late fired in a process that stood still, in milliseconds. */
const STOOD_STILL_MS = 100

/**
 * A wait that ends in time. An answer that is here already and only not yet read still counts;
 * while this process stands still nothing is sent or read, so that is not the store's time.
 */
export abstract class Wait extends Listed {
  declare readonly ms: number
  /** When it is given up, by the monotonic clock, in milliseconds. */
  declare untilMs: number
  /** Whether it has been given its time a second time. */
  declare isLast: boolean

  /** @param ms - for how long, in milliseconds */
  constructor(ms: number) {
    super()
    this.ms = ms
    this.untilMs = performance.now() + ms
    this.isLast = false
  }

  /** What is left of it, at least 1; where this process stood still, its time is counted anew. */
  leftMs(): number {
    const nowMs = performance.now()
    this.extend(nowMs)
    return Math.max(1, this.untilMs - nowMs)
  }

  /** Counts its time anew where it ended while this process stood still; @returns if it did. */
  extend(nowMs: number): boolean {
    const lateMs = nowMs - this.untilMs
    if (this.isLast || lateMs < STOOD_STILL_MS) return false
    this.isLast = true
    this.untilMs = nowMs + Math.min(lateMs, this.ms)
    return true
  }

  /** Called once, when the time is over and {@link endWait} was not called. */
  abstract giveUp(): void
}

const waits = new List<Wait>()
let timer: NodeJS.Timeout | undefined
let ringsAtMs = Number.POSITIVE_INFINITY

/** Lets a wait's time run. */
export function startWait(wait: Wait): void {
  waits.add(wait)
  if (wait.untilMs < ringsAtMs) ringAt(wait.untilMs)
}

/** Tells that what was waited for is here; harmless to repeat. */
export function endWait(wait: Wait): void {
  if (!isListed(wait)) return
  unlist(wait)
  if (!waits.isEmpty) return
  clearTimeout(timer)
  ringsAtMs = Number.POSITIVE_INFINITY
}

function ringAt(atMs: number): void {
  clearTimeout(timer)
  ringsAtMs = atMs
  if (atMs < Number.POSITIVE_INFINITY) {
    timer = setTimeout(ring, Math.max(1, Math.ceil(atMs - performance.now())))
  }
}

function ring(): void {
  const nowMs = performance.now()
  let nextMs = Number.POSITIVE_INFINITY
  for (const wait of waits.items()) {
    if (nowMs >= wait.untilMs && !wait.extend(nowMs)) {
      // One turn of the event loop more, in which an answer that is here is read.
      setImmediate(giveUp, wait)
      continue
    }
    nextMs = Math.min(nextMs, wait.untilMs)
  }
  ringAt(nextMs)
}

function giveUp(wait: Wait): void {
  if (!isListed(wait)) return
  endWait(wait)
  wait.giveUp()
}

class PromiseWait extends Wait {
  readonly giveUp: () => void

  constructor(ms: number, giveUp: () => void) {
    super(ms)
    this.giveUp = giveUp
  }
}

/**
 * Waits for a promise, but not for ever.
 *
 * @param ms - for how long
 * @param promise - what is waited for
 * @param text - says what did not come
 * @param judge - makes of a rejection what the caller gets
 * @throws PoeError `ERR_POE_STORE_DOWN` when the time is over; what the promise rejects with
 */
export function within<Result>(
  ms: number,
  promise: Promise<Result>,
  text: string,
  judge: (error: unknown) => unknown = error => error,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const wait = new PromiseWait(ms, () => reject(new PoeError('ERR_POE_STORE_DOWN', text)))
    startWait(wait)
    promise.then(
      result => {
        endWait(wait)
        resolve(result)
      },
      (error: unknown) => {
        endWait(wait)
        reject(judge(error))
      },
    )
  })
}
