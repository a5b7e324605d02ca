/**
 * A `ServerResponse` that leads to no socket: what is said on it is given back as a value.
 *
 * A handler on node:http gets one in place of the client's, so that its answer can be recorded
 * before it is sent; over fetch, Koa's own answer is taken from one.
 *
 * @see decision 0034
 */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { ServerResponse, STATUS_CODES } from 'node:http'
import { PassThrough } from 'node:stream'
import { Unsaid } from '../engine/unsaid.js'
import { beforeFields } from '../koa/before-fields.js'
import { saidWith } from '../koa/run/body-slot.js'

/** An answer, or as much of it as is known when it begins. */
export interface CapturedAnswer {
  readonly status: number
  /** The reason phrase; empty where it is that of the status. */
  readonly phrase: string
  readonly fields: OutgoingHttpHeaders
  /** Whole, or still coming; `null` for none. */
  readonly content: Buffer | PassThrough | null
}

type Done = (error?: Error | null) => void

/** A response and what is said on it. */
export class CapturedResponse {
  /** To be handed to whoever answers. */
  readonly response: ServerResponse
  /** Settles when the answer is whole, or begins to come in pieces. */
  readonly answer: Promise<CapturedAnswer>
  #resolve: (answer: CapturedAnswer) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #stream: PassThrough | null = null
  /** What flows into it, such as another server's answer. */
  #source: unknown = null
  #isClosed = false
  #status: number | null = null

