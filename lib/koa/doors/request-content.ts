/**
 * A request's content as a door sees it: read ahead of everybody else, and put back, so that a body
 * parser behind the door finds it as if nobody had been there.
 */
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Context } from 'koa'

/** The content. `parsed`: the bytes are gone, and what a parser made of them is left. */
export type Content =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly isDecoded: boolean }
  | { readonly kind: 'parsed'; readonly value: unknown }
  | { readonly kind: 'too-large' | 'cut-off' }

const NOTHING: Content = { kind: 'bytes', bytes: new Uint8Array(), isDecoded: true }

/**
 * Gives the content of a request.
 *
 * @param ctx - the request; a parser in front must have left `rawBody`, or at least `body`
 * @param limitBytes - more than this is not read
 * @throws TypeError where something in front has read the content, or is about to, and leaves
 *   nothing of it
 */
export async function contentOf(ctx: Context, limitBytes: number): Promise<Content> {
  const { rawBody, body } = ctx.request as { rawBody?: unknown; body?: unknown }
  if (typeof rawBody === 'string') return within(Buffer.from(rawBody), limitBytes, true)
  if (rawBody instanceof Uint8Array) return within(rawBody, limitBytes, true)
  if (hasNoContent(ctx)) return NOTHING
  if (!ctx.req.readableEnded) {
    if (isTouched(ctx.req)) throw gone()
    if (Number(ctx.get('Content-Length')) > limitBytes) return { kind: 'too-large' }
    return await readAhead(ctx.req, limitBytes)
  }
  if (body !== undefined) return { kind: 'parsed', value: body }
  throw gone()
}

function gone(): TypeError {
  return new TypeError(
    'The content of the request was read before the door and is gone. Put the door in front of ' +
      'what reads it, or use a parser that keeps ctx.request.rawBody or ctx.request.body.',
  )
}

/** Requests whose content a door has read and put back. */
const putBack = new WeakSet<IncomingMessage>()

/**
 * Whether somebody in front has taken some of the content; or will, as soon as it is put back; or
 * has had it made into text.
 */
function isTouched(req: IncomingMessage): boolean {
  if (req.listenerCount('data') > 0 || req.readableEncoding !== null) return true
  return req.readableDidRead && !putBack.has(req)
}

function within(bytes: Uint8Array, limitBytes: number, isDecoded: boolean): Content {
  return bytes.byteLength > limitBytes ? { kind: 'too-large' } : { kind: 'bytes', bytes, isDecoded }
}

/** RFC 9112 6.3: without either field there is no content. HTTP/2 has frames that tell. */
function hasNoContent(ctx: Context): boolean {
  const length = ctx.get('Content-Length')
  if (ctx.req.httpVersionMajor >= 2) return length === '0'
  return length === '0' || (length === '' && ctx.get('Transfer-Encoding') === '')
}

/**
 * Reads until the last byte is here but the end has not been told yet: what is put back then is
 * read again by whoever comes next.
 */
function readAhead(req: IncomingMessage, limitBytes: number): Promise<Content> {
  if (isAllHere(req) && req.readableLength === 0) return Promise.resolve(NOTHING)
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let size = 0
    const end = (content: Content): void => {
      req.off('readable', take).off('end', whole).off('close', cut).off('error', cut)
      resolve(content)
    }
    const cut = () => end({ kind: 'cut-off' })
    const whole = () => {
      const bytes = Buffer.concat(chunks)
      if (bytes.byteLength > 0 && !req.readableEnded) {
        putBack.add(req)
        req.unshift(bytes)
      }
      end({ kind: 'bytes', bytes, isDecoded: false })
    }
    const take = () => {
      // Never once too often: a read at the end would tell the end.
      while (req.readableLength > 0) {
        const chunk = req.read() as Buffer
        chunks.push(chunk)
        size += chunk.byteLength
      }
      if (size > limitBytes) return end({ kind: 'too-large' })
      if (isAllHere(req)) whole()
    }
    req.on('readable', take).on('end', whole).on('close', cut).on('error', cut)
  })
}

function isAllHere(req: IncomingMessage): boolean {
  const { stream } = req as { stream?: Readable }
  return stream === undefined ? req.complete : stream.readableEnded
}
