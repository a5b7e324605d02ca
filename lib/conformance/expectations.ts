/**
 * Whether an answer is as expected, and what to say where it is not.
 *
 * @see RFC 9110 5.6.1, 9.3.2, 9.3.3, 10.2.1, 10.2.3, 15.1; RFC 9111 3, 5.2; RFC 8288 3.2
 */
import LinkHeader from 'http-link-header'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { Expectation } from './catalogue.js'
import { announced, mediaTypeOf, referencesIn } from './find-links.js'
import type { Exchange } from './wire.js'

/** What an answer can be compared with. */
export interface Surroundings {
  /** Earlier answers of the check, by name. */
  readonly answers: ReadonlyMap<string, Exchange>
}

/** An expectation that is not met, in words. */
export interface Unmet {
  readonly expected: string
  readonly seen: string
}

/** An answer that came. */
interface Answered {
  readonly exchange: Exchange
  readonly response: RawResponse
  readonly surroundings: Surroundings
}

/** RFC 9110 15.1; what a cache may keep although nothing is said about freshness. */
const KEPT_BY_HEURISTICS = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])
const HEAD_FIELDS = [
  'Content-Type',
  'Content-Language',
  'Content-Location',
  'Location',
  'Allow',
  'Cache-Control',
  'ETag',
  'Last-Modified',
  'Vary',
  'Link',
]

/**
 * Judges an answer.
 *
 * @param expectations - all of them have to hold
 * @param exchange - the answer came
 * @param surroundings - what it is compared with
 * @returns the first one that is not met, `null` where all are
 */
export function firstUnmet(
  expectations: readonly Expectation[],
  exchange: Exchange,
  surroundings: Surroundings,
): Unmet | null {
  const { response } = exchange
  if (response === null) throw new TypeError('There is no answer to judge')
  for (const expectation of expectations) {
    const unmet = judge(expectation, { exchange, response, surroundings })
    if (unmet !== null) return unmet
  }
  return null
}

/** Whether an expectation names a status, so that it is a word and no accident. */
export function namesStatus(expectations: readonly Expectation[], status: number): boolean {
  return expectations.some(expectation => {
    if ('status' in expectation) return expectation.status.includes(String(status))
    if ('anyOf' in expectation) {
      return expectation.anyOf.some(list => namesStatus(list, status))
    }
    return false
  })
}

function judge(expectation: Expectation, answered: Answered): Unmet | null {
  const { exchange, response, surroundings } = answered
  if ('anyOf' in expectation) return judgeAny(expectation.anyOf, answered)
  if ('when' in expectation) return judgeWhen(expectation, answered)
  if ('status' in expectation) return judgeStatus(expectation.status, response)
  if ('poeLinks' in expectation) return judgePoeLinks(expectation.poeLinks, exchange, response)
  if ('linksInContent' in expectation) return judgeContentLinks(exchange, response)
  if ('resultLink' in expectation) return judgeResultLink(exchange, response)
  if ('contentOf' in expectation || 'locationOf' in expectation || 'headOf' in expectation) {
    return judgeAgainst(expectation, answered)
  }
  if ('differsFrom' in expectation) {
    const same = isSame(response, answerOf(expectation.differsFrom, surroundings))
    return same ? unmet('something else than before', 'the same status, Allow and content') : null
  }
  if ('after' in expectation) {
    const other = surroundings.answers.get(expectation.after)
    const isAfter = other !== undefined && exchange.endedAtMs >= other.endedAtMs
    return isAfter ? null : unmet('an answer after the other POST was decided', before(response))
  }
  return judgeAlone(expectation, exchange, response)
}

type Alone = Exclude<
  Expectation,
  | { readonly status: unknown }
  | { readonly anyOf: unknown }
  | { readonly when: unknown }
  | { readonly poeLinks: unknown }
  | { readonly linksInContent: unknown }
  | { readonly resultLink: unknown }
  | { readonly contentOf: unknown }
  | { readonly locationOf: unknown }
  | { readonly headOf: unknown }
  | { readonly differsFrom: unknown }
  | { readonly after: unknown }
