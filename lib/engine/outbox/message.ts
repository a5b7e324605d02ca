/**
 * Makes a message of what a handler gives, or refuses it before anything is written.
 */
import { checkMembers, describe, wholeNumber, YEAR_MS } from '../checks.js'
import type { NewMessage } from './outbox-store.js'

const WHERE = 'ctx.poe.later()'
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/

/** Options of a message. */
export interface LaterOptions {
  /** How long it waits before its first attempt, in milliseconds. Default 0. */
  readonly delayMs?: number | undefined
}

/**
 * Checks the name of a message.
 *
 * @throws TypeError that says what a name is
 */
export function checkMessageName(where: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && NAME.test(name)) return
  const rule = 'must be 1 to 64 letters, digits, dots, colons, dashes and underscores'
  throw new TypeError(`${where}: the name of a message ${rule}, got ${describe(name)}.`)
}

/**
 * Makes a message.
 *
 * @param key - its own
 * @param payload - anything that JSON can tell
 * @param limitBytes - the largest payload
 * @throws TypeError where JSON cannot tell the payload; RangeError where it is too large
 */
export function newMessage(
  key: string,
  name: unknown,
  payload: unknown,
  limitBytes: number,
  options: LaterOptions = {},
): NewMessage {
  checkMessageName(WHERE, name)
  checkMembers(`${WHERE}: its options`, options, ['delayMs'])
  const delayMs = wholeNumber(WHERE, 'delayMs', options.delayMs, 0, 0, YEAR_MS)
  const text = asJson(payload)
  const bytes = new TextEncoder().encode(text).length
  if (bytes > limitBytes) {
    const advice = 'Write the content to a table of yours, and give its id.'
    throw new RangeError(
      `${WHERE}: the payload has ${bytes} bytes, at most ${limitBytes} are kept. ${advice}`,
    )
  }
  return { key, name, payload: text, delayMs }
}

function asJson(payload: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(payload)
  } catch (cause) {
    throw new TypeError(`${WHERE}: the payload has no JSON form.`, { cause })
  }
  if (text !== undefined) return text
  throw new TypeError(`${WHERE}: the payload has no JSON form, got ${describe(payload)}.`)
}
