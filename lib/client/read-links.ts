/**
 * Reads `POE-Links` as the client needs it: leniently, and nothing but the links. What is wrong
 * with a value is for `parsePoeLinks` to say.
 *
 * @see POE draft 3
 */
import { type Member, nextMember } from '../protocols/poe/members.js'
import { isPoeUri } from '../protocols/poe/uri.js'
import { webUrl } from './answer.js'

const LIMIT_CHARS = 65_536
const LIMIT_MEMBERS = 1_000

/**
 * The links of a value, as absolute URLs, without repeats.
 *
 * @param value - the field's value, `null` for none
 * @param base - the final URL of the answer
 * @returns http and https URLs without user names, of any origin
 */
export function readLinks(value: string | null, base: URL): URL[] {
  const text = value ?? ''
  const urls = new Map<string, URL>()
  if (text.length > LIMIT_CHARS) return []
  for (let at = 0, count = 0; at <= text.length && count < LIMIT_MEMBERS; at += 1) {
    const member = nextMember(text, at)
    at = member.end
    if (member.shape !== 'empty') count += 1
    const url = webUrl(referenceOf(member), base)
    if (url !== null) urls.set(url.href, url)
  }
  return [...urls.values()]
}

/** A fragment is taken off what is quoted; a bare member that has one is none. */
function referenceOf({ shape, content }: Member): string | null {
  const reference = shape === 'quoted' ? content.replace(/(.)#[^#"\\ ]*$/, '$1') : content
  return (shape === 'quoted' || shape === 'bare') && isPoeUri(reference) ? reference : null
}
