/**
 * Whether an answer is as expected, and what to say where it is not.
 *
 * @see RFC 9110 5.6.1, 9.3.2, 9.3.3, 10.2.1, 10.2.3, 15.1; RFC 9111 3, 5.2; RFC 8288 3.2
 */
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { Expectation } from './catalogue.js'
import { isCoded } from './content-coding.js'
import { mediaTypeOf, referencesIn, textIn } from './find-links.js'
import { judgeCacheable, judgeNotFresh, judgeNotShared, judgeNotStored } from './judge-caching.js'
import {
  ANY_RESULT,
  judgeContentLinks,
  judgeLinkTo,
  judgePoeLinks,
  judgeResultLink,
  TO_RESULT,
} from './judge-links.js'
import { resolved, tokens, told, type UnmetExpectation, unmet } from './unmet-expectation.js'
import type { Exchange } from './wire.js'

/** What an answer can be compared with. */
export interface Surroundings {
  /** Earlier answers of the check, by name. */
  readonly answers: ReadonlyMap<string, Exchange>
  /** The link that a page hands out to checks. */
  readonly linkIn?: (response: RawResponse, url: URL) => string | null
}

/** An answer that came. */
interface Answered {
  readonly exchange: Exchange
  readonly response: RawResponse
  readonly surroundings: Surroundings
}

/** Of two answers, on two connections, the later one may come first by so many milliseconds. */
const OVERTAKING_MS = 100

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
): UnmetExpectation | null {
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
    if ('when' in expectation) return namesStatus(expectation.demand, status)
    return false
  })
}

/** The member that gives an expectation its kind; `of` and `demand` only go along with `when`. */
type DemandName = Exclude<NameIn<Expectation>, 'of' | 'demand'>
type NameIn<E> = E extends unknown ? keyof E : never
type Demand<N> = Extract<Expectation, { readonly [K in N & PropertyKey]: unknown }>
type Judges = {
  readonly [N in DemandName]: (demand: Demand<N>, answered: Answered) => UnmetExpectation | null
}

