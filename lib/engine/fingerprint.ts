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
