/**
 * The `POE-Links` response field: written strictly, read leniently.
 *
 * Runs in browsers too. A member is a POE-URI between double quotes. It is not a quoted-string: a
 * backslash escapes nothing, so a quote always opens or closes a member.
 *
 * @see POE draft 3
 */
import { isFragment, isPoeUri, toPoeUri } from './uri.js'

/** How much of a `POE-Links` value is read, in characters. */
export const POE_LINKS_LIMIT_CHARS = 65_536

/** How many members of a `POE-Links` value are read; empty ones do not count. */
export const POE_LINKS_LIMIT_MEMBERS = 1_000

/**
 * How a member that was accepted leaves the grammar: not at all, a valid URI without its quotes
 * (as seen in the wild), or a fragment after a URI (it was taken off).
 */
export type PoeLinkDeviation = 'none' | 'unquoted' | 'fragment'

/** A link as read: a POE-URI, and how far it was from what a server should send. */
export interface PoeLink {
  /** The URI reference; may be relative, or empty (the response's own URI). */
  readonly reference: string
  readonly deviation: PoeLinkDeviation
}

/**
 * Why a member was dropped. `invalid`: not a POE-URI. `fragment`: nothing but a fragment, or any
 * fragment where that cannot be forgiven. `unquoted`: strict reading. `broken`: quotes that pair
 * up with no comma around. `unterminated`: a quote that never closes. `cut`: it reached the limit.
 */
export type PoeLinkDropReason =
  | 'invalid'
  | 'fragment'
  | 'unquoted'
  | 'broken'
  | 'unterminated'
  | 'cut'

/** A member that gave no link. */
export interface DroppedPoeLink {
  /** The member as it came, at most 200 characters of it. */
  readonly text: string
  readonly reason: PoeLinkDropReason
}

/** What a `POE-Links` value says. */
export interface PoeLinksReading {
  /** The links, in order, duplicates included. */
  readonly links: readonly PoeLink[]
  readonly dropped: readonly DroppedPoeLink[]
  /** How many members were empty: a recipient skips them, a sender must not make them. */
  readonly emptyMembers: number
  /** Whether a limit was met and the rest was not read. */
  readonly truncated: boolean
  /** Whether a server may send this value; `true` for an absent field. */
  readonly conforms: boolean
}

/** How {@link parsePoeLinks} reads. */
export interface ParsePoeLinksOptions {
  /**
   * Accepts nothing that leaves the grammar, and no link at all where the quotes do not pair up.
   *
   * @defaultValue false
   */
  readonly strict?: boolean
}

/** Which origins {@link resolvePoeLinks} lets through, and how it reads. */
export interface ResolvePoeLinksOptions extends ParsePoeLinksOptions {
  /**
   * Origins (`https://shop.example`) that a response may name besides its own, or `any`.
   *
   * @defaultValue none but the response's own
   */
  readonly origins?: readonly string[] | 'any'
}

/**
 * Writes a `POE-Links` value: every link quoted, in ASCII, percent-encoded where a URI needs it.
 *
 * @param links - absolute URLs or relative references, without fragments
 * @returns the value, or `null` for no links: then the field must not be sent
 * @throws TypeError for a link that no URI can stand for; the message says why
 * @see POE draft 3
 */
export function formatPoeLinks(links: readonly string[]): string | null {
  return links.length === 0 ? null : links.map(link => `"${toPoeUri(link)}"`).join(', ')
}

/**
 * Reads a `POE-Links` value and never throws; time is linear, and input beyond
 * {@link POE_LINKS_LIMIT_CHARS} and {@link POE_LINKS_LIMIT_MEMBERS} is not read.
 *
 * Lenient reading skips empty members, accepts a valid URI without quotes, takes a fragment off a
 * quoted URI, and drops bad members one by one. After quotes that do not pair up it resumes at the
 * next comma that is followed by a quote, so that no link is made of the inside of a bad member.
 *
 * @param value - the value as Node or `Headers.get()` gives it: several lines joined by commas
 * @param options - see {@link ParsePoeLinksOptions}
 * @returns the links and what was wrong
 * @see POE draft 3; RFC 9110 5.6.1
 */
