/**
 * Follows redirects of a request that is not a POST to a link, so that what it carries stays with
 * the origin that was asked.
 *
 * @see RFC 9110 15.4
 */
import { discard, locationOf } from './answer.js'

/** One request: where to, by which method, and whether it carries what was given for it. */
export type Hop = (url: URL, method: string, isGiven: boolean) => Promise<Response>

/** Sends a request, and follows where its answers lead; see {@link followHops}. */
export type FollowHops = (
  url: URL,
  method: string,
  isAllowed: (target: URL) => boolean,
  hop: Hop,
) => Promise<Response>

const MOST_HOPS = 10
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/**
 * Sends a request, and follows where its answers lead.
 *
 * @param url - where to
 * @param method - of the first request
 * @param isAllowed - whether it may be led there; what was given goes to the origin of `url` only
 * @param hop - sends one request, and follows nothing by itself
 * @returns the last answer: a redirect, where it leads to what is not allowed
 */
export const followHops: FollowHops = async (url, method, isAllowed, hop) => {
  let response = await hop(url, method, true)
  let [at, by] = [url, method]
  for (let hops = 0; hops < MOST_HOPS && REDIRECTS.has(response.status); hops += 1) {
    const target = locationOf(response, at)
    if (target === null || !isAllowed(target)) break
    const { status } = response
    if (status === 303 || (status < 303 && by === 'POST')) by = by === 'HEAD' ? by : 'GET'
    at = target
    discard(response)
    response = await hop(at, by, at.origin === url.origin)
  }
  // A browser hides where a redirect leads. It can follow by itself, but without what was given.
  if (response.status !== 0 || by === 'POST') return response
  return await hop(at, by, false)
}
