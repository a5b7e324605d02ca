/**
 * How long to wait before the next try.
 *
 * @see POE draft 8; RFC 9110 10.2.3, 5.6.7
 */
import { httpDateMs } from '../protocols/http-date.js'

/** How {@link delayFor} reckons. All times are milliseconds. */
export interface DelayOptions {
  /**
   * The first pause before jitter; each further one is twice as long.
   *
   * @defaultValue 300
   */
  readonly baseMs?: number
  /**
   * The longest pause that grows by itself; `Retry-After` may ask for more.
   *
   * @defaultValue 30_000
   */
  readonly capMs?: number
  /**
   * A number from 0 to below 1.
   *
   * @defaultValue Math.random
   */
  readonly random?: () => number
  /**
   * The present, in milliseconds since the Unix epoch; needed for a date in `Retry-After` where
   * the answer has no `Date`.
   *
   * @defaultValue Date.now
   */
  readonly now?: () => number
}

/** What is read of an answer here: any `Response`, or only its fields. */
export interface WithFields {
  readonly headers: FieldReader
}

/** `Headers`, or what can be read like them. */
export interface FieldReader {
  /** The field's value, `null` where it is absent. */
  get(name: string): string | null
}

const DEFAULT_BASE_MS = 300
const DEFAULT_CAP_MS = 30_000

/**
 * The pause after a try: exponential with jitter, between half of the step and all of it, and
 * never below what `Retry-After` asks for.
 *
 * @param attempt - the try that was made, 1 for the first
 * @param response - its answer, where there was one
 * @param options - see {@link DelayOptions}
 * @returns milliseconds; not bounded where `Retry-After` is long: compare with your own limit
 * @throws RangeError where `attempt` is no whole number from 1
 * @see POE draft 8
 */
export function delayFor(
  attempt: number,
  response?: WithFields | null,
  options: DelayOptions = {},
): number {
  if (!Number.isInteger(attempt) || attempt < 1) {
    throw new RangeError('Tries count from 1')
  }
  const { baseMs = DEFAULT_BASE_MS, capMs = DEFAULT_CAP_MS, random = Math.random } = options
  const step = Math.min(capMs, baseMs * 2 ** (attempt - 1))
  const pause = (step / 2) * (1 + random())
  return Math.max(pause, retryAfterMs(response, options.now) ?? 0)
}

/**
 * What `Retry-After` asks for. A date is taken relative to the answer's own `Date`, so that the
 * clocks of both sides may differ. Where the field stands there more than once, as from a server
 * and a gateway, the longest time counts of those that can be read.
 *
 * @param response - an answer, or `null`
 * @param now - the present, where the answer has no `Date`; `Date.now` by default
 * @returns milliseconds, 0 for a date in the past; `null` where the field is absent or garbage
 * @see RFC 9110 10.2.3
 */
export function retryAfterMs(
  response: WithFields | null | undefined,
  now: () => number = Date.now,
): number | null {
  const values = response?.headers.get('retry-after')?.match(VALUES) ?? []
  const sentMs = () => httpDateMs(response?.headers.get('date') ?? '') ?? now()
  const times = values.flatMap(text => {
    const value = text.trim()
    if (/^\d+$/.test(value)) return Math.min(Number(value) * 1_000, Number.MAX_SAFE_INTEGER)
    const dateMs = httpDateMs(value)
    return dateMs === null ? [] : Math.max(0, dateMs - sentMs())
  })
  return times.length === 0 ? null : Math.max(...times)
}

/** A date has a comma behind its weekday. */
const VALUES = /\s*(?:\w+,(?= \d\d[ -]))?[^,]+/g
