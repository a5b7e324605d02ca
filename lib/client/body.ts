/**
 * The content of a POST, fixed before the first try so that every try sends the same bytes.
 *
 * @see POE draft 5
 */

import { ClientError } from './errors.js'
import type { FetchBody } from './fetch-types.js'
import { withoutBoundary } from './multipart.js'
import { streamFrom } from './stream-from.js'

/**
 * What can be sent: what `fetch` takes, a plain object or array (as JSON), something that yields
 * bytes, a `Request` (its content), or a function that makes the content for each try.
 */
export type PostBody = Content | null | undefined | (() => MadeContent | Promise<MadeContent>)

/** Content that is not made by a function. */
export type Content =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | FormData
  | URLSearchParams
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Request
  | JsonObject
  | readonly unknown[]

/** Content that a function makes for each try. */
export type MadeContent = Exclude<Content, Request>

/** A plain object; it is sent as JSON. */
export type JsonObject = { readonly [member: string]: unknown }

/** Content that is ready to be sent any number of times. */
export interface Payload {
  /** The content, `null` for none; a function makes it anew for each try. */
  readonly content: string | Uint8Array<ArrayBuffer> | (() => Promise<FetchBody | null>) | null
  /** What `Content-Type` shall say; `null` where the content does not tell. */
  readonly type: string | null
}

/**
 * Fixes the content of a POST. What can be read only once is read now.
 *
 * @param body - the content
 * @param limitBytes - how much is kept in memory
 * @returns the payload
 * @throws ClientError `ERR_POE_BODY_ONCE` for a stream that was read already,
 *   `ERR_POE_BODY_TOO_LARGE` beyond `limitBytes`
 * @throws TypeError for what is no content
 */
export async function preparePayload(body: PostBody, limitBytes: number): Promise<Payload> {
  if (body === null || body === undefined) return { content: null, type: null }
  if (typeof body === 'string') return text(body, 'text/plain;charset=UTF-8')
  if (typeof body === 'function') {
    return { content: async () => asFetchBody(await body()), type: null }
  }
  if (body instanceof URLSearchParams) {
    return text(body.toString(), 'application/x-www-form-urlencoded;charset=UTF-8')
  }
  if (body instanceof Request) return await requestPayload(body, limitBytes)
  if (isJson(body)) return text(jsonText(body), 'application/json')
  const source = asSource(body)
  return { content: await collect(source.stream, limitBytes), type: source.type }
}

/**
 * The bytes of a payload, for where they must be kept.
 *
 * @param payload - what was prepared; a function is called once
 * @param limitBytes - how much may be kept
 * @returns bytes and type
 * @throws ClientError `ERR_POE_BODY_TOO_LARGE`
 */
export async function payloadBytes(
  payload: Payload,
  limitBytes: number,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string | null }> {
  const { content, type } = payload
  if (content === null) return { bytes: new Uint8Array(), type }
  if (typeof content === 'string') return { bytes: new TextEncoder().encode(content), type }
  if (typeof content !== 'function') return { bytes: content, type }
  const source = asSource(new Response(await content()))
  return { bytes: await collect(source.stream, limitBytes), type: source.type }
}

/**
 * Whether two payloads are the same content.
 *
 * @returns `true` where that is certain
 */
export function isSamePayload(one: Payload, other: Payload): boolean {
  const isType = one.type === other.type
  if (one.content === other.content) return isType
  // What is text here may be bytes there: a `Request` has nothing else.
  if (typeof one.content !== typeof other.content && !isType) return false
  const [these, those] = [bareOf(one), bareOf(other)]
  if (these === null || those === null) return false
  if (typeof these === 'string') return these === those
  return these.length === those.length && these.every((byte, index) => byte === those[index])
}

/** The bytes without a boundary; `null` where a function makes them, or there are none. */
function bareOf({ content, type }: Payload): string | Uint8Array | null {
  if (content === null || typeof content === 'function') return null
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return withoutBoundary(type ?? '', bytes)[1]
}

/** Not every browser shows the content of a `Request` as a stream. */
async function requestPayload(request: Request, limitBytes: number): Promise<Payload> {
  if (request.bodyUsed) throw readAlready()
  // Bun does not know it any more once the content is read.
  const type = request.headers.get('content-type')
  const bytes = new Uint8Array(await request.arrayBuffer())
  if (bytes.length > limitBytes) throw tooLarge(limitBytes)
  return { content: bytes.length === 0 ? null : bytes, type }
}

function text(content: string, type: string): Payload {
  return { content, type }
}

