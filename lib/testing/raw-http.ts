/**
 * A raw-socket HTTP/1.1 client for tests: what is sent is what the test says, byte for byte, and
 * what came is told as it came. Always bounded in time.
 *
 * @see RFC 9112
 */
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectSecurely } from 'node:tls'
import { type RawResponse, readRawResponse } from './raw-response.js'

/** Where a raw request goes, and how long it may take. */
export interface RawTarget {
  /** @defaultValue `127.0.0.1` */
  readonly host?: string
  readonly port: number
  /**
   * When to give up, in milliseconds from the start, connecting included.
   *
   * @defaultValue 5,000
   */
  readonly timeoutMs?: number
  /** Speaks TLS, with these options. Default: no TLS. */
  readonly tls?: ConnectionOptions
  /**
   * How many bytes of the answer to take; with more of them it ends as `too-long`.
   *
   * @defaultValue 67,108,864
   */
  readonly limitBytes?: number
}

/** A request by its parts; nothing is checked, so that it can be as wrong as the test wants. */
export interface RawRequestParts {
  /** @defaultValue `GET` */
  readonly method?: string
  /**
   * The request target.
   *
   * @defaultValue `/`
   */
  readonly path?: string
  /** Field lines, by name or in order; written as Latin-1. */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[]
  /** Text is written as UTF-8. */
  readonly body?: string | Uint8Array
}

/** One thing to do on the socket: send bytes, pause, wait for so much of the answer, or leave. */
export type RawStep =
  | Uint8Array
  | { readonly pauseMs: number }
  | { readonly receivedBytes: number }
  | { readonly leave: 'end' | 'destroy' | 'reset' }

/** What {@link rawRequest} sends: `steps`, else `bytes`, else a request by its parts. */
export interface RawRequestOptions extends RawTarget, RawRequestParts {
  /** A whole request. */
  readonly bytes?: Uint8Array
  /** A request in pieces, with pauses, or less than one. */
  readonly steps?: readonly RawStep[]
}

/**
 * How it ended: `complete` with a whole response; `closed` or `reset` by the other side before
 * that; `refused` when connecting; `left` by a step of ours; `malformed` by what is not HTTP;
 * `too-long` by more bytes than the limit.
 */
export type RawEnding =
  | 'complete'
  | 'closed'
  | 'reset'
  | 'refused'
  | 'timeout'
  | 'left'
  | 'malformed'
  | 'too-long'

/** What came of a raw request. */
export interface RawResult {
  readonly ended: RawEnding
  /** The response, perhaps not complete; `null` where not even its head came. */
  readonly response: RawResponse | null
  /** Every byte that came. */
  readonly received: Buffer
  /** The code of the error that ended it, such as `ECONNREFUSED`; `null` where there was none. */
  readonly code: string | null
}

/** What {@link releaseTogether} sends. */
export interface ReleaseOptions extends RawTarget {
  /** One whole request for each connection. */
  readonly requests: readonly Uint8Array[]
  /**
   * How long the requests stay one byte short, in milliseconds, so that the server has read them.
   *
   * @defaultValue 20
   */
  readonly holdMs?: number
}

/**
 * Sends one request on a connection of its own and tells what came.
 *
 * @param options - see {@link RawRequestOptions}
 * @returns the result; never rejects for what the other side does
 */
export async function rawRequest(options: RawRequestOptions): Promise<RawResult> {
  const steps = stepsOf(options)
  const exchange = new Exchange(options, methodOf(steps))
  const sent = exchange.perform(steps)
  const result = await exchange.result
  await sent
  return result
}

/**
 * Opens a connection for each request, sends all but its last byte, and then all the last bytes
 * in one go: as simultaneous as requests of one process can be.
 *
 * @param options - see {@link ReleaseOptions}
 * @returns the results, in the order of the requests
 * @throws RangeError for an empty request
 */
