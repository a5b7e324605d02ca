/**
 * Answers a 401 or 407 with a login, and sends the same again.
 *
 * @see RFC 9110 11.4
 */
import { discard } from './answer.js'
import type { ClientOptions, FetchLike } from './options.js'
import { toFields } from './sending.js'

/**
 * Wraps a `fetch` so that it logs in when it is asked to, once for each request; a login that was
 * taken goes with every request after it.
 *
 * @param fetch - what sends; it is called with fields by name
 * @param authenticate - gives the fields of a login
 */
export function withLogin(
  fetch: FetchLike,
  authenticate: NonNullable<ClientOptions['authenticate']>,
): FetchLike {
  let login = {}
  const send = (input: string | URL | Request, init: RequestInit | undefined) => {
    if (input instanceof Request) {
      const headers = { ...toFields(input.headers), ...login }
      return fetch(new Request(input.clone(), { headers }), init)
    }
    return fetch(input, { ...init, headers: { ...toFields(init?.headers), ...login } })
  }
  return async (input, init) => {
    const response = await send(input, init)
    if (response.status !== 401 && response.status !== 407) return response
    const given = await authenticate(response)
    if (given === null) return response
    login = toFields(given)
    discard(response)
    return await send(input, init)
  }
}