function isJson(body: unknown): body is JsonObject | readonly unknown[] {
  if (Array.isArray(body)) return true
  if (typeof body !== 'object' || body === null) return false
  const prototype: unknown = Object.getPrototypeOf(body)
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null
  return isPlain && !isIterable(body)
}

function jsonText(body: unknown): string {
  const json = JSON.stringify(body)
  if (json === undefined) throw new TypeError('The body cannot be written as JSON')
  return json
}

/** What a function gave: what `fetch` does not know it sends by its name, `[object Object]`. */
function asFetchBody(content: unknown): FetchBody | null {
  if (content === null || content === undefined || typeof content === 'string') {
    return content ?? null
  }
  if (isJson(content)) return new Blob([jsonText(content)], { type: 'application/json' })
  if (content instanceof URLSearchParams) return content
  // Another `fetch` than Node's may know streams of Node, and no others.
  if (isNodeStream(content)) content.once('error', noteBroken)
  else if (isIterable(content)) return streamOf(content)
  else if (!isSendable(content)) throw noContent()
  return content as FetchBody
}

/** What content broke off with: it may look like a failure to connect, and is none. */
const BROKE_OFF = new WeakSet<object>()

/** Whether this error is one of content, which had been sent in part. */
export function isOfContent(error: unknown): boolean {
  return typeof error === 'object' && error !== null && BROKE_OFF.has(error)
}

/** Notes an error as one of content. */
export function noteBroken(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) BROKE_OFF.add(error)
  return error
}

/** Notes what it breaks off with. A stream, since browsers send no generators. */
function streamOf(source: Chunks): ReadableStream<Uint8Array> {
  const chunks = bytesIn(source)
  return streamFrom(
    () => chunks.next(),
    () => void chunks.return(undefined).catch(() => {}),
    noteBroken,
  )
}

/**
 * `Response` knows the type that belongs to each kind of content, and the bytes of a form. It is
 * asked for the type first: Bun does not know it any more once the content is read.
 */
function asSource(body: unknown): { type: string | null; stream: Chunks | null } {
  if (body instanceof Response) {
    return { type: body.headers.get('content-type'), stream: body.body }
  }
  if (isIterable(body) && !(body instanceof ReadableStream)) return { type: null, stream: body }
  if (!isSendable(body)) throw noContent()
  if (body instanceof ReadableStream && body.locked) throw readAlready()
  try {
    return asSource(new Response(body as FetchBody))
  } catch (error) {
    throw readAlready(error)
  }
}

function isSendable(body: unknown): boolean {
  return (
    isOf('ArrayBuffer', body) ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof FormData ||
    body instanceof ReadableStream
  )
}

/** Whether it is of such a class, of this realm or of another: a frame's, or that of a test. */
function isOf(name: string, value: unknown): boolean {
  return Object.prototype.toString.call(value) === `[object ${name}]`
}

function noContent(): TypeError {
  return new TypeError('The body is nothing that can be sent')
}

type Chunks = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>

function isIterable(body: unknown): body is AsyncIterable<Uint8Array | string> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

interface NodeStream {
  once(event: 'error', listener: (error: unknown) => void): unknown
}

function isNodeStream(body: unknown): body is NodeStream {
  return isIterable(body) && 'pipe' in body && 'once' in body
}

function readAlready(cause?: unknown): ClientError {
  const help = 'Give a stream that nobody has read, or a function that makes one for each try.'
  return new ClientError('ERR_POE_BODY_ONCE', `The body was read already. ${help}`, { cause })
}

async function collect(source: Chunks | null, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  if (source !== null) {
    for await (const chunk of bytesIn(source)) {
      length += chunk.length
      if (length > limit) throw tooLarge(limit)
      chunks.push(chunk)
    }
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

function bytesOf(piece: Uint8Array | string): Uint8Array {
  const chunk = typeof piece === 'string' ? new TextEncoder().encode(piece) : piece
  if (!isOf('Uint8Array', chunk)) throw new TypeError('The body must yield bytes or text')
  return chunk
}

/** Not every browser can iterate over a stream. */
async function* bytesIn(source: Chunks): AsyncGenerator<Uint8Array, void> {
  if (!(source instanceof ReadableStream)) {
    for await (const piece of source) yield bytesOf(piece)
    return
  }
  const reader = source.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield bytesOf(value)
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function tooLarge(limit: number): ClientError {
  const help = 'Give a function that makes it for each try, or raise bodyLimitBytes.'
  return new ClientError('ERR_POE_BODY_TOO_LARGE', `The body has over ${limit} bytes. ${help}`)
}
