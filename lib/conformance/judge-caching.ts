/**
 * What caches may do with an answer.
 *
 * @see RFC 9110 9.3.3, 15.1; RFC 9111 3, 5.2; RFC 9213
 */
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import { resolved, tokens, told, type UnmetExpectation, unmet } from './unmet-expectation.js'
import type { Exchange } from './wire.js'

/** RFC 9110 15.1; what a cache may keep although nothing is said about freshness. */
const KEPT_BY_HEURISTICS = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])

/** Fields that speak to the caches of a site's own front only. */
const TARGETED = ['CDN-Cache-Control', 'Surrogate-Control']

/** Whether no cache may keep it. */
export function judgeNotStored(response: RawResponse): UnmetExpectation | null {
  const directives = tokens(response, 'Cache-Control')
  if (directives.includes('no-store')) return null
  const isFresh = hasFreshness(response)
  if (!isFresh && !KEPT_BY_HEURISTICS.has(response.status)) return null
  return unmet('Cache-Control: no-store', told(response, 'Cache-Control'))
}

/** Whether nothing says for how long it may be kept. */
export function judgeNotFresh(response: RawResponse): UnmetExpectation | null {
  if (!hasFreshness(response) || tokens(response, 'Cache-Control').includes('no-store')) return null
  return unmet('nothing that lets a cache keep it', told(response, 'Cache-Control'))
}

/** Whether no shared cache may hand it to somebody else. */
export function judgeNotShared({ sent }: Exchange, response: RawResponse): UnmetExpectation | null {
  const directives = tokens(response, 'Cache-Control')
  const isShared = directives.some(one => one === 'public' || one.startsWith('s-maxage'))
  // RFC 9111 3.5: an answer to a request with Authorization is not shared unless it says so.
  const isPersonal =
    sent.fields.some(([name]) => /^authorization$/i.test(name)) &&
    !directives.includes('must-revalidate')
  const isPrivate = directives.some(one => one === 'private' || one === 'no-store')
  // RFC 9213: a cache that it is meant for looks at this field only.
  const targeted = TARGETED.find(name => isShareable(tokens(response, name)))
  if (targeted !== undefined) {
    return unmet('nothing that lets a shared cache keep it', told(response, targeted))
  }
  if ((isPrivate || isPersonal) && !isShared) return null
  return unmet('Cache-Control with private or no-store', told(response, 'Cache-Control'))
}

function isShareable(directives: readonly string[]): boolean {
  const isKept = directives.some(one => /^(?:public$|(?:s-maxage|max-age)=(?!0$))/.test(one))
  return isKept && !directives.some(one => ['private', 'no-store', 'no-cache'].includes(one))
}

/** Whether it says no more about freshness than the answer to a POST may. */
export function judgeCacheable({ sent }: Exchange, response: RawResponse): UnmetExpectation | null {
  if (!hasFreshness(response) || tokens(response, 'Cache-Control').includes('no-store')) return null
  const [location] = fieldValues(response, 'Content-Location')
  const isOwn = location !== undefined && resolved(location, sent.url) === sent.url.href
  return isOwn
    ? null
    : unmet('freshness with Content-Location of the link only', told(response, 'Cache-Control'))
}

function hasFreshness(response: RawResponse): boolean {
  const isTold = tokens(response, 'Cache-Control').some(one =>
    /^(?:public$|(?:s-maxage|max-age)=(?!0$))/.test(one),
  )
  return isTold || fieldValues(response, 'Expires').some(value => Date.parse(value) > Date.now())
}
