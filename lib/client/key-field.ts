/**
 * The `Idempotency-Key` field as a client sends it.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.1; RFC 9651 4.1.6
 */
import { randomUuid } from './random.js'

/**
 * The key that a POST was given; `null` where it was given none.
 *
 * @throws TypeError for what can be no key: without one the POST would be sent again all the same
 */
export function keyOf(given: unknown): string | null {
  if (given === undefined) return null
  if (given === true) return randomUuid()
  if (typeof given === 'string' && /^[\x20-\x7e]+$/.test(given)) return given
  throw new TypeError('idempotencyKey must be true, or text of ASCII characters')
}

/** A Structured Field string. */
export function quoted(key: string): string {
  return `"${key.replaceAll(/["\\]/g, '\\$&')}"`
}

/** What stands in the quotes, or the value as it is where there are none. */
export function unquoted(field: string): string {
  const [, text] = /^"(.*)"$/.exec(field) ?? []
  return text?.replaceAll(/\\(.)/g, '$1') ?? field
}