>

function judgeAlone(expectation: Alone, exchange: Exchange, response: RawResponse): Unmet | null {
  if ('has' in expectation) {
    const has = fieldValues(response, expectation.has).length > 0
    return has ? null : unmet(`a field ${expectation.has}`, 'none')
  }
  if ('lacks' in expectation) {
    const values = fieldValues(response, expectation.lacks)
    return values.length === 0 ? null : unmet(`no ${expectation.lacks}`, values.join(', '))
  }
  if ('allowHas' in expectation || 'allowLacks' in expectation)
    return judgeAllow(expectation, response)
  if ('lists' in expectation) {
    const [field, token] = expectation.lists
    const has = tokens(response, field).includes(token.toLowerCase())
    return has ? null : unmet(`${field} with ${token}`, told(response, field))
  }
  if ('typeIs' in expectation) {
    const type = mediaTypeOf(response)
    return type === expectation.typeIs
      ? null
      : unmet(`content of type ${expectation.typeIs}`, type || 'no type')
  }
  if ('notStored' in expectation) return judgeNotStored(response)
  if ('notShared' in expectation) return judgeNotShared(exchange, response)
  if ('retryAfter' in expectation) {
    const [value = ''] = fieldValues(response, 'Retry-After')
    const isTime =
      /^[1-9]\d*$/.test(value) || (/[A-Za-z]/.test(value) && !Number.isNaN(Date.parse(value)))
    return isTime ? null : unmet('Retry-After of a second or more', told(response, 'Retry-After'))
  }
  if ('empty' in expectation || 'notEmpty' in expectation) {
    const isEmpty = response.body.length === 0
    const wanted = 'empty' in expectation
    return isEmpty === wanted
      ? null
      : unmet(wanted ? 'no content' : 'content', `${response.body.length} bytes`)
  }
  if ('noInterim' in expectation) {
    const { interim } = exchange
    return interim.length === 0 ? null : unmet('the refusal at once', `${interim.join(', ')} first`)
  }
  return judgeCacheable(exchange, response)
}

function judgeAny(lists: readonly (readonly Expectation[])[], answered: Answered): Unmet | null {
  const all: Unmet[] = []
  for (const list of lists) {
    const found = firstUnmet(list, answered.exchange, answered.surroundings)
    if (found === null) return null
    all.push(found)
  }
  const expected = all.map(one => one.expected).join(', or ')
  return unmet(expected, all[0]?.seen ?? '')
}

function judgeWhen(
  expectation: Extract<Expectation, { readonly when: unknown }>,
  { exchange, surroundings }: Answered,
): Unmet | null {
  const { when, of, demand } = expectation
  const asked = of === undefined ? exchange : surroundings.answers.get(of)
  if (asked === undefined || asked.response === null) return null
  const applies = firstUnmet(when, asked, surroundings) === null
  return applies ? firstUnmet(demand, exchange, surroundings) : null
}

function judgeStatus(wanted: readonly string[], { status }: RawResponse): Unmet | null {
  const refused = wanted.filter(one => one.startsWith('!'))
  const accepted = wanted.filter(one => !one.startsWith('!'))
  const isRefused = refused.some(one => matches(one.slice(1), status))
  const isAccepted = accepted.length === 0 || accepted.some(one => matches(one, status))
  if (isAccepted && !isRefused) return null
  const words = wanted.map(one => (one.startsWith('!') ? `not ${one.slice(1)}` : one))
  return unmet(`status ${words.join(accepted.length === 0 ? ' and ' : ' or ')}`, `status ${status}`)
}

function matches(pattern: string, status: number): boolean {
  return pattern.endsWith('xx')
    ? String(status).startsWith(pattern.charAt(0))
    : pattern === String(status)
}

