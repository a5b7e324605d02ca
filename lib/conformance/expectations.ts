/**
 * Whether an answer is as expected, and what to say where it is not.
 *
 * @see RFC 9110 5.6.1, 9.3.2, 9.3.3, 10.2.1, 10.2.3, 15.1; RFC 9111 3, 5.2; RFC 8288 3.2
 */
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { Expectation } from './catalogue.js'
import { mediaTypeOf } from './find-links.js'
import { judgeCacheable, judgeNotShared, judgeNotStored } from './judge-caching.js'
import { judgeContentLinks, judgeLinkTo, judgePoeLinks, judgeResultLink } from './judge-links.js'
import { resolved, tokens, told, type Unmet, unmet } from './unmet.js'
import type { Exchange } from './wire.js'

/** What an answer can be compared with. */
export interface Surroundings {
  /** Earlier answers of the check, by name. */
  readonly answers: ReadonlyMap<string, Exchange>
}

/** An answer that came. */
interface Answered {
  readonly exchange: Exchange
  readonly response: RawResponse
  readonly surroundings: Surroundings
}

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
  if ('linksTo' in expectation) return judgeLinkTo(expectation.linksTo, exchange, response)
  if ('statusOf' in expectation) {
    const { status } = answerOf(expectation.statusOf, surroundings)
    return judgeStatus([String(status)], response)
  }
  if ('contentOf' in expectation || 'locationOf' in expectation || 'headOf' in expectation) {
    return judgeAgainst(expectation, answered)
  }
  if ('differsFrom' in expectation) {
    const same = isSame(response, answerOf(expectation.differsFrom, surroundings))
    return same ? unmet('something else', 'the same status and content') : null
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
  | { readonly linksTo: unknown }
  | { readonly statusOf: unknown }
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
  if ('allowNames' in expectation) {
    const odd = fieldValues(response, 'Allow').join(', ')
    return /[a-z]/.test(odd) ? unmet('methods in capitals', `Allow: ${odd}`) : null
  }
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
  return one.status === other.status && one.body.equals(other.body)
}

function answerOf(name: string, { answers }: Surroundings): RawResponse {
  const response = answers.get(name)?.response
  if (response === undefined || response === null)
    throw new TypeError(`No answer is called ${name}`)
  return response
}

function before({ status }: RawResponse): string {
  return `status ${status} before that`
}
