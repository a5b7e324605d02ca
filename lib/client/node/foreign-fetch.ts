/**
 * A `fetch` of somebody's own, as that of another version of undici or of node-fetch. It may know
 * none of the runtime's classes, and sends what it does not know by its name: `[object FormData]`.
 */
import { Readable } from 'node:stream'
import { noteBroken } from '../body.js'
import type { FetchLike } from '../options.js'

type Pieces = AsyncGenerator<Uint8Array, void>

/**
 * Wraps a `fetch` so that it is given what every one knows: bytes, and streams of Node.
 *
 * @param fetch - what sends
 * @param limitBytes - a `Blob` or form up to this size is sent as bytes, so with its length
 */
export function withKnownContent(fetch: FetchLike, limitBytes: number): FetchLike {
  return (input, init) => {
    const body = init?.body
    const isStream = body instanceof ReadableStream
    if (!isStream && !(body instanceof Blob || body instanceof FormData)) return fetch(input, init)
    return send(fetch, input, { ...init, body }, isStream ? -1 : limitBytes)
  }
}

async function send(
  fetch: FetchLike,
  input: Parameters<FetchLike>[0],
  { body, headers, ...init }: RequestInit,
  limitBytes: number,
): Promise<Response> {
  // It knows the type that belongs to each kind of content, and the bytes of a form.
  const source = new Response(body)
  const type = source.headers.get('content-type')
  const own = type === null ? {} : { 'content-type': type }
  let isBroken = false
  const pieces = piecesOf(source.body as ReadableStream<Uint8Array>, () => {
    isBroken = true
  })
  const content = limitBytes < 0 ? Readable.from(pieces) : await upTo(limitBytes, pieces)
  const fields = { ...own, ...Object.fromEntries(new Headers(headers)) }
  // Half: an answer begins only after the end of what is sent.
  const all = { ...init, headers: fields, body: content, duplex: 'half' }
  try {
    return await fetch(input, all as unknown as RequestInit)
  } catch (error) {
    // It may tell of what its content broke off with as of a connection.
    throw isBroken ? noteBroken(error) : error
  }
}

async function* piecesOf(stream: ReadableStream<Uint8Array>, onBroken: () => void): Pieces {
  const reader = stream.getReader()
  const read = () =>
    reader.read().catch((error: unknown) => {
      onBroken()
      throw error
    })
  try {
    for (let next = await read(); !next.done; next = await read()) yield next.value
  } finally {
    reader.cancel().catch(() => {})
  }
}

/** All of it, or a stream where that is more. */
async function upTo(limitBytes: number, pieces: Pieces): Promise<Uint8Array | Readable> {
  const first: Uint8Array[] = []
  let left = limitBytes
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    first.push(next.value)
    left -= next.value.length
    if (left < 0) return Readable.from(joined(first, pieces))
  }
  return Buffer.concat(first)
}

async function* joined(first: readonly Uint8Array[], rest: Pieces): Pieces {
  try {
    yield* first
    yield* rest
  } finally {
    await rest.return()
  }
}
