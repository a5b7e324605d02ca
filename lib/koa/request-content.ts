/**
 * A request's content: whether it is whole, and its bytes, read ahead of everybody else and put
 * back, so that a body parser behind finds it as if nobody had been there.
 *
 * Content is whole or it is not run. HTTP/1.1 tells the end by its framing, HTTP/2 by END_STREAM;
 * Node ends a stream that was reset just as it ends one that is whole.
 *
 * @see RFC 9112 6.3, 8; RFC 9113 8.1; decision 0013
 */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Context } from 'koa'
import type { PresentContent } from '../engine/request-fingerprint.js'
import { arrivalOf, hasNoContent } from './arrival.js'
import { sendNobody } from './send.js'

/** The content, or why there is none. */
export type RequestContent = PresentContent | { readonly kind: 'too-large' | 'cut-off' }

/**
 * What is known of the content without waiting. `unread`: nobody has touched it. `taken`: somebody
 * in front has read it, or is about to, and has left nothing of it.
 */
export type ContentHere = RequestContent | { readonly kind: 'unread' | 'taken' }

/** A content up to this size is read ahead, if it is here in a moment. */
export const AHEAD_BYTES = 1_048_576

/**
 * Gives the content if it is here in a moment, as that of most requests is.
 *
 * @returns `unread` where it is late, large, or will not come until it is asked for
 */
export function contentSoon(ctx: Context, limitBytes: number): ContentHere | Promise<ContentHere> {
  const here = contentHere(ctx)
  if (here.kind !== 'unread' || Number(ctx.get('Content-Length')) > limitBytes) return here
  if (ctx.get('Expect') !== '' && !isAllHere(ctx, 0)) return here
  return readAhead(ctx, limitBytes, MOMENT_MS)
}

const MOMENT_MS = 20

/**
 * Gives what is known of the content, once that is whole where nobody has read it yet.
 *
 * @returns `null` as {@link mayRun} says `false`
 */
export async function wholeContent(ctx: Context, limitBytes: number): Promise<ContentHere | null> {
  const here = contentHere(ctx)
  const content = here.kind === 'unread' ? await contentOf(ctx, limitBytes) : here
  return mayRun(ctx, content) ? content : null
}

/**
 * Tells whether a request may be run with the content that is here. What is still to come is left
 * to the handler, which gets an error where it is cut off.
 *
 * @returns `false` where it was cut off: nobody is there to be answered, and nothing is to be run
 */
export function mayRun(ctx: Context, { kind }: ContentHere): boolean {
  if (kind === 'cut-off') sendNobody(ctx, 400)
  else if (kind !== 'bytes' && kind !== 'parsed') failWhenCutOff(ctx)
  return kind !== 'cut-off'
}

/**
 * Makes an upload that is cut off from here on an error of the request, over HTTP/2 as over
 * HTTP/1.1: whoever reads it must not take its half for the whole, and whoever listens to `aborted`
 * as well hears of the error first.
 */
function failWhenCutOff({ req }: Context): void {
  // Without a reader the error would end the process.
  req.on('error', () => {})
  req.prependOnceListener('aborted', () => {
    if (req.errored === null) req.destroy(reset())
    req.emit('error', req.errored)
  })
  failWithConnection(req)
}

/** Whose content comes over a connection: the latest one's, for the others are whole. */
const arriving = new WeakMap<EventEmitter, IncomingMessage>()

/**
 * Once a request is answered Node forgets it, and it does not hear that its connection closes. One
 * listener serves all requests of a connection: not each of them tells when it is over.
 */
function failWithConnection(req: IncomingMessage): void {
  const { stream } = req as { readonly stream?: ServerHttp2Stream }
  const connection: EventEmitter = stream ?? req.socket
  // A request of fetch has no connection, and tells of its end itself.
  if (typeof connection.once !== 'function') return
  if (!arriving.has(connection)) {
    connection.once('close', () => {
      const last = arriving.get(connection)
      if (last?.complete === false) last.destroy(reset())
    })
  }
  arriving.set(connection, req)
}

/** What tells a reader here that the rest will not come. */
class Reset extends Error {
  readonly code = 'ECONNRESET'
}

function reset(): Error {
  return new Reset('aborted')
}

/** Whether an error was made here for a content that was cut off. */
export function isReset(error: Error): boolean {
  return error instanceof Reset
}

const NOTHING: RequestContent = { kind: 'bytes', bytes: new Uint8Array(), isDecoded: true }

/** Whether a parser has put files aside: content that its fields do not show. */
export function hasFiles(ctx: Context): boolean {
  const places = [ctx, ctx.request] as readonly { file?: unknown; files?: unknown }[]
  return places.some(({ file, files }) => isSome(file) || isSome(files))
}

