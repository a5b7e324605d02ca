/**
 * How stores shorten an outcome's head: phrases that most heads have become one character each.
 *
 * A head is JSON, and JSON text never has a bare control character below U+0009 in it, so those
 * stand for the phrases. A head that has one all the same is kept as it is, behind a mark. The
 * table is part of what is on the disk: append to it, never change it.
 */

const PHRASES: readonly string[] = [
  '"content-type","application/json; charset=utf-8"],["location","/',
  '"content-type","application/json; charset=utf-8"',
  '"content-type","text/html; charset=utf-8"',
  '"content-type","',
  '"location","',
  '[201,[[',
  '[200,[[',
  '"]],"k"]',
]

/** Stands before a head that could not be shortened. */
const AS_IT_IS = '\0'

const CODES = new Map(PHRASES.map((phrase, index) => [phrase, String.fromCharCode(index + 1)]))
const FIND_PHRASES = new RegExp(PHRASES.map(escapeForRegExp).join('|'), 'g')
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are the codes
const FIND_CODES = /[\0-\x08]/g

/**
 * Shortens a head.
 *
 * @param head - any text, as a rule short JSON
 */
export function shortenHead(head: string): string {
  if (head.search(FIND_CODES) >= 0) return AS_IT_IS + head
  return head.replace(FIND_PHRASES, phrase => CODES.get(phrase) ?? phrase)
}

/** Gives back what {@link shortenHead} was given. */
export function restoreHead(text: string): string {
  if (text.startsWith(AS_IT_IS)) return text.slice(1)
  let head = ''
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const phrase = PHRASES[text.charCodeAt(at) - 1]
    if (phrase === undefined) continue
    head += text.slice(from, at) + phrase
    from = at + 1
  }
  return from === 0 ? text : head + text.slice(from)
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