export function parsePoeLinks(
  value: string | null | undefined,
  options: ParsePoeLinksOptions = {},
): PoeLinksReading {
  const strict = options.strict === true
  const text = (value ?? '').slice(0, POE_LINKS_LIMIT_CHARS)
  const cut = (value ?? '').length > text.length
  const links: PoeLink[] = []
  const dropped: DroppedPoeLink[] = []
  let emptyMembers = 0
  let at = value === null || value === undefined ? 1 : 0
  for (; at <= text.length && links.length + dropped.length < POE_LINKS_LIMIT_MEMBERS; at += 1) {
    const member = nextMember(text, at)
    at = member.end
    const verdict = cut && at === text.length ? 'cut' : judge(member, strict)
    if (verdict === 'empty') emptyMembers += 1
    else if (typeof verdict === 'object') links.push(verdict)
    else dropped.push({ text: member.content.slice(0, 200), reason: verdict })
  }
  const truncated = cut || at <= text.length
  const clean = dropped.length === 0 && emptyMembers === 0 && !truncated
  const conforms = clean && links.every(link => link.deviation === 'none')
  const unpaired = dropped.some(({ reason }) => reason === 'broken' || reason === 'unterminated')
  return { links: strict && unpaired ? [] : links, dropped, emptyMembers, truncated, conforms }
}

/**
 * Reads a `POE-Links` value and resolves its links: absolute `http` and `https` URLs, without
 * repeats, in order of first appearance. Links to other origins are dropped unless allowed, and so
 * are links that carry a user name or password.
 *
 * @param value - the value, as for {@link parsePoeLinks}
 * @param baseUrl - the final URL of the response, after redirects; neither `Content-Location` nor
 *   an HTML `base` counts
 * @param options - see {@link ResolvePoeLinksOptions}
 * @returns the links in the URL parser's normal form
 * @throws TypeError where `baseUrl` or one of `origins` is not an absolute URL
 * @see POE draft 3, 8
 */
export function resolvePoeLinks(
  value: string | null | undefined,
  baseUrl: string | URL,
  options: ResolvePoeLinksOptions = {},
): readonly string[] {
  const base = new URL(baseUrl)
  const { origins = [] } = options
  const allowed =
    origins === 'any' ? null : new Set([base.origin, ...origins.map(one => new URL(one).origin)])
  const urls = new Set<string>()
  for (const { reference } of parsePoeLinks(value, options).links) {
    if (!URL.canParse(reference, base.href)) continue
    const url = new URL(reference, base)
    if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') continue
    if (allowed === null || allowed.has(url.origin)) urls.add(url.href)
  }
  return [...urls]
}

/** A member as cut out of the list; `end` is where its comma is, or the end of the text. */
interface Member {
  readonly shape: 'empty' | 'quoted' | 'bare' | 'broken' | 'unterminated'
  readonly content: string
  readonly end: number
}

function judge(member: Member, strict: boolean): PoeLink | PoeLinkDropReason | 'empty' {
  switch (member.shape) {
    case 'quoted':
      return judgeQuoted(member.content, strict)
    case 'bare':
      if (strict) return 'unquoted'
      if (isPoeUri(member.content)) return { reference: member.content, deviation: 'unquoted' }
      return member.content.includes('#') ? 'fragment' : 'invalid'
    default:
      return member.shape
  }
}

function judgeQuoted(content: string, strict: boolean): PoeLink | PoeLinkDropReason {
  if (isPoeUri(content)) return { reference: content, deviation: 'none' }
  const hash = content.indexOf('#')
  const reference = content.slice(0, hash)
  if (hash === -1 || !isPoeUri(reference) || !isFragment(content.slice(hash + 1))) return 'invalid'
  return strict || hash === 0 ? 'fragment' : { reference, deviation: 'fragment' }
}

function nextMember(text: string, from: number): Member {
  const start = afterSpace(text, from)
  if (start === text.length || text[start] === ',') {
    return { shape: 'empty', content: '', end: start }
  }
  return text[start] === '"' ? quotedMember(text, start) : bareMember(text, start)
}

function quotedMember(text: string, start: number): Member {
  const close = text.indexOf('"', start + 1)
  if (close === -1) {
    return { shape: 'unterminated', content: text.slice(start), end: text.length }
  }
  const end = afterSpace(text, close + 1)
  if (end < text.length && text[end] !== ',') return brokenMember(text, start)
  return { shape: 'quoted', content: text.slice(start + 1, close), end }
}

function bareMember(text: string, start: number): Member {
  const comma = text.indexOf(',', start)
  const end = comma === -1 ? text.length : comma
  const content = text.slice(start, beforeSpace(text, end))
  return content.includes('"') ? brokenMember(text, start) : { shape: 'bare', content, end }
}

/** Ends a member whose quotes are wrong at the first comma that a quote follows. */
function brokenMember(text: string, start: number): Member {
  const rest = text.slice(start)
  const comma = rest.search(/,[ \t]*"/)
  const content = comma === -1 ? rest : rest.slice(0, comma)
  return { shape: 'broken', content, end: start + content.length }
}

const SPACES: ReadonlySet<string | undefined> = new Set([' ', '\t'])

function afterSpace(text: string, from: number): number {
  let at = from
  while (SPACES.has(text[at])) at += 1
  return at
}

function beforeSpace(text: string, from: number): number {
  let at = from
  while (SPACES.has(text[at - 1])) at -= 1
  return at
}
