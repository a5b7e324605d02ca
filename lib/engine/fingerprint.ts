/**
 * The fingerprint of a request's content: SHA-256 over its media type and the SHA-256 of its
 * bytes, so that a verified digest field can stand for the bytes.
 */
import { hash } from 'node:crypto'

/**
 * @param mediaType - the Content-Type field as received; parameters count
 * @param content - the bytes, or text to be taken as UTF-8
 * @returns 43 characters of base64url
 */
export function fingerprint(mediaType: string, content: string | Uint8Array): string {
  if (mediaType !== lastType) {
    typed = Buffer.from(`${mediaType}\0${NO_DIGEST}`)
    lastType = mediaType
  }
  typed.write(hash('sha256', content, 'binary'), typed.byteLength - DIGEST_BYTES, 'binary')
  return hash('sha256', typed, 'base64url')
}

const DIGEST_BYTES = 32
const NO_DIGEST = '0'.repeat(DIGEST_BYTES)

/** A room for what is hashed, with the media type in front: most requests have the same one. */
let typed = Buffer.from(`\0${NO_DIGEST}`)
let lastType = ''

/**
 * Digests several parts so that no two lists of parts have the same digest by accident: each part
 * is preceded by its length.
 *
 * @param parts - texts, taken as UTF-8, or bytes
 * @returns 43 characters of base64url
 */
export function digestParts(parts: readonly (string | Uint8Array)[]): string {
  const pieces: Uint8Array[] = []
  let text = ''
  for (const part of parts) {
    if (typeof part === 'string') text += `${Buffer.byteLength(part)}:${part}`
    else {
      pieces.push(Buffer.from(`${text}${part.byteLength}:`), part)
      text = ''
    }
  }
  if (pieces.length === 0) return hash('sha256', text, 'base64url')
  return hash('sha256', Buffer.concat([...pieces, Buffer.from(text)]), 'base64url')
}

/**
 * Compares two fingerprints that name their scheme: what stands in front of the colon.
 *
 * @param recorded - of the request that the record is of; `null` where it had none
 * @param seen - of this request
 * @returns whether the contents are the same; `null` where that cannot be told, as between two
 *   schemes
 */
export function sameContent(recorded: string | null, seen: string | null): boolean | null {
  if (recorded === null || seen === null || schemeOf(recorded) !== schemeOf(seen)) return null
  return recorded === seen
}

function schemeOf(fingerprint: string): string {
  return fingerprint.slice(0, Math.max(0, fingerprint.indexOf(':')))
}
