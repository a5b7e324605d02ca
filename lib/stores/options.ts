/**
 * Checks that every store makes of its options: unknown keys, kinds and ranges, with messages that
 * say what to do.
 */
import { describe, wholeNumber } from '../engine/checks.js'

/** Far from what a timer can hold: beyond 2^31 ms it rings at once. */
const LONGEST_MS = 86_400_000

/**
 * Refuses what is not an object, and keys that nobody knows.
 *
 * @param where - the function's name, for the message
 * @param options - what the caller gave
 * @param known - the keys that there are
 * @throws TypeError that lists the known keys
 */
export function checkKeys(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    // An address may hold a password, which must not come back in a message.
    const got = typeof options === 'string' ? 'a string' : describe(options)
    throw new TypeError(`${where}: options must be an object like { ${known[0]} }, got ${got}.`)
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const list = known.join(', ')
    throw new TypeError(`${where}: there is no option '${key}'. Use one of: ${list}.`)
  }
}

/**
 * Reads a time in milliseconds: a whole number, a day at most.
 *
 * @param where - the function's name, for the message
 * @param name - the option's name, for the message
 * @param value - what the caller gave; `undefined` counts as absent
 * @param fallback - the default
 * @param least - the shortest
 * @throws TypeError when it is no whole number, RangeError when it is out of bounds
 */
export function timeOption(
  where: string,
  name: string,
  value: unknown,
  fallback: number,
  least: number,
): number {
  return wholeNumber(where, name, value, fallback, least, LONGEST_MS)
}

/**
 * Reads a clock.
 *
 * @param where - the function's name, for the message
 * @param value - what the caller gave; `undefined` counts as absent
 * @returns the clock, `Date.now` by default
 * @throws TypeError when it is no function
 */
export function clockOption(where: string, value: unknown): () => number {
  if (value === undefined) return Date.now
  if (typeof value !== 'function') {
    throw new TypeError(`${where}: now must be a function like Date.now, got ${describe(value)}.`)
  }
  return value as () => number
}
