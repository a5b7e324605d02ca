/**
 * What tells one content at a link from another: the id that the client gave it, or the content
 * itself. The fingerprint names which of the two it is, because an id and a content say nothing of
 * each other. The link alone decides what is run.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.1; decision 0013
 */

import { canonicalJson, readKey } from '../protocols/idempotency-key/index.js'
import { digestParts, fingerprint } from './fingerprint.js'
import type { PresentContent } from './request-fingerprint.js'

/** Makes the fingerprint from `Idempotency-Key`; `null` where there is none that can be read. */
export function fingerprintOfId(field: unknown): string | null {
  if (typeof field !== 'string') return null
  const reading = readKey(field, 'lenient')
  return reading.kind === 'key' ? `id:${digestParts([reading.key])}` : null
}

/**
 * Makes the fingerprint from the content: its bytes, or the fields that a parser has left.
 *
 * @param hasFiles - whether a parser has put files aside, which its fields do not show
 * @returns `null` where that does not tell one content from another for sure
 */
export function fingerprintOfContent(
  type: string,
  content: PresentContent,
  hasFiles: () => boolean,
): string | null {
  const value = content.kind === 'bytes' ? content.bytes : content.value
  if (typeof value === 'string' || value instanceof Uint8Array) return named(ofBytes(type, value))
  const fields = hasFiles() ? null : spelled(value)
  return named(fields === null ? null : fingerprint('fields', fields))
}

function named(digest: string | null): string | null {
  return digest === null ? null : `content:${digest}`
}

const BOUNDARY = /^multipart\/form-data\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/is

const FORM = 'application/x-www-form-urlencoded'
/** A form is in UTF-8, whether its type says so, as `fetch` does, or not. WHATWG URL 5 */
const UTF8_FORM = /^application\/x-www-form-urlencoded\s*(?:;\s*charset="?utf-8"?\s*)?$/i

/** To take a content apart costs hundreds of times what its digest does: that is for forms only. */
const MOST_PARTS = 10_000

/** A browser makes a new boundary each time it sends the same form. RFC 7578 4.1 */
function ofBytes(type: string, content: string | Uint8Array): string | null {
  const found = BOUNDARY.exec(type)
  const boundary = found?.[1] ?? found?.[2]
  if (boundary === undefined) return fingerprint(UTF8_FORM.test(type) ? FORM : type, content)
  const parts = partsOf(Buffer.from(content), `--${boundary}`)
  return parts === null ? null : digestParts(['multipart', ...parts])
}

function partsOf(content: Buffer, delimiter: string): readonly Buffer[] | null {
  const parts: Buffer[] = []
  let from = 0
  while (parts.length < MOST_PARTS) {
    const to = content.indexOf(delimiter, from)
    parts.push(content.subarray(from, to < 0 ? content.length : to))
    if (to < 0) return parts
    from = to + delimiter.length
  }
  return null
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
