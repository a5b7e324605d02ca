/**
 * How requests reach the judged server: each on a connection of its own, byte for byte as the check
 * wants them, with a bound on time and size. Nothing re-sends, follows or repairs.
 *
 * @see RFC 9112
 */
import { isIP } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { ConnectionOptions } from 'node:tls'
import {
  halfSent,
  type RawEnding,
  type RawResult,
  type RawTarget,
  rawRequest,
  releaseTogether,
  requestBytes,
  slowly,
} from '../testing/raw-http.js'
import type { RawResponse } from '../testing/raw-response.js'
import { readable } from './content-coding.js'
import type { CookieJar } from './cookies.js'
import { overOneConnection } from './one-connection.js'
import { noted } from './recorder.js'

/** A request as it goes out. */
export interface Sent {
  readonly method: string
  /** Whom to connect to. */
  readonly url: URL
  /** The request target. */
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | null
  /** The content goes out in pieces, with pauses. */
  readonly slowly?: boolean
  /** The content is chunked. */
  readonly chunked?: boolean
  /** The content follows after a moment, asked for or not. */
  readonly unasked?: boolean
  /** The version that the request names. Default: 1.1. */
  readonly version?: '1.0'
  /** Bytes behind the request. */
  readonly trailing?: string
  /** Where the cookies of the answer are kept. */
  readonly jar?: CookieJar | null
  /** The adapter has it refused: a 429 is what was asked for. */
  readonly isRefused?: boolean
}

/** A request and what came of it. */
export interface Exchange {
  readonly sent: Sent
  readonly ended: RawEnding
  /** `null` where no whole answer came. */
  readonly response: RawResponse | null
  /** Statuses of interim answers, also where no final one came. */
  readonly interim: readonly number[]
  /** When it ended, in milliseconds of the monotonic clock. */
  readonly endedAtMs: number
  /** The code of the error that ended it; `null` where there was none. */
  readonly code: string | null
}

/** How the connections are made. */
export interface WireOptions {
  /** For each request, in milliseconds. */
  readonly timeoutMs: number
  readonly tls: ConnectionOptions
}

/** How much of an answer is taken. */
export const ANSWER_LIMIT_BYTES: number = 8 * 1024 * 1024
const SLOW_PIECES = 5
const SLOW_MS = 500
/** How long a server may take to refuse or to ask for the content, in milliseconds. */
const EXPECT_MS = 1_000
/** After this a client sends what it was not asked for, in milliseconds (RFC 9110 10.1.1). */
const UNASKED_MS = 200

/** Connections to the judged server. None of these rejects for what the other side does. */
export interface Wire {
  /** Sends a request and takes the answer. */
  exchange(sent: Sent): Promise<Exchange>
  /** Sends all requests so that their last bytes leave at once; they go to one server. */
  together(sents: readonly Sent[]): Promise<Exchange[]>
  /** Sends half of the content, or all of it, and leaves. */
  leave(sent: Sent, before: 'body' | 'answer'): Promise<Exchange>
  /** Sends requests over one connection: each after the answer to the one before, or at once. */
  inARow(sents: readonly Sent[], atOnce: boolean): Promise<Exchange[]>
}

/** HTTP/1.1, a connection for each request. */
export class Http1Wire implements Wire {
  readonly #options: WireOptions

  /** @param options - bounds, and how TLS is spoken */
  constructor(options: WireOptions) {
    this.#options = options
  }