/** How each kind is judged. A kind that lacks here does not compile. */
const JUDGES: Judges = {
  anyOf: ({ anyOf }, answered) => judgeAny(anyOf, answered),
  when: judgeWhen,
  status: ({ status }, { response }) => judgeStatus(status, response),
  statusOf({ statusOf }, { response, surroundings }) {
    return judgeStatus([String(answerOf(statusOf, surroundings).status)], response)
  },
  poeLinks: ({ poeLinks }, { exchange, response }) => judgePoeLinks(poeLinks, exchange, response),
  linksInContent: (_, { exchange, response }) => judgeContentLinks(exchange, response),
  resultLink({ resultLink }, { exchange, response }) {
    return judgeResultLink(exchange, response, resultLink === 'relation' ? TO_RESULT : ANY_RESULT)
  },
  linksTo: ({ linksTo }, { exchange, response }) => judgeLinkTo(linksTo, exchange, response),
  contentOf({ contentOf }, { response, surroundings }) {
    return judgeContent(response, answerOf(contentOf, surroundings))
  },
  locationOf: judgeLocation,
  targetOf({ targetOf }, { exchange: { sent }, surroundings }) {
    const [there = ''] = fieldValues(answerOf(targetOf, surroundings), 'Location')
    const isThere = there !== '' && resolved(there, sent.url) === sent.url.href
    return isThere ? null : unmet(`a link to ${there || 'what is there'}`, sent.target)
  },
  resultOf({ resultOf }, { exchange, response, surroundings }) {
    return judgeResult(exchange, response, answerOf(resultOf, surroundings))
  },
  partOf({ partOf }, { response, surroundings }) {
    return judgePart(response, answerOf(partOf, surroundings))
  },
  ownLink(_, { exchange: { sent }, response, surroundings }) {
    const link = surroundings.linkIn?.(response, sent.url) ?? null
    const isAny = link !== null && URL.canParse(link, sent.url)
    const isOwn = !isAny || new URL(link, sent.url).origin === sent.url.origin
    return isOwn ? null : unmet(`a link at ${sent.url.origin}`, link)
  },
  headOf({ headOf }, { response, surroundings }) {
    return judgeHead(response, answerOf(headOf, surroundings))
  },
  differsFrom({ differsFrom }, { response, surroundings }) {
    const same = isSame(response, answerOf(differsFrom, surroundings))
    return same ? unmet('something else', 'the same status and content') : null
  },
  unlike({ unlike: [field, answer] }, { response, surroundings }) {
    const isAlike = sameField(field, response, answerOf(answer, surroundings)) === null
    return isAlike ? unmet(`another ${field}`, told(response, field)) : null
  },
  after({ after }, { exchange, response, surroundings }) {
    const other = surroundings.answers.get(after)
    const isAfter = other !== undefined && exchange.endedAtMs > other.endedAtMs - OVERTAKING_MS
    return isAfter ? null : unmet('an answer after the other POST was decided', before(response))
  },
  has({ has }, { response }) {
    return fieldValues(response, has).length > 0 ? null : unmet(`a field ${has}`, 'none')
  },
  lacks({ lacks }, { response }) {
    const values = fieldValues(response, lacks)
    return values.length === 0 ? null : unmet(`no ${lacks}`, values.join(', '))
  },
  allowHas({ allowHas }, { response }) {
    return allows(response, allowHas) ? null : unmet(`Allow with ${allowHas}`, allowOf(response))
  },
  allowLacks({ allowLacks }, { response }) {
    const has = allows(response, allowLacks)
    return has ? unmet(`Allow without ${allowLacks}`, allowOf(response)) : null
  },
  allowNames(_, { response }) {
    const seen = allowOf(response)
    return /[a-z]/.test(seen.slice('Allow'.length)) ? unmet('methods in capitals', seen) : null
  },
  lists({ lists: [field, token] }, { response }) {
    const listed = tokens(response, field)
    // RFC 9110 12.5.5: all fields are meant, and then some.
    const isAll = /^vary$/i.test(field) && listed.includes('*')
    return isAll || listed.includes(token.toLowerCase())
      ? null
      : unmet(`${field} with ${token}`, told(response, field))
  },
  typeIs({ typeIs }, { response }) {
    const type = mediaTypeOf(response)
    return type === typeIs ? null : unmet(`content of type ${typeIs}`, type || 'no type')
  },
  notStored: (_, { response }) => judgeNotStored(response),
  notFresh: (_, { response }) => judgeNotFresh(response),
  notShared: (_, { exchange, response }) => judgeNotShared(exchange, response),
  cacheableByRule: (_, { exchange, response }) => judgeCacheable(exchange, response),
  retryAfter: (_, { response }) => judgeRetryAfter(response),
  empty(_, { response: { body } }) {
    return body.length === 0 ? null : unmet('no content', `${body.length} bytes`)
  },
  notEmpty(_, { response: { body } }) {
    return body.length > 0 ? null : unmet('content', '0 bytes')
  },
  namesLink(_, { response }) {
    const found = [...referencesIn(response)].some(one => /^(?:https?:\/\/|\/)[^/\s]/i.test(one))
    return found || /https?:\/\//i.test(textIn(response)) ? null : unmet('a link in it', 'none')
  },
  noInterim(_, { exchange: { interim } }) {
    return !interim.includes(100)
      ? null
      : unmet('the refusal at once', `${interim.join(', ')} first`)
  },
}

/** @throws TypeError for an expectation with no kind, with an unknown one, or with two */
function judge(expectation: Expectation, answered: Answered): UnmetExpectation | null {
  const [name, ...more] = Object.keys(expectation)
  const isWhen = name === 'when' && more.every(one => one === 'of' || one === 'demand')
  if (name === undefined || !Object.hasOwn(JUDGES, name) || (more.length > 0 && !isWhen)) {
    throw new TypeError(`An expectation of unknown kind: ${JSON.stringify(expectation)}`)
  }
  const one = JUDGES[name as DemandName] as (
    demand: Expectation,
    answered: Answered,
  ) => UnmetExpectation | null
  return one(expectation, answered)
}

function judgeAny(
  lists: readonly (readonly Expectation[])[],
  answered: Answered,
): UnmetExpectation | null {
  const all: UnmetExpectation[] = []
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
): UnmetExpectation | null {
  const { when, of, demand } = expectation
  const asked = of === undefined ? exchange : surroundings.answers.get(of)
  if (asked === undefined || asked.response === null) return null
  const applies = firstUnmet(when, asked, surroundings) === null
  return applies ? firstUnmet(demand, exchange, surroundings) : null
}

