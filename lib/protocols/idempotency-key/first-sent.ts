/**
 * `Repeatability-First-Sent`: by the date of the first try a server may forget keys and still never
 * carry out a late repeat.
 *
 * @see OASIS Repeatable Requests 1.0, 3 (Repeatability-First-Sent)
 */
import { httpDateMs } from '../http-date.js'

/** How far a client's clock may be ahead, in milliseconds. */
export const CLOCK_SKEW_MS = 300_000

/** What a date says about a request. */
export type FirstSent =
  | { readonly kind: 'in-time'; readonly sentMs: number }
  | { readonly kind: 'missing' | 'malformed' | 'too-old' | 'in-future' }

/**
 * Judges the date of a first try.
 *
 * @param value - the field; `''` where it is absent
 * @param nowMs - the store's time, milliseconds since the Unix epoch
 * @param windowMs - how long keys are remembered, in milliseconds
 */
export function judgeFirstSent(value: string, nowMs: number, windowMs: number): FirstSent {
  if (value.trim() === '') return { kind: 'missing' }
  const sentMs = httpDateMs(value)
  if (sentMs === null) return { kind: 'malformed' }
  // The date has whole seconds: what was sent in this second must not count as too old.
  if (sentMs + 1_000 <= nowMs - windowMs) return { kind: 'too-old' }
  if (sentMs > nowMs + CLOCK_SKEW_MS) return { kind: 'in-future' }
  return { kind: 'in-time', sentMs }
}
