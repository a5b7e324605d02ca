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
