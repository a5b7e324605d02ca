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

/** Whether no cache may keep it, or may give it to anybody without asking again. */
export function judgeNotStored(response: RawResponse): UnmetExpectation | null {
  const directives = tokens(response, 'Cache-Control')
  if (directives.includes('no-store') || isAskedAgain(response)) return null
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
  if (((isPrivate || isPersonal) && !isShared) || isAskedAgain(response)) return null
  return unmet('Cache-Control with private or no-store', told(response, 'Cache-Control'))
}

/** Whether each use of it is asked for at its origin first (RFC 9111 4.1, 5.2.2). */
function isAskedAgain(response: RawResponse): boolean {
  if (tokens(response, 'Vary').includes('*')) return true
  const directives = tokens(response, 'Cache-Control')
  const isHeld = directives.some(one => /^(?:must|proxy)-revalidate$/.test(one))
  return directives.includes('no-cache') || (isHeld && lifetimeOf(response) === 0)
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
  const seconds = lifetimeOf(response)
  return seconds === null ? tokens(response, 'Cache-Control').includes('public') : seconds > 0
}

/**
 * For how long some cache may take it for fresh, in seconds; `null` where it says nothing.
 * `Expires` counts where nothing else is said (RFC 9111 5.3), and by the server's clock.
 */
function lifetimeOf(response: RawResponse): number | null {
  const ages = tokens(response, 'Cache-Control').flatMap(one => {
    const [, value] = /^(?:s-maxage|max-age)="?(\d+)/.exec(one) ?? []
    return value === undefined ? [] : [Number(value)]
  })
  if (ages.length > 0) return Math.max(...ages)
  const [expires] = fieldValues(response, 'Expires')
  if (expires === undefined) return null
  const date = Date.parse(fieldValues(response, 'Date')[0] ?? '')
  const seconds = (Date.parse(expires) - (Number.isNaN(date) ? Date.now() : date)) / 1_000
  // What is no date is in the past.
  return Number.isNaN(seconds) ? 0 : seconds
}