  async exchange(sent: Sent): Promise<Exchange> {
    const to = this.#target(sent.url)
    const bytes = bytesOf(sent)
    const head = bytes.subarray(0, bytes.length - (sent.body?.length ?? 0))
    if (sent.slowly === true) {
      const steps = [head, ...slowly(bytes.subarray(head.length), ...pieces(sent))]
      return exchangeOf(sent, await rawRequest({ ...to, steps }))
    }
    if (sent.unasked === true) {
      const steps = [head, { pauseMs: UNASKED_MS }, bytes.subarray(head.length)]
      return exchangeOf(sent, await rawRequest({ ...to, steps }))
    }
    if (!asksFirst(sent)) return exchangeOf(sent, await rawRequest({ ...to, bytes }))
    const timeoutMs = Math.min(EXPECT_MS, this.#options.timeoutMs)
    return exchangeOf(sent, await rawRequest({ ...to, timeoutMs, steps: [head] }))
  }

  async together(sents: readonly Sent[]): Promise<Exchange[]> {
    const [first] = sents
    if (first === undefined) return []
    const requests = sents.map(bytesOf)
    const results = await releaseTogether({ ...this.#target(first.url), requests })
    return results.map((result, index) => exchangeOf(sents[index] ?? first, result))
  }

  async leave(sent: Sent, before: 'body' | 'answer'): Promise<Exchange> {
    const bytes = bytesOf(sent)
    // Where there is no content, the head breaks off: what is whole may well be run.
    const missing = before === 'body' ? Math.max(1, Math.ceil((sent.body?.length ?? 0) / 2)) : 0
    const steps = halfSent(bytes, bytes.length - missing)
    return exchangeOf(sent, await rawRequest({ ...this.#target(sent.url), steps }))
  }

  async inARow(sents: readonly Sent[], atOnce: boolean): Promise<Exchange[]> {
    const [first] = sents
    if (first === undefined) return []
    const requests = sents.map(sent => ({ method: sent.method, bytes: bytesOf(sent) }))
    const results = await overOneConnection(this.#target(first.url), requests, atOnce)
    return sents.map((sent, index) => {
      const response = results[index] ?? null
      const ended = response === null ? 'closed' : 'complete'
      const interim = response?.interim ?? []
      return noted({ sent, ended, response, interim, endedAtMs: performance.now(), code: null })
    })
  }

  #target(url: URL): RawTarget {
    const { timeoutMs, tls } = this.#options
    const isSecure = url.protocol === 'https:'
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const port = Number(url.port) || (isSecure ? 443 : 80)
    const target = { host, port, timeoutMs, limitBytes: ANSWER_LIMIT_BYTES }
    if (!isSecure) return target
    // RFC 6066: addresses are not named.
    const named = isIP(host) === 0 ? { servername: host } : {}
    return { ...target, tls: { ...named, ...tls } }
  }
}

/** How large the pieces of a slow content are, and how long the pauses between them. */
export function pieces({ body }: Sent): [pieceBytes: number, pauseMs: number] {
  return [Math.max(1, Math.ceil((body?.length ?? 0) / SLOW_PIECES)), SLOW_MS / SLOW_PIECES]
}

function bytesOf(sent: Sent): Buffer {
  const bytes = plainBytesOf(sent)
  const { version, trailing } = sent
  const lineEnd = bytes.indexOf(' HTTP/1.1\r\n')
  if (version !== undefined && lineEnd > 0) bytes.write(version, lineEnd + ' HTTP/'.length)
  return trailing === undefined ? bytes : Buffer.concat([bytes, Buffer.from(trailing)])
}

function plainBytesOf({ method, url, target, fields, body, chunked }: Sent): Buffer {
  const isNamed = fields.some(([name]) => /^host$/i.test(name))
  const headers = isNamed ? fields : [['Host', url.host] as const, ...fields]
  if (chunked === true && body !== null) {
    const coded = [['Transfer-Encoding', 'chunked'] as const, ...headers]
    const size = body.length === 0 ? '' : `${body.length.toString(16)}\r\n`
    const chunks = [Buffer.from(size), body, Buffer.from(`${size && '\r\n'}0\r\n\r\n`)]
    return requestBytes({ method, path: target, headers: coded, body: Buffer.concat(chunks) })
  }
  const hasContent = body !== null || !['GET', 'HEAD', 'OPTIONS'].includes(method)
  const content = hasContent ? { body: body ?? Buffer.alloc(0) } : {}
  return requestBytes({ method, path: target, headers, ...content })
}

function asksFirst({ fields }: Sent): boolean {
  return fields.some(([name, value]) => /^expect$/i.test(name) && /^100-continue$/i.test(value))
}

function exchangeOf(sent: Sent, { ended, response, received, code }: RawResult): Exchange {
  const whole = ended === 'complete' && response !== null ? readable(response) : null
  const interim = whole?.interim ?? interimOf(received)
  return noted({ sent, ended, response: whole, interim, endedAtMs: performance.now(), code })
}

function interimOf(received: Buffer): number[] {
  const heads = received.toString('latin1', 0, 4_096).matchAll(/HTTP\/1\.1 (1\d\d)\b/g)
  return [...heads].map(([, status]) => Number(status))
}
