/**
 * The one place where arguments are checked that come from an application or an operator: numbers,
 * keys, owners, verdicts. Every message says what is wanted and what came, without its content
 * where that may be long.
 */

/** Milliseconds of a day. */
export const DAY_MS = 86_400_000
/** Milliseconds of a long year. */
export const YEAR_MS: number = 366 * DAY_MS

/**
 * Refuses a number that is none, or that is out of bounds. Times may have fractions: stores drop
 * them.
 *
 * @param where - the function's name, for the message
 * @param name - the option's name, for the message
 * @param least - the smallest value that makes sense
 * @param most - the largest
 * @throws RangeError that names it and its bounds
 */
export function checkNumber(
  where: string,
  name: string,
  value: unknown,
  least: number,
  most: number,
): void {
  if (typeof value === 'number' && value >= least && value <= most) return
  throw new RangeError(`${where}: ${name} must be a number from ${least} to ${most}`)
}

/** Refuses what is none of several words. @throws TypeError that lists them */
export function checkChoice(
  where: string,
  name: string,
  value: unknown,
  choices: readonly string[],
): void {
  if (choices.some(choice => choice === value)) return
  const quoted = choices.map(choice => `'${choice}'`)
  const list = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
  throw new TypeError(`${where}: ${name} must be ${list}`)
}

/**
 * Reads a whole number.
 *
 * @param where - the function's name, for the message
 * @param name - the option's name, for the message
 * @param value - what the caller gave; `undefined` counts as absent
 * @param fallback - the default
 * @param least - the smallest value that makes sense
 * @param most - the largest; the largest safe integer by default
 * @returns the number
 * @throws TypeError when it is no whole number, RangeError when it is out of bounds
 */
export function wholeNumber(
  where: string,
  name: string,
  value: unknown,
  fallback: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new TypeError(`${where}: ${name} must be a whole number, got ${describe(value)}.`)
  }
  if (value < least) {
    throw new RangeError(`${where}: ${name} must be at least ${least}, got ${value}.`)
  }
  if (value > most) {
    throw new RangeError(`${where}: ${name} must be at most ${most}, got ${value}.`)
  }
  return value
}

/**
 * Refuses what is no text, or empty.
 *
 * @param where - the function's name, for the message
 * @param name - the argument's name, for the message
 * @throws TypeError that names it
 */
export function checkText(where: string, name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return
  throw new TypeError(
    `${where}: ${name} must be a string that is not empty, got ${describe(value)}`,
  )
}

/**
 * Refuses what is not an object, and members that nobody knows.
 *
 * @param where - what the object is, for the message
 * @param known - the members that there are
 * @throws TypeError that lists the known ones
 */
export function checkMembers(
  where: string,
  value: unknown,
  known: readonly string[],
): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${where} must be an object, got ${describe(value)}`)
  }
  const unknown = Object.keys(value).find(name => !known.includes(name))
  if (unknown === undefined) return
  throw new TypeError(`${where} has no member ${describe(unknown)}; known are ${known.join(', ')}`)
}

/**
 * Refuses what should be a function and is none.
 *
 * @param functions - what each of them does, by its name
 * @throws TypeError that says so
 */
export function checkFunctions(
  where: string,
  options: object,
  functions: Readonly<Record<string, string>>,
): void {
  for (const [name, does] of Object.entries(functions)) {
    const given: unknown = Reflect.get(options, name)
    if (given === undefined || typeof given === 'function') continue
    throw new TypeError(`${where}: ${name} must be a function that ${does}`)
  }
}

/** Refuses options that nobody knows. @throws TypeError that names those that are known */
export function refuseUnknown(options: object, known: readonly string[], where: string): void {
  const unknown = Object.keys(options).find(name => !known.includes(name))
  if (unknown === undefined) return
  throw new TypeError(`${where} has no option ${unknown}; known are ${known.join(', ')}`)
}

/**
 * Refuses what cannot stand in a field as a URI-reference: to send it would be an error each time.
 *
 * @throws TypeError that says what to do
 */
export function checkReference(where: string, name: string, value: unknown): void {
  if (value == null) return
  if (typeof value === 'string' && /^[!#-;=?-[\]_a-z~]+$/.test(value)) return
  throw new TypeError(
    `${where}: ${name} must be a URI-reference; write other characters as encodeURI() does`,
  )
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