export async function releaseTogether(options: ReleaseOptions): Promise<RawResult[]> {
  const { requests, holdMs = 20 } = options
  if (requests.some(request => request.length === 0)) throw new RangeError('A request is empty')
  const exchanges = requests.map(request => new Exchange(options, methodOf([request])))
  const started = exchanges.map((exchange, index) => {
    const request = requests[index] ?? new Uint8Array()
    return exchange.perform([request.subarray(0, -1), { pauseMs: holdMs }])
  })
  await Promise.all(started)
  for (const [index, exchange] of exchanges.entries()) exchange.write(requests[index]?.subarray(-1))
  return Promise.all(exchanges.map(exchange => exchange.result))
}

/**
 * Writes a request by its parts. Adds `Host`, and `Content-Length` where there is a body, unless
 * the headers have them (or a transfer coding).
 *
 * @param parts - see {@link RawRequestParts}
 * @returns the request's bytes
 */
export function requestBytes(parts: RawRequestParts): Buffer {
  const { method = 'GET', path = '/', headers = {}, body } = parts
  const lines: readonly (readonly [string, string])[] = isPairs(headers)
    ? headers
    : Object.entries(headers)
  const names = new Set(lines.map(([name]) => name.toLowerCase()))
  const content = Buffer.from(body ?? '')
  const head = [`${method} ${path} HTTP/1.1`]
  if (!names.has('host')) head.push('Host: 127.0.0.1')
  for (const [name, value] of lines) head.push(`${name}: ${value}`)
  const sized = names.has('content-length') || names.has('transfer-encoding')
  if (body !== undefined && !sized) head.push(`Content-Length: ${content.length}`)
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), content])
}

/**
 * Makes steps that send part of a request and leave.
 *
 * @param bytes - the whole request
 * @param sentBytes - how much of it to send
 * @param leave - `end` (half-close), `destroy` or `reset`; default `destroy`
 * @returns steps for {@link rawRequest}
 */
export function halfSent(
  bytes: Uint8Array,
  sentBytes: number,
  leave: 'end' | 'destroy' | 'reset' = 'destroy',
): RawStep[] {
  // A receiver that meets bytes and a reset at once takes the reset for an orderly end.
  return [bytes.subarray(0, sentBytes), { pauseMs: leave === 'reset' ? 10 : 0 }, { leave }]
}

/**
 * Makes steps that send a request in pieces with pauses between them.
 *
 * @param bytes - the whole request
 * @param pieceBytes - the size of a piece, at least 1
 * @param pauseMs - the pause after each piece but the last
 * @returns steps for {@link rawRequest}
 * @throws RangeError where `pieceBytes` is below 1
 */
export function slowly(bytes: Uint8Array, pieceBytes: number, pauseMs: number): RawStep[] {
  if (!(pieceBytes >= 1)) throw new RangeError('pieceBytes must be 1 or more')
  const steps: RawStep[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (at > 0) steps.push({ pauseMs })
    steps.push(bytes.subarray(at, at + pieceBytes))
  }
  return steps
}

/**
 * Takes the response out of a result, for tests that expect one.
 *
 * @param result - what {@link rawRequest} gave
 * @returns the complete response
 * @throws Error where there is none; the message tells how it ended
 */
export function responseOf(result: RawResult): RawResponse {
  if (result.ended === 'complete' && result.response !== null) return result.response
  const start = result.received.toString('latin1', 0, 200)
  throw new Error(`No complete response (${result.ended}); received: ${JSON.stringify(start)}`)
}

const DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024

/** One connection, from connecting to its end. */
class Exchange {
  readonly result: Promise<RawResult>
  readonly #socket: Socket
  readonly #method: string
  readonly #connected: Promise<void>
  readonly #timers = new Set<() => void>()
  readonly #limitBytes: number
  #received = Buffer.alloc(0)
  #finish: (result: RawResult) => void = () => {}
  #over = false
  #code: string | null = null

