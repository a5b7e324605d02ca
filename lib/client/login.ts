/**
 * Answers a 401 or 407 with a login, and sends the same again.
 *
 * @see RFC 9110 11.4
 */
import { discard } from './answer.js'
import type { ClientOptions, FetchLike } from './options.js'
import { type Fields, toFields } from './sending.js'

/**
 * Wraps a `fetch` so that it logs in when it is asked to, once for each request; a login that was
 * taken goes with every request to the same origin after it, and to no other one.
 *
 * @param fetch - what sends; it is called with a URL and fields by name, and follows no redirect
 *   that would carry them elsewhere
 * @param authenticate - gives the fields of a login
 */
export function withLogin(
  fetch: FetchLike,
  authenticate: NonNullable<ClientOptions['authenticate']>,
): FetchLike {
  const logins = new Map<string, Fields>()
  return async (input, init) => {
    const { href, origin } = new URL(input instanceof Request ? input.url : input)
    const send = () => {
      const given = init?.headers ?? (input instanceof Request ? input.headers : undefined)
      const headers = { ...toFields(given), ...logins.get(origin) }
      return fetch(input instanceof Request ? input.clone() : input, { ...init, headers })
    }
    const response = await send()
    if (response.status !== 401 && response.status !== 407) return response
    // What can be read once would be sent empty, or from where it was left.
    if (isReadOnce(init?.body)) return response
    // Where the runtime followed a redirect, another origin may be asking.
    if (response.url && new URL(response.url).origin !== origin) return response
    const given = await authenticate(response, href)
    if (given === null) return response
    logins.set(origin, toFields(given))
    discard(response)
    return await send()
  }
}

/** Not every browser can iterate over a stream. */
function isReadOnce(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false
  return body instanceof ReadableStream || Symbol.asyncIterator in body
}