  /**
   * Makes a response.
   *
   * @param req - the request that it is for
   * @param like - a response whose methods (Express's `res.json`) and fields it begins with
   */
  constructor(req: IncomingMessage, like: ServerResponse | null = null) {
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever never asks for it is not to be told of it as of an error that nobody has handled.
    this.answer.catch(() => {})
    const response = new ServerResponse(req)
    // Framing is the other's matter: over HTTP/2 Node would refuse to announce trailers here.
    response.useChunkedEncodingByDefault = true
    if (like !== null) takeAfter(response, like)
    // Another class's own would tell its client: light-my-request's does.
    response.writeHead = ServerResponse.prototype.writeHead
    // Fields that are given to writeHead() count as set from here on, and its status is final.
    beforeFields(response, {
      beforeFields: () => {
        this.#status = response.statusCode
      },
    })
    // Node's server tells these where there is a socket: Deno's response has no `closed`, and Node
    // 26 counts as finished only what its server has sent.
    Object.defineProperties(response, {
      closed: { get: () => this.#isClosed },
      writableFinished: { get: () => response.writableEnded },
    })
    response.on('pipe', source => {
      this.#source = source
    })
    this.response = Object.assign(response, {
      write: (chunk: unknown, ...more: unknown[]) => this.#write(chunk, more),
      end: (...given: unknown[]) => this.#end(given),
      flushHeaders: () => void this.#pieces(),
      destroy: (error?: Error) => this.#destroy(error),
      ...(like !== null && besideAnswer(like)),
    } as Partial<ServerResponse>)
  }

  /** Whether it came in pieces, was ended, and all of them are taken. */
  get isOver(): boolean {
    return this.response.writableEnded && this.#stream?.destroyed === true
  }

  /** Ends it with an error: of the whole answer, or of the content that is on its way. */
  fail(error: unknown): void {
    const cause =
      error instanceof Error ? error : new Error('The answer broke off', { cause: error })
    this.#reject(error)
    this.#stream?.destroy(cause)
  }

  /** Tells whoever answers that the client has left. What is still said leads nowhere. */
  leave(): void {
    if (this.response.writableFinished) return
    if (this.#stream === null) this.#close()
    else this.#stream.destroy()
  }

  #begin(content: Buffer | PassThrough | null): void {
    const { response } = this
    if (!response.headersSent) response.writeHead(response.statusCode)
    const status = this.#status ?? response.statusCode
    const { statusMessage } = response
    const phrase = statusMessage === STATUS_CODES[status] ? '' : statusMessage
    this.#resolve({ status, phrase, fields: response.getHeaders(), content })
  }

  /** The stream that further pieces go to. */
  #pieces(): PassThrough {
    if (this.#stream !== null) return this.#stream
    const { response } = this
    // A stream that is another server's answer has its status, as node:http's messages do.
    const stream = Object.assign(new PassThrough(), { statusCode: saidWith(this.#source) })
    this.#stream = stream
    stream.on('drain', () => response.emit('drain'))
    // Whoever reads it hears of it; without a listener here it would end the process.
    stream.on('error', () => {})
    stream.once('finish', () => response.emit('finish'))
    stream.once('close', () => this.#close())
    this.#begin(stream)
    return stream
  }

  #write(chunk: unknown, more: readonly unknown[]): boolean {
    const { encoding, done } = readArguments(more)
    if (this.response.writableEnded) {
      done?.(new Error('write after end'))
      return false
    }
    try {
      return this.#pieces().write(chunk, encoding, done)
    } catch (error) {
      // Nobody hears what is thrown to a stream that flows in, and the process would end.
      if (this.#source === null) throw error
      this.#destroy(error as Error)
      return false
    }
  }

  #end(given: readonly unknown[]): ServerResponse {
    const { response } = this
    const [first, ...more] = typeof given[0] === 'function' ? [null, ...given] : given
    const { encoding, done } = readArguments(more)
    if (response.writableEnded) {
      done?.(new Error('end after end'))
      return response
    }
    if (done !== undefined) response.once('finish', done)
    const bytes = bytesOf(first, encoding)
    if (this.#stream === null) this.#begin(bytes.byteLength === 0 ? null : bytes)
    response.finished = true
    response.emit('prefinish')
    if (this.#stream !== null) this.#stream.end(bytes)
    else {
      process.nextTick(() => {
        response.emit('finish')
        this.#close()
      })
    }
    return response
  }

  #destroy(error?: Error): ServerResponse {
    const { response } = this
    if (response.destroyed) return response
    response.destroyed = true
    this.fail(error ?? new Unsaid('The answer was broken off by response.destroy()'))
    if (this.#stream === null) this.#close()
    return response
  }

  #close(): void {
    const { response } = this
    if (this.#isClosed) return
    this.#isClosed = true
    response.emit('close')
  }
}

/** What is no part of an answer that is recorded, and goes straight to the client. */
function besideAnswer(client: ServerResponse): Partial<ServerResponse> {
  return {
    addTrailers: trailers => client.addTrailers(trailers),
    writeContinue: done => void (client.headersSent || client.writeContinue(done)),
    writeProcessing: done => void (client.headersSent || client.writeProcessing(done)),
    writeEarlyHints: (hints, done) =>
      void (client.headersSent || client.writeEarlyHints(hints, done)),
  }
}

/** Gives a response another's methods, fields, and what an application has put on it. */
function takeAfter(response: ServerResponse, like: ServerResponse): void {
  if (like instanceof ServerResponse) {
    Object.setPrototypeOf(response, Object.getPrototypeOf(like) as object)
    for (const [name, value] of Object.entries(like)) {
      if (Object.hasOwn(response, name)) continue
      if (typeof value === 'function') refuseOthers(response, name)
      // The status is yet to be said.
      else if (!name.startsWith('status')) Reflect.set(response, name, value)
    }
  }
  for (const [name, value] of Object.entries(like.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value)
  }
}

/**
 * Functions that somebody has put on the client's response are that one's, as `json()` of Next.js's
 * API routes is. Whoever calls one is told so; what compression offers is only asked for.
 */
function refuseOthers(response: ServerResponse, name: string): void {
  if (name in response || name.startsWith('_') || name === 'flush') return
  Reflect.set(response, name, () => {
    throw new TypeError(
      `response.${name}() was put on the client's own response, and would answer past the door. ` +
        'Use response.writeHead() and response.end(), or methods of its class, as Express has.',
    )
  })
}

function readArguments(more: readonly unknown[]) {
  const encoding = more.find(one => typeof one === 'string') as BufferEncoding | undefined
  const done = more.find(one => typeof one === 'function') as Done | undefined
  return { encoding: encoding ?? 'utf8', done }
}

function bytesOf(chunk: unknown, encoding: BufferEncoding): Buffer {
  if (chunk === null || chunk === undefined) return Buffer.alloc(0)
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding)
  if (chunk instanceof Uint8Array) return Buffer.from(chunk)
  throw new TypeError('response.end() takes a string or bytes')
}