  constructor(target: RawTarget, method: string) {
    this.#method = method
    this.result = new Promise(resolve => {
      this.#finish = resolve
    })
    const { timeoutMs = 5_000, limitBytes = DEFAULT_LIMIT_BYTES, tls } = target
    this.#limitBytes = limitBytes
    const socket = open(target)
    this.#socket = socket
    this.#connected = new Promise(resolve => {
      socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve)
      socket.once('close', () => resolve())
    })
    const timer = setTimeout(() => this.#end('timeout'), timeoutMs)
    this.#timers.add(() => clearTimeout(timer))
    socket.on('data', chunk => this.#read(chunk))
    socket.once('end', () => this.#end('closed'))
    socket.on('error', error => this.#fail(error))
    socket.once('close', () => this.#end('closed'))
  }

  /** Takes the steps one after the other; stops where the exchange is over. */
  async perform(steps: readonly RawStep[]): Promise<void> {
    await this.#connected
    for (const step of steps) {
      if (this.#over) return
      if (step instanceof Uint8Array) await this.#flush(step)
      else if ('pauseMs' in step) await this.#pause(step.pauseMs)
      else if ('receivedBytes' in step) await this.#hasReceived(step.receivedBytes)
      else this.#leave(step.leave)
    }
  }

  /** Sends at once, without waiting for anything. */
  write(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined && this.#socket.writable) this.#socket.write(bytes)
  }

  #flush(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0 || !this.#socket.writable) return Promise.resolve()
    return new Promise(resolve => {
      this.#timers.add(resolve)
      this.#socket.write(bytes, () => resolve())
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#timers.add(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #hasReceived(bytes: number): Promise<void> {
    return new Promise(resolve => {
      const look = (): void => {
        if (this.#received.length >= bytes) resolve()
      }
      this.#timers.add(resolve)
      this.#socket.on('data', look)
      look()
    })
  }

  #leave(how: 'end' | 'destroy' | 'reset'): void {
    if (how === 'end') this.#socket.end()
    else if (how === 'destroy') this.#end('left')
    else {
      this.#socket.resetAndDestroy()
      this.#end('left')
    }
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    const response = readRawResponse(this.#received, { method: this.#method, ended: false })
    if (this.#received.length > this.#limitBytes) this.#end('too-long')
    else if (response === 'malformed') this.#end('malformed')
    else if (response?.complete === true) this.#end('complete')
  }

  #fail(error: NodeJS.ErrnoException): void {
    // A reset can come so soon after the accept that it meets us in the middle of connecting.
    const refused = error.syscall === 'connect' && error.code !== 'ECONNRESET'
    this.#code = error.code ?? null
    this.#end(refused ? 'refused' : 'reset')
  }

  #end(ended: RawEnding): void {
    if (this.#over) return
    this.#over = true
    for (const cancel of this.#timers) cancel()
    this.#socket.destroy()
    const byClose = { method: this.#method, ended: ended === 'closed' }
    const reading = readRawResponse(this.#received, byClose)
    const response = reading === 'malformed' ? null : reading
    const complete = ended === 'closed' && response?.complete === true
    const received = this.#received
    this.#finish({ ended: complete ? 'complete' : ended, response, received, code: this.#code })
  }
}

function open({ host = '127.0.0.1', port, tls }: RawTarget): Socket {
  if (tls === undefined) return connect({ host, port, noDelay: true, allowHalfOpen: true })
  return connectSecurely({ host, port, ...tls })
}

function stepsOf(options: RawRequestOptions): readonly RawStep[] {
  return options.steps ?? [options.bytes ?? requestBytes(options)]
}

function methodOf(steps: readonly RawStep[]): string {
  const [first] = steps
  if (!(first instanceof Uint8Array)) return ''
  return /^\w*/.exec(Buffer.from(first.subarray(0, 20)).toString('latin1'))?.[0] ?? ''
}

function isPairs(
  headers: NonNullable<RawRequestParts['headers']>,
): headers is readonly (readonly [string, string])[] {
  return Array.isArray(headers)
}
