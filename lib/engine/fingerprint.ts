/**
 * The fingerprint of a request's content: SHA-256 over its media type and the SHA-256 of its
 * bytes, so that a verified digest field can stand for the bytes.
 */
import { createHash } from 'node:crypto'

/**
 * @param mediaType - the Content-Type field as received; parameters count
 * @param content - the bytes, or text to be taken as UTF-8
 * @returns 43 characters of base64url
 */
export function fingerprint(mediaType: string, content: string | Uint8Array): string {
  const inner = createHash('sha256').update(content).digest()
  return createHash('sha256').update(mediaType).update('\0').update(inner).digest('base64url')
}

/**
 * Digests several parts so that no two lists of parts have the same digest by accident: each part
 * is preceded by its length.
 *
 * @param parts - texts, taken as UTF-8, or bytes
 * @returns 43 characters of base64url
 */
export function digestParts(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part
    hash.update(`${bytes.byteLength}:`).update(bytes)
  }
  return hash.digest('base64url')
}
