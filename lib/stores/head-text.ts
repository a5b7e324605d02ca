/**
 * How stores shorten an outcome's head: phrases that most heads have become one character each.
 *
 * A head is JSON, and JSON text never has a bare control character below U+0009 in it, so those
 * stand for the phrases. A head that has one all the same is kept as it is, behind a mark. The
 * table is part of what is on the disk: append to it, never change it.
 */
import { PoeError } from '../errors.js'

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

/** A phrase and its character. */
type Coded = readonly [phrase: string, code: string]

const CODED = PHRASES.map((phrase, index): Coded => [phrase, String.fromCharCode(index + 1)])
const STATUSES = CODED.filter(([phrase]) => phrase.startsWith('['))
/** The longer ones stand first. */
const TYPES = CODED.filter(([phrase]) => phrase.startsWith('"content-type'))
const LOCATION = CODED.find(([phrase]) => phrase.startsWith('"location')) as Coded
const END = CODED.find(([phrase]) => phrase.endsWith('"k"]')) as Coded
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are the codes, of now and of later
const HAS_CODE = /[\0-\x08\x0b\x0c\x0e-\x1f]/
/** Tab and the ends of lines are no codes, and JSON may have them. */
const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE] = [9, 10, 13, 32]

/**
 * Shortens a head. Phrases are looked for only where they stand as a rule: one pattern for all of
 * them would cost ten times as much.
 *
 * @param head - any text, as a rule short JSON
 */
export function shortenHead(head: string): string {
  const { start, short } = last
  // Most heads of an application begin alike.
  if (start !== '' && head.startsWith(start)) {
    const rest = head.slice(start.length)
    return HAS_CODE.test(rest) ? AS_IT_IS + head : short + shortenEnd(rest)
  }
  if (HAS_CODE.test(head)) return AS_IT_IS + head
  const [status, statusCode] = phraseAt(head, 0, STATUSES)
  const [type, typeCode] = phraseAt(head, status.length, TYPES)
  let text = statusCode + typeCode
  let at = status.length + type.length
  const locationAt = head.indexOf(LOCATION[0], at)
  if (locationAt >= 0) {
    text += head.slice(at, locationAt) + LOCATION[1]
    at = locationAt + LOCATION[0].length
    last.start = head.slice(0, at)
    last.short = text
  }
  return text + shortenEnd(head.slice(at))
}

/** How the last head began that had a location, up to that. */
const last = { start: '', short: '' }

function shortenEnd(text: string): string {
  return text.endsWith(END[0]) ? text.slice(0, -END[0].length) + END[1] : text
}

const NO_PHRASE: Coded = ['', '']

function phraseAt(head: string, at: number, phrases: readonly Coded[]): Coded {
  for (const coded of phrases) if (head.startsWith(coded[0], at)) return coded
  return NO_PHRASE
}

/**
 * Gives back what {@link shortenHead} was given.
 *
 * @throws PoeError `ERR_POE_STORE_RECORD` when a newer release has shortened it
 */
export function restoreHead(text: string): string {
  if (text.startsWith(AS_IT_IS)) return text.slice(1)
  let head = ''
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 0 || code > PHRASES.length) {
      if (code < SPACE && isLaterCode(code)) throw new PoeError('ERR_POE_STORE_RECORD')
      continue
    }
    head += text.slice(from, at) + PHRASES[code - 1]
    from = at + 1
  }
  return from === 0 ? text : head + text.slice(from)
}

function isLaterCode(code: number): boolean {
  return code !== TAB && code !== LINE_FEED && code !== CARRIAGE_RETURN
}
