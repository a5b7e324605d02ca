/**
 * What went wrong, in words for a person who waits.
 */
import { STATUS_CODES } from 'node:http'

const CODES: Readonly<Record<string, string>> = {
  EAI_AGAIN: "the host's name cannot be looked up now",
  ECONNREFUSED: 'nobody listens there (connection refused)',
  ECONNRESET: 'the connection broke before an answer came',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ENOTFOUND: 'there is no host of that name',
  EPIPE: 'the connection broke before an answer came',
  ETIMEDOUT: 'no connection came about in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped coming',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer came in time',
  UND_ERR_SOCKET: 'the connection broke before an answer came',
}

const DEEPEST = 8

/** What is told of one try. */
export interface TryWords {
  readonly response: Response | null
  readonly cause: unknown
}

/**
 * Why a try did not settle it.
 *
 * @returns the middle of a sentence, such as `the server answered 503 Service Unavailable`
 */
export function tryInWords({ response, cause }: TryWords): string {
  return response === null ? failureInWords(cause) : statusInWords(response.status)
}

/** An answer's status as the middle of a sentence. */
export function statusInWords(status: number): string {
  if (status === 409) return 'another POST to the link is under way, or undecided (409)'
  return `the server answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd()
}

/** What was thrown instead of an answer, as the middle of a sentence. */
export function failureInWords(error: unknown): string {
  const { code, name, message } = innermost(error, DEEPEST)
  if (name === 'TimeoutError') return message.replace(/^No/, 'no')
  const known = CODES[code]
  if (known !== undefined) return known
  if (/^(?:ERR_SSL_|EPROTO)/.test(code))
    return `nothing speaks TLS with us there: is it http? (${code})`
  if (/CERT|SELF_SIGNED|TLS/.test(code)) return `the server's certificate is not trusted (${code})`
  if (code.startsWith('HPE_')) return `what came back is not HTTP (${code})`
  if (message === 'bad port') return 'requests to that port are never sent'
  // What others say stays within a line: it must not look like one of ours.
  return message === '' ? 'something went wrong' : message.replaceAll(/\s+/g, ' ')
}

/** How often, as a person says it. */
export function tries(count: number): string {
  return count === 1 ? '1 try' : `${count} tries`
}

/** A link as it may be shown to whomever: who has the token can use it. */
export function masked(link: string): string {
  const { origin, pathname, search } = new URL(link)
  const steps = pathname.split('/')
  const token = steps.pop() ?? ''
  const shown = token.length > 8 ? token.slice(0, 4) : ''
  return `${origin}${[...steps, shown].join('/')}…${search === '' ? '' : '?…'}`
}

interface Inner {
  readonly code: string
  readonly name: string
  readonly message: string
}

/** The cause of the cause, and of several the first: they differ in their addresses only. */
function innermost(error: unknown, depth: number): Inner {
  if (!(error instanceof Error)) return { code: '', name: '', message: String(error ?? '') }
  const { cause, message, name } = error
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : cause
  if (inner instanceof Error && depth > 0) return innermost(inner, depth - 1)
  const code: unknown = Reflect.get(error, 'code')
  return { code: typeof code === 'string' ? code : '', name, message }
}
