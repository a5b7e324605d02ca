/** Sends one request to a shop's door, and notes what came, by HTTP alone. */
import {
  fieldValues,
  type RawResponse,
  type RawResult,
  rawRequest,
  requestBytes,
} from '../../../lib/testing/index.js'
import type { Exchange, NamedOrder } from './history.js'

/** A request to be sent. */
export interface Question {
  readonly method: 'GET' | 'POST'
  readonly what: Exchange['what']
  readonly path: string
  readonly user: string
  readonly body: string | null
  readonly shop: number
  readonly port: number
  readonly timeoutMs: number
}

/** Asks, and gives the exchange with the answer's JSON, `null` where there is none. */
export async function ask(
  question: Question,
  now: () => number,
): Promise<{ readonly exchange: Exchange; readonly json: Json | null }> {
  const { method, what, path, user, body, shop, port, timeoutMs } = question
  const sentMs = now()
  const bytes = requestBytes({
    method,
    path,
    headers: {
      Accept: 'application/json',
      POE: '1',
      'X-Demo-User': user,
      ...(body !== null && { 'Content-Type': 'application/json' }),
    },
    ...(body !== null && { body }),
  })
  const result = await rawRequest({ port, timeoutMs, bytes })
  const times = { sentMs, endedMs: now(), method, what, shop, ended: result.ended }
  const response = wholeOf(result)
  if (response === null) return { exchange: { ...times, ...NOTHING }, json: null }
  const json = jsonOf(response)
  return { exchange: { ...times, ...readAnswer(response, json, path) }, json }
}

type Json = Readonly<Record<string, unknown>>
type Answer = Omit<Exchange, 'sentMs' | 'endedMs' | 'method' | 'what' | 'shop' | 'ended'>

const NOTHING: Answer = {
  status: null,
  problem: null,
  by: null,
  order: null,
  isProven: false,
  payloadMatches: null,
  retryAfterMs: null,
}
const PROBLEM = 'urn:post-once-exactly:problem:'
const RELATION = 'urn:post-once-exactly:rel:result'

function readAnswer(response: RawResponse, json: Json | null, path: string): Answer {
  const field = (name: string) => fieldValues(response, name)[0] ?? null
  const type = typeof json?.type === 'string' ? json.type : ''
  const links = fieldValues(response, 'Link').join(', ')
  const retryAfter = field('Retry-After')
  return {
    status: response.status,
    problem: type.startsWith(PROBLEM) ? type.slice(PROBLEM.length) : null,
    by: field('X-Shop'),
    order: orderOf(json),
    isProven: links.includes(RELATION) && links.includes(`anchor="${path}"`),
    payloadMatches: typeof json?.payloadMatches === 'boolean' ? json.payloadMatches : null,
    retryAfterMs: retryAfter === null ? null : Number(retryAfter) * 1_000,
  }
}

/** A response that was cut off is no answer, whatever its status says. */
function wholeOf({ ended, response }: RawResult): RawResponse | null {
  return ended === 'complete' && response?.complete === true ? response : null
}

function jsonOf({ body }: RawResponse): Json | null {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null ? (value as Json) : null
  } catch {
    return null
  }
}

function orderOf(json: Json | null): NamedOrder | null {
  if (typeof json?.id !== 'number' || typeof json.sku !== 'string') return null
  return { id: json.id, sku: json.sku }
}
