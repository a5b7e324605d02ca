/**
 * Turns what a handler gave as its body into bytes that can be recorded, without changing what the
 * client receives.
 */
import { Readable } from 'node:stream'

/**
 * A body in a form that can be recorded. `unreadable`: it could not be turned into bytes.
 * `elsewhere`: the handler wrote the response itself.
 */
export type Produced =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'stream'; readonly source: AsyncIterable<unknown> }
  | { readonly kind: 'unreadable'; readonly cause: unknown }
  | { readonly kind: 'elsewhere' }

/**
 * Whether a body comes in pieces, and so must be watched while it flows.
 *
 * @param body - as given by the handler
 */
export function isStreaming(body: unknown): body is Readable | ReadableStream | Blob | Response {
  if (typeof body !== 'object' || body === null) return false
  if (isNodeStream(body)) return true
  return !isPlain(body) && isWebSource(body)
}

/** As nearly all bodies are: three comparisons with classes less. */
function isPlain(body: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(body)
  return prototype === Object.prototype || prototype === Array.prototype
}

function isWebSource(body: unknown): boolean {
  return body instanceof ReadableStream || body instanceof Blob || isResponse(body)
}

/** Not `instanceof` alone: frameworks and packages of `fetch` bring a `Response` of their own. */
export function isResponse(given: unknown): given is Response {
  if (given instanceof Response) return true
  return Object.prototype.toString.call(given) === '[object Response]'
}

/**
 * Turns a whole body into bytes, or names its source if it comes in pieces.
 *
 * Strings are UTF-8; Buffers keep their bytes, uncopied; everything else is JSON, as Koa sends it.
 *
 * @param body - as given by the handler; `null` and `undefined` are no body
 */
export function produce(body: unknown): Produced {
  if (body === null || body === undefined) return { kind: 'none' }
  if (typeof body === 'string') return { kind: 'bytes', bytes: Buffer.from(body) }
  if (Buffer.isBuffer(body)) return { kind: 'bytes', bytes: body }
  try {
    if (isStreaming(body)) return { kind: 'stream', source: sourceOf(body) }
    const text = JSON.stringify(body)
    if (text === undefined) throw new TypeError(`a ${typeof body} has no JSON form`)
    return { kind: 'bytes', bytes: Buffer.from(text) }
  } catch (cause) {
    return { kind: 'unreadable', cause }
  }
}

function isNodeStream(body: unknown): body is Readable {
  return (
    typeof body === 'object' && body !== null && 'pipe' in body && typeof body.pipe === 'function'
  )
}

function sourceOf(body: Readable | ReadableStream | Blob | Response): AsyncIterable<unknown> {
  if (isResponse(body)) return body.body === null ? Readable.from([]) : sourceOf(body.body)
  if (body instanceof Blob) return webSource(body.stream())
  if (body instanceof ReadableStream) return webSource(body)
  // Old-style streams have no async iterator of their own.
  return Symbol.asyncIterator in body ? body : new Readable().wrap(body)
}

function webSource(stream: ReadableStream): AsyncIterable<unknown> {
  return Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0])
}