function judgeAllow(
  expectation: { readonly allowHas: string } | { readonly allowLacks: string },
  response: RawResponse,
): Unmet | null {
  // Method names are case-sensitive, but whoever reads one in small letters obeys it all the same.
  const methods = tokens(response, 'Allow')
  const seen = `Allow: ${fieldValues(response, 'Allow').join(', ')}`
  if ('allowHas' in expectation) {
    const has = methods.includes(expectation.allowHas.toLowerCase())
    return has ? null : unmet(`Allow with ${expectation.allowHas}`, seen)
  }
  const lacks = !methods.includes(expectation.allowLacks.toLowerCase())
  return lacks ? null : unmet(`Allow without ${expectation.allowLacks}`, seen)
}

function judgeNotStored(response: RawResponse): Unmet | null {
  const directives = tokens(response, 'Cache-Control')
  if (directives.includes('no-store')) return null
  const isFresh = hasFreshness(response)
  if (!isFresh && !KEPT_BY_HEURISTICS.has(response.status)) return null
  return unmet('Cache-Control: no-store', told(response, 'Cache-Control'))
}

function judgeNotShared({ sent }: Exchange, response: RawResponse): Unmet | null {
  const directives = tokens(response, 'Cache-Control')
  const isShared = directives.some(one => one === 'public' || one.startsWith('s-maxage'))
  // RFC 9111 3.5: an answer to a request with Authorization is not shared unless it says so.
  const isPersonal =
    sent.fields.some(([name]) => /^authorization$/i.test(name)) &&
    !directives.includes('must-revalidate')
  const isPrivate = directives.some(one => one === 'private' || one === 'no-store')
  if ((isPrivate || isPersonal) && !isShared) return null
  return unmet('Cache-Control with private or no-store', told(response, 'Cache-Control'))
}

function judgeCacheable({ sent }: Exchange, response: RawResponse): Unmet | null {
  if (!hasFreshness(response) || tokens(response, 'Cache-Control').includes('no-store')) return null
  const [location] = fieldValues(response, 'Content-Location')
  const isOwn = location !== undefined && resolved(location, sent.url) === sent.url.href
  return isOwn
    ? null
    : unmet('freshness with Content-Location of the link only', told(response, 'Cache-Control'))
}

function judgePoeLinks(
  rule: Extract<Expectation, { readonly poeLinks: unknown }>['poeLinks'],
  { sent }: Exchange,
  response: RawResponse,
): Unmet | null {
  const { links, dropped, emptyMembers } = announced(response)
  const seen = `POE-Links: ${fieldValues(response, 'POE-Links').join(', ')}`
  const isNothing = links.length + dropped.length === 0
  switch (rule) {
    case 'quoted': {
      const isWrong = links.some(({ deviation }) => deviation === 'unquoted')
      const isBad = dropped.some(({ reason }) => reason !== 'fragment')
      return isWrong || isBad ? unmet('URI references between double quotes', seen) : null
    }
    case 'no fragment': {
      const isCut = links.some(({ deviation }) => deviation === 'fragment')
      const isDropped = dropped.some(({ reason }) => reason === 'fragment')
      return isCut || isDropped ? unmet('no fragment', seen) : null
    }
    case 'not empty':
      return isNothing ? unmet('a link, or no field', seen) : null
    case 'no empty members':
      return emptyMembers > 0 && !isNothing ? unmet('no empty members', seen) : null
    case 'own origin': {
      const isForeign = links.some(({ reference }) => {
        return (
          URL.canParse(reference, sent.url) &&
          new URL(reference, sent.url).origin !== sent.url.origin
        )
      })
      return isForeign ? unmet(`links at ${sent.url.origin}`, seen) : null
    }
  }
}

function judgeContentLinks({ sent }: Exchange, response: RawResponse): Unmet | null {
  const there = new Set([...referencesIn(response)].map(one => resolved(one, sent.url)))
  const missing = announced(response).links.find(
    ({ reference }) => !there.has(resolved(reference, sent.url)),
  )
  return missing === undefined
    ? null
    : unmet(`${missing.reference} in the content`, 'it is not there')
}

