/**
 * A `Request` as node:http would give it, and the request that a handler gets in its place.
 *
 * @see decision 0034
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import httpErrors from 'http-errors'
import { webStreamOf } from './web-stream.js'

const NO_REQUEST =
  'A door takes the Request itself: c.req.raw of Hono, the member request of what SvelteKit, ' +
  'React Router, Astro or Elysia give. For Express, Fastify and node:http take ' +
  'post-once-exactly/node.'

/** The address of a request. @throws TypeError where it is none, but what a framework has it in */
export function urlOf(request: Request): URL {
  if (typeof request?.headers?.get !== 'function') throw new TypeError(NO_REQUEST)
  return new URL(request.url)
}

/** As much of an `IncomingMessage` as Koa and the doors look at. Reads nothing until it is read. */
class FetchRequest extends Readable {
  readonly httpVersion = '1.1'
  readonly httpVersionMajor = 1
  readonly httpVersionMinor = 1
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly socket: { encrypted: boolean; remoteAddress: undefined; destroyed: boolean }
  /** Whether the last byte has come. */
  complete: boolean
  readonly #request: Request
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null

  constructor(request: Request) {
    super()
    const { protocol, host, pathname, search } = urlOf(request)
    this.#request = request
    this.method = request.method
    this.url = pathname + search
    this.headers = { host, ...Object.fromEntries(request.headers) }
    const encrypted = protocol === 'https:'
    this.socket = { encrypted, remoteAddress: undefined, destroyed: false }
    this.complete = !hasContent(request)
    const isSized = this.complete || 'content-length' in this.headers
    if (!isSized) this.headers['transfer-encoding'] = 'chunked'
    else if (this.complete) delete this.headers['transfer-encoding']
    // Whoever reads it hears of an error; without a listener it would end the process.
    this.on('error', () => {})
    // To the doors that is what a parser in front leaves: somebody else is the reader.
    if (request.bodyUsed) this.on('data', () => {})
  }

  override _read(): void {
    // Of its own make: Deno gives another one in the place of its own to whoever reads the rest, so
    // that it could not be told from an error of somebody else's.
    this.#pull().catch((cause: unknown) =>
      this.destroy(new Error('The content of the request broke off', { cause })),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#reader?.cancel(error).catch(() => {})
    this.socket.destroyed = true
    if (!this.complete) this.emit('aborted')
    done(error)
  }

  async #pull(): Promise<void> {
    const { body, bodyUsed } = this.#request
    if (body === null || (bodyUsed && this.#reader === null)) return this.#end()
    this.#reader ??= body.getReader() as ReadableStreamDefaultReader<Uint8Array>
    const { done, value } = await this.#reader.read()
    if (done) this.#end()
    else this.push(value)
  }

  #end(): void {
    this.complete = true
    this.push(null)
  }
}

/** Whether there may be content. To look at `body` where the fields tell makes it be read. */
function hasContent(request: Request): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return false
  const length = request.headers.get('Content-Length')
  if (length !== null) return length !== '0'
  return request.headers.has('Transfer-Encoding') || request.body !== null
}

/** Gives a request the form that it would have from node:http. */
export function incomingOf(request: Request): IncomingMessage {
  return new FetchRequest(request) as unknown as IncomingMessage
}

/**
 * Makes the request that a handler gets: the same, with content that was read ahead put back.
 *
 * Content that is no JSON or no form is a 400 of the handler's own, where it does not catch it.
 *
 * @param content - the bytes; or what gives them when they are read; `too-large` for a 413 then,
 *   and `read-before` for a 400 that the log has to explain
 * @param signal - that of the request made
 */
export function handlerRequest(
  request: Request,
  content: Uint8Array | IncomingMessage | Unreadable | null,
  signal: AbortSignal = request.signal,
): Request {
  const { method, headers } = request
  const init: RequestInit & { duplex?: 'half' } = { method, headers, signal }
  // An empty stream would be used up when it is read: nothing can be read again, and cloned.
  if (content !== null && hasContent(request)) {
    init.body = bodyOf(content)
    init.duplex = 'half'
  }
  return new HandlerRequest(request.url, init)
}

/** A request whose content, where it is none of what it is read as, is answered with 400. */
class HandlerRequest extends Request {
  #isUnreadable = false

  override json(): Promise<unknown> {
    return this.#refusing(() => super.json(), 'JSON')
  }

  override formData(): Promise<FormData> {
    return this.#refusing(() => super.formData(), 'a form')
  }

  override clone(): Request {
    return new HandlerRequest(super.clone())
  }

  async #refusing<Read>(read: () => Promise<Read>, what: string): Promise<Read> {
    // To read it twice is the handler's mistake, and may come after the effect.
    const isReadAgain = this.bodyUsed && !this.#isUnreadable
    try {
      return await read()
    } catch (cause) {
      if (isReadAgain || httpErrors.isHttpError(cause)) throw cause
      this.#isUnreadable = true
      const type = 'entity.parse.failed'
      throw httpErrors(400, `The content is not ${what} that can be read.`, { cause, type })
    }
  }
}

/** Why a content cannot be read. */
type Unreadable = 'too-large' | 'read-before'

const UNREADABLE: Readonly<Record<Unreadable, () => Error>> = {
  'too-large': () => httpErrors(413, 'The content is too large.'),
  'read-before': () =>
    httpErrors(
      400,
      'The content of the request was read before the door and is gone. Give the door a clone ' +
        'that was made before that, or read it in the handler only.',
      { expose: false },
    ),
}

function bodyOf(content: Uint8Array | IncomingMessage | Unreadable): BodyInit {
  if (content instanceof Uint8Array) return content as Uint8Array<ArrayBuffer>
  // What a handler does not want is left where it is.
  if (typeof content !== 'string') return webStreamOf(content, () => {})
  const error = UNREADABLE[content]()
  return new ReadableStream({ pull: controller => controller.error(error) })
}
