/**
 * Reading answers: what their fields list, where they lead, and a bounded part of their content.
 */

type Members = Readonly<Record<string, unknown>>

/** What our own problem documents tell; every member is `null` where it is not there. */
export interface ProblemReading {
  /** The content as it came, for whom the answer is passed on to. */
  readonly text: string
  readonly type: string | null
  readonly link: string | null
  readonly payloadMatches: boolean | null
}

/**
 * Whether an answer says that POST is allowed.
 *
 * @returns `null` where it has no `Allow`
 * @see RFC 9110 10.2.1
 */
export function allowsPost(response: Response): boolean | null {
  const allow = response.headers.get('allow')
  return allow === null ? null : allow.split(',').some(method => method.trim() === 'POST')
}

/**
 * Where an answer leads, without its fragment.
 *
 * @returns an http or https URL without a user name, `null` where it names none
 * @see RFC 9110 10.2.2
 */
export function locationOf(response: Response, base: URL): URL | null {
  return webUrl(response.headers.get('location'), base)
}

/**
 * Resolves a reference to something that can be asked by HTTP.
 *
 * @returns the URL without its fragment; `null` for anything else, also with a user name
 */
export function webUrl(reference: string | null, base?: URL | string): URL | null {
  if (reference === null || !URL.canParse(reference, base)) return null
  const url = new URL(reference, base)
  url.hash = ''
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  return isWeb && url.username === '' && url.password === '' ? url : null
}

/** Lets go of an answer whose content nobody wants, so that its connection is freed. */
export function discard(response: Response | null): void {
  if (response === null || response.bodyUsed) return
  response.body?.cancel().catch(() => {})
}

/**
 * What a problem document tells.
 *
 * @param response - the answer
 * @param text - its content
 * @returns nothing but the text where it is none
 * @see RFC 9457
 */
export function problemOf(response: Response, text: string): ProblemReading {
  const isProblem = /\/problem\+json\b/i.test(response.headers.get('content-type') ?? '')
  const { type, link, payloadMatches } = ((isProblem && parseJson(text)) || {}) as Members
  return {
    text,
    type: typeof type === 'string' ? type : null,
    link: typeof link === 'string' ? link : null,
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
  if (response.body === null) return ''
  const decoder = new TextDecoder()
  const reader = response.body.getReader()
  let text = ''
  for (let left = limit; ; ) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    left -= value.length
    if (left < 0) {
      await reader.cancel().catch(() => {})
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
