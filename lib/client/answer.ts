/**
 * Reading answers: what their fields list, where they lead, and a bounded part of their content.
 */

import type { WithFields } from './delay.js'
import type { FetchBody } from './fetch-types.js'

type Members = Readonly<Record<string, unknown>>

/** What our own problem documents tell; every member is `null` where it is not there. */
export interface ProblemReading {
  /** The content, for whom the answer is passed on to; `null` where it did not come whole. */
  readonly text: string | null
  readonly type: string | null
  readonly link: string | null
  /** Where the result is. */
  readonly result: string | null
  readonly payloadMatches: boolean | null
}

/**
 * Whether an answer says that POST is allowed.
 *
 * @returns `null` where it has no `Allow`
 * @see RFC 9110 10.2.1
 */
export function allowsPost({ headers }: WithFields): boolean | null {
  const allow = headers.get('allow')
  return allow === null ? null : lists(allow, 'POST')
}

/**
 * Whether an answer's `Allow` is that of a link that is spent: GET is listed, and POST is not. A
 * link that a POST is under way at, or whose life is over, lists neither.
 */
export function saysSpent({ headers }: WithFields): boolean {
  const allow = headers.get('allow') ?? ''
  return lists(allow, 'GET') && !lists(allow, 'POST')
}

function lists(allow: string, method: string): boolean {
  return allow.split(',').some(one => one.trim() === method)
}

/**
 * Where an answer leads, without its fragment.
 *
 * @returns an http or https URL without a user name, `null` where it names none
 * @see RFC 9110 10.2.2
 */
export function locationOf(response: Response | null, base: URL): URL | null {
  return webUrl(response?.headers.get('location') ?? null, base)
}

/**
 * Resolves a reference to something that can be asked by HTTP.
 *
 * @returns the URL without its fragment; `null` for anything else, also with a user name
 */
export function webUrl(reference: string | null, base?: URL | string): URL | null {
  if (reference === null) return null
  try {
    // To ask first whether it can be parsed would parse it twice.
    const url = new URL(reference, base)
    if (url.href.includes('#')) url.hash = ''
    const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
    return isWeb && url.username === '' && url.password === '' ? url : null
  } catch {
    return null
  }
}

/**
 * The same answer with other content. A reason phrase may be in letters that a server can send, and
 * no `Response` be made with. RFC 9112 4
 */
export function withContent(content: FetchBody | null, answer: Response): Response {
  const { status, headers, statusText } = answer
  const isPlain = /^[ -~\x80-\xff]*$/.test(statusText)
  return new Response(content, isPlain ? answer : { status, headers })
}

/** Lets go of an answer whose content nobody wants, so that its connection is freed. */
export function discard(response: Response | null): void {
  if (response === null || response.bodyUsed) return
  // What is no stream of the web, as node-fetch's, is destroyed.
  const { body } = response as { readonly body: ForeignBody | null }
  if (body?.cancel === undefined) body?.destroy?.()
  else body.cancel().catch(() => {})
}

const SENT_WITH = new WeakMap<Response, AbortController>()

/** Notes what can end the request of an answer while its content is coming. */
export function sentWith(response: Response, own: AbortController): Response {
  SENT_WITH.set(response, own)
  return response
}

/** As {@link discard}, for content that somebody waits for no longer, and has locked. */
export function breakOff(response: Response | null): void {
  if (response !== null) SENT_WITH.get(response)?.abort()
}

/** A body of some other `fetch`: a stream of the web, or one of Node. */
interface ForeignBody extends AsyncIterable<Uint8Array> {
  readonly cancel?: () => Promise<void>
  readonly destroy?: () => void
  readonly getReader?: () => ReadableStreamDefaultReader<Uint8Array>
}

/**
 * Whether something is an answer, of whatever `fetch`.
 *
 * @param value - what was given or thrown
 */
export function isAnswer(value: unknown): value is Response {
  const { status, headers } = (value ?? {}) as Partial<Response>
  return typeof status === 'number' && typeof headers?.get === 'function'
}

/**
 * What a problem document tells.
 *
 * @param response - the answer
 * @param text - its content; `null` where that did not come whole
 * @returns nothing but the text where it is none
 * @see RFC 9457
 */
export function problemOf(response: Response, text: string | null): ProblemReading {
  const isProblem = /\/problem\+json\b/i.test(response.headers.get('content-type') ?? '')
  const members = ((isProblem && parseJson(text ?? '')) || {}) as Members
  const { payloadMatches } = members
  const textOf = (name: string) => (typeof members[name] === 'string' ? members[name] : null)
  return {
    text,
    type: textOf('type'),
    link: textOf('link'),
    result: textOf('result'),
    payloadMatches: typeof payloadMatches === 'boolean' ? payloadMatches : null,
  }
}

/**
 * Reads content as text, as far as a limit.
 *
 * @param limit - in bytes
 * @returns the text, `null` where there is more than that
 * @throws what reading throws
 */
export async function readText(response: Response, limit: number): Promise<string | null> {
  const { body } = response as { readonly body: ForeignBody | null }
  if (body === null) return ''
  const decoder = new TextDecoder()
  const reader = body.getReader?.()
  const iterator = reader === undefined ? body[Symbol.asyncIterator]() : null
  let text = ''
  for (let left = limit; ; ) {
    const { done, value } = await (reader?.read() ?? (iterator as AsyncIterator<Uint8Array>).next())
    if (done === true) return text + decoder.decode()
    left -= value.length
    if (left < 0) {
      await (reader?.cancel() ?? iterator?.return?.())?.catch(() => {})
      return null
    }
    text += decoder.decode(value, { stream: true })
  }
}

/** Reads JSON; `undefined` for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
