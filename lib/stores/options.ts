/**
 * Checks that every store makes of its options: unknown keys, kinds and ranges, with messages that
 * say what to do.
 */

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
    throw new TypeError(`${where}: options must be an object, got ${describe(options)}.`)
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const list = known.join(', ')
    throw new TypeError(`${where}: there is no option '${key}'. Use one of: ${list}.`)
  }
}

/**
 * Reads a whole number.
 *
 * @param where - the function's name, for the message
 * @param name - the option's name, for the message
 * @param value - what the caller gave; `undefined` counts as absent
 * @param fallback - the default
 * @param least - the smallest value that makes sense
 * @returns the number
 * @throws TypeError when it is no whole number, RangeError when it is too small
 */
export function wholeNumber(
  where: string,
  name: string,
  value: unknown,
  fallback: number,
  least: number,
): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new TypeError(`${where}: ${name} must be a whole number, got ${describe(value)}.`)
  }
  if (value < least) {
    throw new RangeError(`${where}: ${name} must be at least ${least}, got ${value}.`)
  }
  return value
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

/**
 * Names a value in a message, without spilling its content.
 *
 * @param value - anything
 */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (typeof value === 'undefined') return 'undefined'
  return `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`
}
