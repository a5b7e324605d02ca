/**
 * Requests of `client.fetch` that no link or key makes safe to repeat: they are sent as `fetch`
 * does, but for redirects, which lead nothing that was given to another origin.
 *
 * @see RFC 9110 15.4
 */
import type { Parts } from './core.js'
import { delayFor } from './delay.js'
import { followHops } from './follow-get.js'
import type { KnownLinks } from './known-links.js'
import type { FetchLike, ResolvedClientOptions } from './options.js'
import { commonFields, type Fields, toFields } from './sending.js'
import { ungiven } from './ungiven.js'

/** What sends a plain request. */
interface PlainMeans {
  readonly options: ResolvedClientOptions
  readonly known: KnownLinks
  readonly parts: Pick<Parts, 'classify'>
  /** Sends without any login. */
  readonly bare: FetchLike
}

/**
 * Sends a request, and learns the links of its answer.
 *
 * @param url - where to
 * @param request - the request as the caller means it
 * @param given - what the caller gave beside its URL
 * @param means - of the client
 * @throws what `fetch` throws
 */
export async function sendPlain(
  url: URL,
  request: Request,
  given: RequestInit,
  means: PlainMeans,
): Promise<Response> {
  const { options, known, bare } = means
  const { method, redirect } = request
  const all = { ...(await commonFields(options, url)), ...toFields(request.headers) }
  const content = await contentOf(request, given)
  const init = { ...options.init, ...given }
  const send = (at: URL, by: string, how: RequestInit & { headers: Fields }) => {
    const body = by === method ? content : {}
    return sendOnce(at, { ...init, body: null, ...body, ...how, method: by }, means)
  }
  const isSafe = method === 'GET' || method === 'HEAD'
  // A page cannot see where a redirect leads, and a request that is not safe is not sent twice.
  const isHidden = globalThis.location !== undefined && !isSafe
  if (redirect !== 'follow' || isHidden) return await send(url, method, { headers: all, redirect })
  const hop = async (at: URL, by: string, isGiven: boolean) => {
    if (isGiven) return await send(at, by, { headers: all, redirect: 'manual' })
    return await bare(at.href, { ...init, method: by, headers: ungiven(all), body: null })
  }
  const isHere = (target: URL) => known.isAllowed(target, url)
  const response = await followHops(url, method, isHere, hop)
  const target = isSafe ? response.headers.get('location') : null
  const isLed = response.status > 300 && response.status < 400 && response.status !== 304
  if (target === null || !isLed || !URL.canParse(target, response.url || url)) return response
  return await hop(new URL(target, response.url || url), method, false)
}

/** What ends a request. A signal that follows another one lives with its request. */
export type Ender = Pick<Request, 'signal'>

/**
 * Reads how a request is called for, as `fetch` does, but that nothing follows the caller's signal:
 * what does leaves a listener there until it is collected.
 *
 * @returns the request, which has no signal of the caller's; all that was given beside its URL; and
 *   what ends it
 */
export function readCall(
  input: string | URL | Request,
  init: RequestInit,
): readonly [request: Request, given: RequestInit, ender: Ender] {
  const request = new Request(input, { ...init, signal: null })
  const isTold = init.signal !== undefined || !(input instanceof Request)
  const ender = isTold ? { signal: init.signal ?? request.signal } : input
  const { signal } = ender
  return [request, { ...shapeOf(input), ...init, signal }, ender]
}

/**
 * What a request says of how it is to be sent; an address says nothing. A service worker is given
 * navigations, and can make none: Fetch 5.4.
 */
function shapeOf(request: string | URL | Request): RequestInit {
  if (!(request instanceof Request)) return {}
  const { cache, credentials, integrity, keepalive, mode, referrerPolicy } = request
  const shape = { cache, credentials, integrity, keepalive, referrerPolicy }
  return mode === 'navigate' ? shape : { ...shape, mode }
}

/** Content that a redirect, or another try, may ask for again; a stream is sent once. */
async function contentOf(request: Request, { body }: RequestInit): Promise<RequestInit> {
  if (body instanceof ReadableStream) return { body, duplex: 'half' } as RequestInit
  if (request.method === 'GET' || request.method === 'HEAD') return {}
  const bytes = new Uint8Array(await request.arrayBuffer())
  return bytes.length === 0 ? {} : { body: bytes }
}

/** Sends again only what provably never left, where that is asked for. */
async function sendOnce(
  url: URL,
  init: RequestInit,
  { options, known, parts }: PlainMeans,
): Promise<Response> {
  const { fetch, retryUnsent, tries, clock } = options
  const isRepeatable = retryUnsent && !(init.body instanceof ReadableStream)
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url.href, init)
      known.learn(response, url)
      return response
    } catch (error) {
      const mayBeSent = parts.classify(error, {}, {}).mayHaveArrived
      if (!isRepeatable || attempt >= tries || mayBeSent) throw error
      await clock.sleep(delayFor(attempt, null, options), init.signal ?? undefined)
    }
  }
}