function judgeStatus(wanted: readonly string[], { status }: RawResponse): UnmetExpectation | null {
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

function judgeRetryAfter(response: RawResponse): UnmetExpectation | null {
  const [value = ''] = fieldValues(response, 'Retry-After')
  const isTime =
    /^[1-9]\d*$/.test(value) || (/[A-Za-z]/.test(value) && !Number.isNaN(Date.parse(value)))
  return isTime ? null : unmet('Retry-After of a second or more', told(response, 'Retry-After'))
}

/** Method names are case-sensitive; whoever reads one in small letters obeys it all the same. */
function allows(response: RawResponse, method: string): boolean {
  return tokens(response, 'Allow').includes(method.toLowerCase())
}

function allowOf(response: RawResponse): string {
  return `Allow: ${fieldValues(response, 'Allow').join(', ')}`
}

function judgeContent(response: RawResponse, other: RawResponse): UnmetExpectation | null {
  if (response.body.equals(other.body)) return sameField('Content-Type', response, other)
  const seen = `${response.body.length} bytes that differ`
  return unmet(`the same ${other.body.length} bytes`, seen)
}

function judgeLocation(
  { locationOf }: Extract<Expectation, { readonly locationOf: unknown }>,
  { exchange, response, surroundings }: Answered,
): UnmetExpectation | null {
  const base = exchange.sent.url
  const [there] = fieldValues(answerOf(locationOf, surroundings), 'Location')
  const [here] = fieldValues(response, 'Location')
  const isSame = here !== undefined && resolved(here, base) === resolved(there ?? '', base)
  return isSame ? null : unmet(`Location: ${there}`, told(response, 'Location'))
}

/** What a GET of a spent link may give: RFC 9110 9.3.3, 15.4.4. */
function judgeResult(
  { sent }: Exchange,
  response: RawResponse,
  first: RawResponse,
): UnmetExpectation | null {
  const [there] = fieldValues(first, 'Location')
  const [here] = fieldValues(response, 'Location')
  if (matches('3xx', response.status)) {
    const wanted = there === undefined ? 'Location' : `Location: ${there}`
    const isThere =
      there === undefined || resolved(there, sent.url) === resolved(here ?? '', sent.url)
    return here !== undefined && isThere ? null : unmet(wanted, told(response, 'Location'))
  }
  if (!matches('2xx', response.status)) {
    return unmet('2xx, or a redirect to the result', `status ${response.status}`)
  }
  const isKnown = matches('2xx', first.status) && first.body.length > 0
  return isKnown ? judgeContent(response, first) : null
}

/** RFC 9110 14.4: which bytes a 206 says that it has. */
function judgePart(response: RawResponse, whole: RawResponse): UnmetExpectation | null {
  if (response.status !== 206) {
    return response.status === 200 ? judgeContent(response, whole) : null
  }
  // Of the coded bytes, which nobody compares.
  if (isCoded(response)) return null
  const [range = ''] = fieldValues(response, 'Content-Range')
  const [, from = '', to = ''] = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/.exec(range) ?? []
  const part = whole.body.subarray(Number(from), Number(to) + 1)
  const isSame = from !== '' && response.body.equals(part)
  return isSame ? null : unmet('the bytes that Content-Range names', `${range || 'none'}: others`)
}

/** RFC 9110 9.3.2 lets a server leave fields out, and refuse HEAD for a while or for ever. */
function judgeHead(response: RawResponse, get: RawResponse): UnmetExpectation | null {
  if (response.rest.length > 0) return unmet('no content', `${response.rest.length} bytes`)
  if ([405, 501].includes(response.status)) return null
  if (response.status !== get.status)
    return unmet(`status ${get.status}`, `status ${response.status}`)
  for (const name of HEAD_FIELDS) {
    if (fieldValues(response, name).length === 0) continue
    if (name === 'Vary' && variesBy(response) === variesBy(get)) continue
    const unlike = sameField(name, response, get)
    if (unlike !== null) return unlike
  }
  return null
}

/** Without what a front adds that codes contents: it does so only where there is one. */
function variesBy(response: RawResponse): string {
  const names = tokens(response, 'Vary').filter(name => name !== 'accept-encoding')
  return names.sort().join()
}

function sameField(name: string, one: RawResponse, other: RawResponse): UnmetExpectation | null {
  const [here, there] = [one, other].map(each => fieldValues(each, name).join(', '))
  if (here === there) return null
  return unmet(`${name}: ${there || '(none)'}`, `${name}: ${here || '(none)'}`)
}

function isSame(one: RawResponse, other: RawResponse): boolean {
  // Of a redirect it is what there is to read.
  const isThere = !matches('3xx', one.status) || sameField('Location', one, other) === null
  return one.status === other.status && isThere && one.body.equals(other.body)
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