function judgeResultLink({ sent }: Exchange, response: RawResponse): Unmet | null {
  const value = fieldValues(response, 'Link').join(', ')
  const links = readLink(value)
  if (links === null) return unmet('a Link field that can be read', value)
  const toResult = links.filter(({ rel }) => rel.split(/\s+/).some(one => /^related$|:/i.test(one)))
  const stray = toResult.find(({ anchor }) => resolved(anchor ?? '\0', sent.url) !== sent.url.href)
  return stray === undefined
    ? null
    : unmet(`an anchor that is ${sent.target}`, stray.anchor ?? 'no anchor')
}

function judgeAgainst(
  expectation: Extract<
    Expectation,
    | { readonly contentOf: unknown }
    | { readonly locationOf: unknown }
    | { readonly headOf: unknown }
  >,
  { exchange, response, surroundings }: Answered,
): Unmet | null {
  if ('contentOf' in expectation) {
    const other = answerOf(expectation.contentOf, surroundings)
    if (!response.body.equals(other.body)) {
      return unmet(
        `the same ${other.body.length} bytes`,
        `${response.body.length} bytes that differ`,
      )
    }
    return sameField('Content-Type', response, other)
  }
  if ('headOf' in expectation)
    return judgeHead(response, answerOf(expectation.headOf, surroundings))
  const base = exchange.sent.url
  const [there] = fieldValues(answerOf(expectation.locationOf, surroundings), 'Location')
  const [here] = fieldValues(response, 'Location')
  const isSame = here !== undefined && resolved(here, base) === resolved(there ?? '', base)
  return isSame ? null : unmet(`Location: ${there}`, told(response, 'Location'))
}

function judgeHead(response: RawResponse, get: RawResponse): Unmet | null {
  if (response.status !== get.status)
    return unmet(`status ${get.status}`, `status ${response.status}`)
  if (response.rest.length > 0) return unmet('no content', `${response.rest.length} bytes`)
  for (const name of HEAD_FIELDS) {
    const unlike = sameField(name, response, get)
    if (unlike !== null) return unlike
  }
  return null
}

function sameField(name: string, one: RawResponse, other: RawResponse): Unmet | null {
  const [here, there] = [one, other].map(each => fieldValues(each, name).join(', '))
  if (here === there) return null
  return unmet(`${name}: ${there || '(none)'}`, `${name}: ${here || '(none)'}`)
}

function isSame(one: RawResponse, other: RawResponse): boolean {
  const isAlike = one.status === other.status && one.body.equals(other.body)
  return isAlike && sameField('Allow', one, other) === null
}

function answerOf(name: string, { answers }: Surroundings): RawResponse {
  const response = answers.get(name)?.response
  if (response === undefined || response === null)
    throw new TypeError(`No answer is called ${name}`)
  return response
}

function hasFreshness(response: RawResponse): boolean {
  const isTold = tokens(response, 'Cache-Control').some(one =>
    /^(?:public$|(?:s-)?max-?age=(?!0$))/.test(one),
  )
  return isTold || fieldValues(response, 'Expires').some(value => Date.parse(value) > Date.now())
}

/** The members of a list, in small letters. */
function tokens(response: RawResponse, field: string): string[] {
  const members = fieldValues(response, field).join(',').split(',')
  return members.map(member => member.trim().toLowerCase()).filter(member => member !== '')
}

function told(response: RawResponse, field: string): string {
  const values = fieldValues(response, field)
  return values.length === 0 ? `no ${field}` : `${field}: ${values.join(', ')}`
}

function before({ status }: RawResponse): string {
  return `status ${status} before that`
}

function readLink(value: string) {
  try {
    return LinkHeader.parse(value).refs
  } catch {
    return null
  }
}

function resolved(reference: string, base: URL): string {
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference
}

function unmet(expected: string, seen: string): Unmet {
  return { expected, seen }
}
