/**
 * What tells one content at a link from another: the id that the client gave it, or the content
 * itself. The fingerprint names which of the two it is, because an id and a content say nothing of
 * each other. The link alone decides what is run.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.1; decision 0013
 */
import type { Context } from 'koa'
import { digestParts, fingerprint } from '../../../engine/fingerprint.js'
import { canonicalJson, readKey } from '../../../protocols/idempotency-key/index.js'
import type { ContentHere } from '../../request-content.js'

/**
 * Makes the fingerprint from the request's `Idempotency-Key`.
 *
 * @returns `null` where there is none, or one that cannot be read
 */
export function fingerprintOfId(ctx: Context): string | null {
  const field = ctx.headers['idempotency-key']
  if (typeof field !== 'string') return null
  const reading = readKey(field, 'lenient')
  return reading.kind === 'key' ? `id:${digestParts([reading.key])}` : null
}

/**
 * Makes the fingerprint from the content: its bytes, or the fields that a parser has left.
 *
 * @returns `null` where that does not tell one content from another for sure
 */
export function fingerprintOfContent(ctx: Context, content: ContentHere): string | null {
  const type = ctx.get('Content-Type')
  switch (content.kind) {
    case 'bytes':
      return `content:${ofBytes(type, content.bytes)}`
    case 'parsed': {
      const { value } = content
      if (typeof value === 'string' || value instanceof Uint8Array) {
        return `content:${ofBytes(type, value)}`
      }
      const fields = hasFiles(ctx) ? null : spelled(value)
      return fields === null ? null : `content:${fingerprint('fields', fields)}`
    }
    default:
      return null
  }
}

const BOUNDARY = /^multipart\/form-data\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/is

/** A browser makes a new boundary each time it sends the same form. RFC 7578 4.1 */
function ofBytes(type: string, content: string | Uint8Array): string {
  const [, quoted, plain] = BOUNDARY.exec(type) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) return fingerprint(type, content)
  return digestParts(['multipart', ...partsOf(Buffer.from(content), `--${boundary}`)])
}

function partsOf(content: Buffer, delimiter: string): readonly Buffer[] {
  const parts: Buffer[] = []
  let from = 0
  for (;;) {
    const to = content.indexOf(delimiter, from)
    parts.push(content.subarray(from, to < 0 ? content.length : to))
    if (to < 0) return parts
    from = to + delimiter.length
  }
}

/** Files that a parser has put aside are content that its fields do not show. */
function hasFiles(ctx: Context): boolean {
  const places = [ctx, ctx.request] as readonly { file?: unknown; files?: unknown }[]
  return places.some(({ file, files }) => isSome(file) || isSome(files))
}

function isSome(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

/** One spelling of what a parser left; `null` where that does not show all of it. */
function spelled(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype && !Array.isArray(value)) return null
  try {
    return canonicalJson(value)
  } catch {
    return null
  }
}
