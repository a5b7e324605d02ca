/**
 * From a handler's answer to Koa's context, and back to a `Response`.
 *
 * @see decision 0034
 */
import type { OutgoingHttpHeaders } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Context } from 'koa'
import { isResponse } from '../engine/capture.js'
import { Unsaid } from '../engine/unsaid.js'
import { putFields } from '../koa/run/late-handler.js'
import type { CapturedAnswer, CapturedResponse } from './captured-response.js'
import { webStreamOf } from './web-stream.js'

/** A handler's answer. A `Response` where it is another server's, passed on. */
export interface GivenAnswer {
  readonly status: number
  /** The reason phrase; empty where it is that of the status. */
  readonly phrase: string
  readonly fields: OutgoingHttpHeaders
  readonly content: Buffer | Readable | Response | null
}

/**
 * Runs a handler that answers on a response.
 *
 * @param tell - told of an error that comes when the answer is over: nothing shows it any more
 * @returns its answer: when it is whole and the handler has ended, or when it begins to come in
 *   pieces
 * @throws what the handler throws before that
 */
export async function answerOf(
  captured: CapturedResponse,
  handler: () => unknown,
  tell: (error: unknown) => void,
): Promise<CapturedAnswer> {
  const running = (async () => await handler())()
  running.catch((error: unknown) => {
    if (captured.isOver) tell(error)
    else captured.fail(error)
  })
  const answer = await captured.answer
  // An error that comes later breaks the pieces off.
  if (!(answer.content instanceof PassThrough)) await running
  return answer
}

/** Makes an answer the one that Koa sends and the engine records. */
export function putAnswer(ctx: Context, { status, phrase, fields, content }: GivenAnswer): void {
  const { response } = ctx
  response.body = content
  response.status = status
  const { res } = response
  if (res.headersSent) return
  if (phrase !== '') res.statusMessage = phrase
  // Trailers follow content whose length is not told.
  const isSized = Buffer.isBuffer(content) && fields.trailer === undefined
  const length = isSized ? content.byteLength : fields['content-length']
  // How it is framed is the server's matter.
  const { 'transfer-encoding': _, ...others } = fields
  putFields(res, { ...others, 'content-length': length })
}

/**
 * A reason phrase as it can be sent: empty in the place of one in other letters, as another
 * server's may be that is passed on. RFC 9112 4
 */
export function sendablePhrase(phrase: string): string {
  return /^[ -~\x80-\xff]*$/.test(phrase) ? phrase : ''
}

/**
 * Reads what a handler has returned.
 *
 * @throws Unsaid where it is no `Response`
 */
export async function answerIn(given: unknown): Promise<GivenAnswer> {
  if (!isResponse(given)) {
    throw new Unsaid('A handler must return a Response; new Response(null) where it is empty')
  }
  const fields: OutgoingHttpHeaders = Object.fromEntries(given.headers)
  // A `Response` has none: another server's have been left behind.
  delete fields.trailer
  const cookies = given.headers.getSetCookie?.() ?? []
  if (cookies.length > 0) fields['set-cookie'] = cookies
  const content = given.url === '' ? await contentOf(given.body) : given
  return { status: given.status, phrase: sendablePhrase(given.statusText), fields, content }
}

/** Content that is here at once is whole, and can be recorded and sent as such. */
async function contentOf(body: ReadableStream | null): Promise<Buffer | Readable | null> {
  if (body === null) return null
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
  const chunks: Uint8Array[] = []
  let next = reader.read()
  while (chunks.length < MOST_CHUNKS) {
    const read = await (chunks.length === 0 ? next : Promise.race([next, turn(null)]))
    if (read === null) break
    if (read.done) return chunks.length === 0 ? null : Buffer.concat(chunks)
    chunks.push(read.value)
    next = reader.read()
  }
  next.catch(() => {})
  return Readable.from(piecesOf(chunks, next, reader), { objectMode: false })
}

/** A stream that never waits must not be taken for a whole one for ever. */
const MOST_CHUNKS = 4

async function* piecesOf(
  chunks: readonly Uint8Array[],
  first: Promise<ReadableStreamReadResult<Uint8Array>>,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
    for (let read = await first; !read.done; read = await reader.read()) yield read.value
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Makes a `Response` of what Koa has answered. */
export function responseOf({ status, phrase, fields, content }: CapturedAnswer): Response {
  const headers = new Headers()
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value ?? []].flat()) headers.append(name, String(one))
  }
  return new Response(bodyOf(content), { status, statusText: phrase, headers })
}

function bodyOf(content: CapturedAnswer['content']): BodyInit | null {
  if (content === null) return null
  if (Buffer.isBuffer(content)) return content as Uint8Array<ArrayBuffer>
  return webStreamOf(content, () => content.destroy())
}