function isSome(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

/** Gives what is known of the content of a request without waiting for it. */
function contentHere(ctx: Context): ContentHere {
  if (arrivalOf(ctx) === 'cut-off') return { kind: 'cut-off' }
  const { rawBody, body } = ctx.request as { rawBody?: unknown; body?: unknown }
  if (typeof rawBody === 'string' || rawBody instanceof Uint8Array) return bytesOf(rawBody, true)
  if (hasNoContent(ctx.req)) return NOTHING
  if (!ctx.req.readableEnded) return { kind: isTouched(ctx.req) ? 'taken' : 'unread' }
  return body === undefined ? { kind: 'taken' } : { kind: 'parsed', value: body }
}

/**
 * Gives the content of a request, once it is whole.
 *
 * @param ctx - the request; a parser in front must have left `rawBody`, or at least `body`
 * @param limitBytes - more than this is not read; it stays there for whoever comes next
 * @returns a promise where it has to come
 * @throws TypeError where something in front has read the content, or is about to, and leaves
 *   nothing of it
 */
export function contentOf(
  ctx: Context,
  limitBytes: number,
): RequestContent | Promise<RequestContent> {
  const here = contentHere(ctx)
  switch (here.kind) {
    case 'unread':
      if (Number(ctx.get('Content-Length')) > limitBytes) return TOO_LARGE
      return readAhead(ctx, limitBytes)
    case 'taken':
      // Node throws away what comes after somebody has answered: there is nobody to be answered.
      if (ctx.res.writableFinished) return CUT_OFF
      throw gone()
    case 'bytes':
      return Buffer.byteLength(here.bytes) > limitBytes ? TOO_LARGE : here
    default:
      return here
  }
}

const TOO_LARGE: RequestContent = { kind: 'too-large' }
const CUT_OFF: RequestContent = { kind: 'cut-off' }

function gone(): TypeError {
  return new TypeError(
    'The content of the request was read before the door and is gone. Put the door in front of ' +
      'what reads it, or use a parser that keeps ctx.request.rawBody or ctx.request.body; over ' +
      'fetch, give the door a clone that was made before that.',
  )
}

/** Requests whose content was read and put back, with its size in bytes where all was here. */
const putBack = new WeakMap<IncomingMessage, number>()

/** The size of a content in bytes, where it is told or was seen; else `NaN`. */
export function sizeOf(req: IncomingMessage): number {
  return putBack.get(req) ?? Number(req.headers['content-length'])
}

/** Content in a coding, which whoever comes next may be unable to read. */
const coded = new WeakMap<IncomingMessage, Uint8Array>()

/** The bytes of a content that is in a coding, where they have been read ahead; else `null`. */
export function codedContentOf({ req }: Context): Uint8Array | null {
  return coded.get(req) ?? null
}

/**
 * Whether somebody in front has taken some of the content; or will, as soon as it is put back; or
 * has had it made into text.
 */
function isTouched(req: IncomingMessage): boolean {
  if (req.listenerCount('data') > 0 || req.readableEncoding !== null) return true
  return req.readableDidRead && !putBack.has(req)
}

function bytesOf(bytes: Uint8Array | string, isDecoded: boolean): RequestContent {
  return { kind: 'bytes', bytes, isDecoded }
}

/**
 * Whether the last byte can be read now: nobody has to be waited for.
 *
 * @param bytes - how many have been read
 */
function isAllHere(ctx: Context, bytes: number): boolean {
  if (arrivalOf(ctx) !== 'whole') return false
  const { stream } = ctx.req as { stream?: ServerHttp2Stream }
  // What runs servers as functions makes requests that are complete, and give bytes when asked.
  if (stream === undefined) return isOfLength(ctx.req, bytes + ctx.req.readableLength)
  return stream.endAfterHeaders || stream.readableEnded
}

/** Whether as much has come as the request has announced. RFC 9110 8.6 */
function isOfLength({ headers }: IncomingMessage, bytes: number): boolean {
  const length = headers['content-length']
  const isFramed = length === undefined || headers['transfer-encoding'] !== undefined
  return isFramed || Number(length) === bytes
}

/**
 * Reads until the last byte is here but the end has not been told yet: what is put back then is
 * read again by whoever comes next.
 */
function readAhead(ctx: Context, limitBytes: number): Promise<RequestContent>
function readAhead(ctx: Context, limitBytes: number, patienceMs: number): Promise<ContentHere>
function readAhead(
  ctx: Context,
  limitBytes: number,
  patienceMs: number | null = null,
): Promise<ContentHere> {
  const { req } = ctx
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let size = 0
    let timer: NodeJS.Timeout | null = null
    const end = (content: ContentHere): void => {
      if (timer !== null) clearTimeout(timer)
      req.off('readable', take).off('end', over).off('close', cut).off('error', cut)
      resolve(content)
    }
    const cut = () => end({ kind: 'cut-off' })
    const giveBack = (wholeSize = Number(req.headers['content-length'])): Buffer => {
      const bytes = Buffer.concat(chunks)
      if (size > 0 && !req.readableEnded) {
        putBack.set(req, wholeSize)
        req.unshift(bytes)
      }
      return bytes
    }
    const over = () => {
      if (arrivalOf(ctx) !== 'whole' || !isOfLength(req, size)) return cut()
      const bytes = giveBack(size)
      if (req.headers['content-encoding'] !== undefined) coded.set(req, bytes)
      end(bytesOf(bytes, false))
    }
    const take = () => {
      // Never once too often: a read at the end would tell the end.
      while (req.readableLength > 0) {
        const chunk = req.read() as Buffer
        chunks.push(chunk)
        size += chunk.byteLength
      }
      if (size > limitBytes) {
        giveBack()
        return end({ kind: 'too-large' })
      }
      if (isAllHere(ctx, size)) over()
      // Complete, and less or more than it has announced: more comes now, or its end is told.
      else if (req.httpVersionMajor < 2 && arrivalOf(ctx) === 'whole') req.read(0)
    }
    if (isAllHere(ctx, 0)) return take()
    // Node has thrown it away, for its client has left or was answered: nothing will be told.
    if (req.destroyed || req.readableEnded) return cut()
    failWithConnection(req)
    req.on('readable', take).on('end', over).on('close', cut).on('error', cut)
    if (patienceMs === null) return
    timer = setTimeout(() => {
      giveBack()
      end({ kind: 'unread' })
    }, patienceMs)
  })
}
