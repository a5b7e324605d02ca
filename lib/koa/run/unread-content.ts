/**
 * What parsers throw for the content of a request that is not what it says, or is more than they
 * take. A door is in front of the parser, so that it throws inside the claim; but whoever runs
 * behind a parser has not run then, and nothing has happened.
 *
 * An error counts only where it can be of no other content than this request's: handlers read what
 * gateways answer, too, and that may break off after the effect.
 *
 * @see decision 0012
 */
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { Context } from 'koa'
import { codedContentOf } from '../request-content.js'

/**
 * The status that tells of a parser's error.
 *
 * @param error - what was thrown
 * @param isRead - whether this request's content had been read before
 * @returns 400, 413 or 415; `null` for any other error
 */
export function statusOfUnread(ctx: Context, error: unknown, isRead: boolean): number | null {
  if (!(error instanceof Error)) return null
  const { name, message, status, code, httpCode } = error as ParserError
  // co-body throws the parser's own error, with a status and the text that it was to read.
  if (error instanceof SyntaxError) return status === 400 && isText(error) && !isRead ? 400 : null
  if (name === 'MulterError') return TOO_MUCH.test(String(code)) ? 413 : 400
  if (isOfFormidable(httpCode, code)) return httpCode as number
  if (status === 415) return isUnsupported(ctx, message) ? 415 : null
  if (OF_BUSBOY.has(message)) return ctx.is('multipart/*') ? 400 : null
  return isOfZlib(code) && isUndecodable(ctx) ? 400 : null
}

interface ParserError extends Error {
  readonly status?: unknown
  readonly code?: unknown
  readonly httpCode?: unknown
}

function isText(error: SyntaxError): boolean {
  return 'body' in error && typeof error.body === 'string'
}

const TOO_MUCH = /^LIMIT_(?!UNEXPECTED)/

/** formidable's have a number of its own beside a status. */
function isOfFormidable(httpCode: unknown, code: unknown): boolean {
  return typeof code === 'number' && (httpCode === 400 || httpCode === 413)
}

/** Of inflation and co-body, in the words of this request. */
function isUnsupported(ctx: Context, message: string): boolean {
  const coding = ctx.get('Content-Encoding')
  const type = ctx.get('Content-Type')
  if (message === 'Missing content-type') return type === ''
  return [`Content-Encoding: ${coding}`, `content-type: ${type}`].some(
    what => message === `Unsupported ${what}`,
  )
}

const OF_BUSBOY: ReadonlySet<string> = new Set([
  ...['Malformed content type', 'Multipart: Boundary not found', 'Malformed part header'],
  ...['Unexpected end of form', 'Unexpected end of file'],
])

function isOfZlib(code: unknown): boolean {
  return typeof code === 'string' && /^(?:Z_|ERR__ERROR_)/.test(code)
}

const DECODERS = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync }
/** What is sound for so long is taken for sound: to look takes time, and memory. */
const LOOKED_AT_BYTES = 1_048_576

/** Whether the content cannot be decoded: then it was no other that could not be. */
function isUndecodable(ctx: Context): boolean {
  const bytes = codedContentOf(ctx)
  const decode = DECODERS[ctx.get('Content-Encoding') as keyof typeof DECODERS]
  if (bytes === null || decode === undefined) return false
  try {
    decode(bytes, { maxOutputLength: LOOKED_AT_BYTES })
    return false
  } catch (error) {
    return isOfZlib((error as ParserError).code)
  }
}
