/**
 * How requests reach the judged server over HTTP/2: a connection for each, as over HTTP/1.1, with
 * the same bounds.
 *
 * @see RFC 9113
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RawEnding } from '../testing/raw-http.js'
import type { RawField, RawResponse } from '../testing/raw-response.js'
import { readable } from './content-coding.js'
import { noted } from './recorder.js'
import {
  ANSWER_LIMIT_BYTES,
  type Exchange,
  pieces,
  type Sent,
  type Wire,
  type WireOptions,
} from './wire.js'

/** How long requests stay one byte short, so that the server has read them, in milliseconds. */
const HOLD_MS = 20
/** What HTTP/2 has no such fields for: RFC 9113 8.2.2. */
const CONNECTION_FIELDS = new Set([
  ...['connection', 'host', 'transfer-encoding', 'upgrade', 'expect'],
  ...['keep-alive', 'proxy-connection', 'te', 'http2-settings'],
])

/** HTTP/2, a connection for each request; without TLS by prior knowledge. */
export class Http2Wire implements Wire {
  readonly #options: WireOptions

  /** @param options - bounds, and how TLS is spoken */
  constructor(options: WireOptions) {
    this.#options = options
  }

  async exchange(sent: Sent): Promise<Exchange> {
    const call = new Call(sent, this.#options)
    const content = contentOf(sent)
    const [pieceBytes, pauseMs] = sent.slowly === true ? pieces(sent) : [content.length, 0]
    for (let at = 0; at < content.length; at += pieceBytes) {
      if (at > 0) await sleep(pauseMs)
      call.write(content.subarray(at, at + pieceBytes))
    }
    call.end()
    return noted(await call.exchange)
  }

  async together(sents: readonly Sent[]): Promise<Exchange[]> {
    const calls = sents.map(sent => new Call(sent, this.#options))
    for (const call of calls) call.write(contentOf(call.sent).subarray(0, -1))
    await sleep(HOLD_MS)
    for (const call of calls) call.end(contentOf(call.sent).subarray(-1))
    return (await Promise.all(calls.map(call => call.exchange))).map(noted)
  }

  async leave(sent: Sent, before: 'body' | 'answer'): Promise<Exchange> {
    const call = new Call(sent, this.#options)
    const content = contentOf(sent)
    const isWhole = before === 'answer'
    call.write(isWhole ? content : content.subarray(0, content.length >> 1))
    if (isWhole) call.end()
    await sleep(HOLD_MS)
    call.leave()
    return noted(await call.exchange)
  }

  async inARow(sents: readonly Sent[], atOnce: boolean): Promise<Exchange[]> {
    if (atOnce) return await this.together(sents)
    const answers: Exchange[] = []
    for (const sent of sents) answers.push(await this.exchange(sent))
    return answers
  }
}

/** One request on its connection. */
class Call {
  readonly sent: Sent
  readonly exchange: Promise<Exchange>
  readonly #session: ClientHttp2Session
  readonly #stream: ClientHttp2Stream
  readonly #chunks: Buffer[] = []
  readonly #timer: NodeJS.Timeout
  #bytes = 0
  #head: { readonly status: number; readonly fields: readonly RawField[] } | null = null
  #interim: number[] = []
  #finish: (exchange: Exchange) => void = () => {}
  #isConnected = false
  #code: string | null = null

  constructor(sent: Sent, { timeoutMs, tls }: WireOptions) {
    this.sent = sent
    this.exchange = new Promise(resolve => {
      this.#finish = resolve
    })
    this.#session = connect(sent.url.origin, tls)
    this.#session.once('connect', () => {
      this.#isConnected = true
    })
    const fail = (error?: NodeJS.ErrnoException) => {
      this.#code ??= error?.code ?? null
      this.#end(this.#isConnected ? 'reset' : 'refused')
    }
    this.#session.on('error', fail)
    this.#session.once('close', () => this.#end('closed'))
    this.#timer = setTimeout(() => this.#end('timeout'), timeoutMs)
    this.#stream = this.#session.request(headersOf(sent), { endStream: false })
    this.#stream.on('headers', headers => this.#interim.push(Number(headers[':status'])))
    this.#stream.once('response', (...told: unknown[]) => {
      const [headers, , raw] = told as [Record<string, unknown>, number, readonly string[]]
      this.#head = { status: Number(headers[':status']), fields: fieldsOf(raw) }
    })
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#stream.once('end', () => {
      // What a server takes back in the middle of it ends, too.
      if (this.#stream.rstCode > 0) this.#end('reset')
      else this.#end(this.#head === null ? 'closed' : 'complete')
    })
    this.#stream.on('error', fail)
    this.#stream.once('close', () => fail())
  }

  write(bytes: Buffer): void {
    if (bytes.length > 0 && this.#stream.writable) this.#stream.write(bytes)
  }

  end(bytes: Buffer = Buffer.alloc(0)): void {
    if (this.#stream.writable) this.#stream.end(bytes)
  }

  leave(): void {
    this.#end('left')
  }

  #read(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > ANSWER_LIMIT_BYTES) this.#end('too-long')
    else this.#chunks.push(chunk)
  }

  #end(ended: RawEnding): void {
    clearTimeout(this.#timer)
    const response = ended === 'complete' ? this.#response() : null
    const endedAtMs = performance.now()
    const code = this.#code
    this.#finish({ sent: this.sent, ended, response, interim: this.#interim, endedAtMs, code })
    if (this.#session.destroyed) return
    this.#stream.close(constants.NGHTTP2_CANCEL)
    this.#session.destroy()
  }

  #response(): RawResponse | null {
    if (this.#head === null) return null
    const body = Buffer.concat(this.#chunks)
    const rest = Buffer.alloc(0)
    const { status, fields } = this.#head
    const shared = { version: '2', reason: '', trailers: [], complete: true, rest }
    return readable({ ...shared, status, fields, body, interim: this.#interim })
  }
}

function contentOf({ body }: Sent): Buffer {
  return body ?? Buffer.alloc(0)
}

function headersOf({ method, url, target, fields, body }: Sent): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    ':method': method,
    ':path': target,
    ':scheme': url.protocol.slice(0, -1),
    ':authority': url.host,
  }
  for (const [name, value] of fields) {
    const lower = name.toLowerCase()
    if (CONNECTION_FIELDS.has(lower)) continue
    const known = headers[lower]
    headers[lower] = known === undefined ? value : [known, value].flat()
  }
  if (body !== null) headers['content-length'] = String(body.length)
  return headers
}

/** Node gives names and values in turn. */
function fieldsOf(raw: readonly string[]): RawField[] {
  const fields: RawField[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = raw.slice(at, at + 2)
    if (!name.startsWith(':')) fields.push({ name, value, line: `${name}: ${value}` })
  }
  return fields
}
