/**
 * Reads `POE-Links` in few bytes, for the browser's core: leniently, but a value whose quotes do
 * not pair up holds no links at all. The whole client uses the whole parser.
 *
 * @see POE draft 3
 */
import { isFragment, isPoeUri } from '../protocols/poe/uri.js'
import { webUrl } from './answer.js'
import type { WithFields } from './delay.js'
import { finalUrl } from './known-links.js'

const LIMIT_CHARS = 65_536
const VALUE = /^(?:[ \t,]*(?:"[^"]*"|[^", \t]+)(?=[ \t]*(?:,|$)))*[ \t,]*$/
const MEMBERS = /"[^"]*"|[^", \t]+/g

/**
 * The links that an answer announces, as absolute URLs.
 *
 * @param response - the answer
 * @param asked - what it answers
 * @returns http and https URLs without user names, of any origin
 */
export function readLinks(answer: WithFields & { readonly url?: string }, asked: URL): URL[] {
  const text = answer.headers.get('poe-links') ?? ''
  const isReadable = text.length <= LIMIT_CHARS && VALUE.test(text)
  const members = isReadable ? (text.match(MEMBERS) ?? []) : []
  return members.flatMap(member => webUrl(referenceOf(member), finalUrl(answer, asked)) ?? [])
}

/** A fragment is taken off what is quoted; a bare member that has one is none. */
function referenceOf(member: string): string | null {
  const isQuoted = member.startsWith('"')
  const text = isQuoted ? member.slice(1, -1) : member
  const hash = text.indexOf('#')
  const isCut = isQuoted && hash > 0 && isFragment(text.slice(hash + 1))
  const reference = isCut ? text.slice(0, hash) : text
  return isPoeUri(reference) ? reference : null
}
