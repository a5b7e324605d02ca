/**
 * The `Idempotency-Key` field: which operation a request names, in the spellings that are about.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.1; RFC 9651 3.3.3
 */
import { parseItem, Token } from 'structured-headers'

/**
 * How keys may be spelled. `strict`: a Structured Field String, as the draft has it. `lenient`:
 * also bare, and `"k"` and `k` are one key. `text`: whatever stands there, quoted or not.
 */
export type KeySyntax = 'strict' | 'lenient' | 'text'

/** What was read. `why` ends a sentence that begins with the field's name. */
export type KeyReading =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'malformed'; readonly why: string }

/** The longest key, in characters. */
export const KEY_LIMIT = 255

/** Longer fields are not parsed at all. */
const FIELD_LIMIT = 2_048
/** A bare key: what UUIDs, ULIDs, base64 and most names are made of. */
const BARE = /^[A-Za-z0-9][A-Za-z0-9._~:+/=-]*$/
const VISIBLE = /^[\x20-\x7e]+$/

/**
 * Reads a key.
 *
 * Parameters of an item are ignored. Several lines, which arrive joined by commas, are no key in
 * any syntax but `text`.
 *
 * @param value - the field's value as Node or `Headers.get()` give it; absent: `null`, `undefined`
 *   or, from Koa, an empty text
 * @param syntax - which spellings are taken
 * @returns the key, 1 to 255 printable ASCII characters; never throws
 */
export function readKey(value: string | null | undefined, syntax: KeySyntax): KeyReading {
  if (value === null || value === undefined) return { kind: 'absent' }
  const text = value.trim()
  if (text === '') return { kind: 'absent' }
  if (text.length > FIELD_LIMIT) return malformed(`has more than ${FIELD_LIMIT} characters`)
  const key = parse(text, syntax)
  if (key === null) return malformed(WANTED[syntax])
  if (key === '') return malformed('names an empty key')
  if (key.length > KEY_LIMIT) return malformed(`names a key of more than ${KEY_LIMIT} characters`)
  return { kind: 'key', key }
}

/** What each syntax takes, in words that end a sentence about the field. */
export const WANTED: Readonly<Record<KeySyntax, string>> = {
  strict: 'takes one quoted string, for example "8e03978e-40d5-43dd-bc93-6894a57f9324"',
  lenient: 'takes one key, quoted or of letters, digits and ._~:+/=-',
  text: 'takes one key of printable ASCII characters',
}

function parse(text: string, syntax: KeySyntax): string | null {
  const item = itemOf(text)
  if (typeof item === 'string') return item
  if (syntax === 'strict') return null
  if (syntax === 'text') return VISIBLE.test(text) ? text : null
  const bare = item instanceof Token ? item.toString() : text
  return BARE.test(bare) ? bare : null
}

function itemOf(text: string): unknown {
  try {
    return parseItem(text)[0]
  } catch {
    return null
  }
}

function malformed(why: string): KeyReading {
  return { kind: 'malformed', why }
}
