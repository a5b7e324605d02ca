/**
 * How often the judged server is asked: a pace that was asked for, and what its refusals by 429 ask
 * for.
 *
 * @see RFC 6585 4; RFC 9110 10.2.3
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'

/** Nobody waits longer than that for one answer, in milliseconds. */
const LONGEST_WAIT_MS = 30_000
/** All that a run waits for refusals, in milliseconds. */
const WAITING_LIMIT_MS = 180_000
const DEFAULT_WAIT_MS = 1_000
/** After a refusal requests are so far apart, twice as far after the next one, to a limit. */
const FIRST_GAP_MS = 10
const LARGEST_GAP_MS = 1_000

/** When a server that says "not now" wants to be asked again, in milliseconds; `null`: too late. */
export function retryAfterMs(response: RawResponse): number | null {
  const [value = ''] = fieldValues(response, 'Retry-After')
  const isSeconds = /^\d{1,6}$/.test(value)
  const date = Date.parse(value)
  const untilDate = Number.isNaN(date) ? DEFAULT_WAIT_MS : Math.max(0, date - Date.now())
  const ms = isSeconds ? Number(value) * 1_000 : untilDate
  return ms > LONGEST_WAIT_MS ? null : Math.max(ms, 50)
}

/** Lets requests through, one after the other where that was asked for. */
export class Pace {
  #gapMs: number
  #nextMs = 0
  #waitedMs = 0

  /** @param gapMs - between the beginnings of two requests, in milliseconds; 0 for none */
  constructor(gapMs: number) {
    this.#gapMs = gapMs
  }

  /** Waits for the turn of so many requests. */
  async turn(requests = 1): Promise<void> {
    const now = performance.now()
    const atMs = Math.max(now, this.#nextMs)
    this.#nextMs = atMs + this.#gapMs * requests
    if (atMs > now) await sleep(atMs - now)
  }

  /**
   * Waits as a refusal asks, and is slower from then on.
   *
   * @param isOften - the refusal says that requests come too often
   * @returns whether it makes sense to ask again
   */
  async obey(response: RawResponse, isOften: boolean): Promise<boolean> {
    const ms = retryAfterMs(response)
    if (ms === null || this.#waitedMs + ms > WAITING_LIMIT_MS) return false
    if (isOften) {
      const untilMs = performance.now() + ms
      // Those that were refused at once are one refusal.
      if (untilMs > this.#nextMs + this.#gapMs) {
        this.#waitedMs += ms
        this.#gapMs = Math.min(Math.max(FIRST_GAP_MS, this.#gapMs * 2), LARGEST_GAP_MS)
        this.#nextMs = untilMs
      }
      return true
    }
    this.#waitedMs += ms
    await sleep(ms)
    return true
  }
}
