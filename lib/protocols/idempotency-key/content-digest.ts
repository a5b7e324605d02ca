/**
 * `Content-Digest`: the client's own digest of the content, which is believed only once it is
 * checked.
 *
 * @see RFC 9530 2
 */
import { parseDictionary } from 'structured-headers'

/** The algorithms that are still safe. RFC 9530 5 */
export const DIGEST_ALGORITHMS = ['sha-512', 'sha-256'] as const

/** One of them. */
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number]

/** A digest that a client sent. */
export interface ClaimedDigest {
  readonly algorithm: DigestAlgorithm
  readonly digest: Uint8Array
}

/**
 * Reads the strongest digest of the field.
 *
 * @param value - the field; `''` where it is absent
 * @returns `null` where there is none that can be checked
 */
export function readContentDigest(value: string): ClaimedDigest | null {
  try {
    const members = parseDictionary(value)
    for (const algorithm of DIGEST_ALGORITHMS) {
      const digest = members.get(algorithm)?.[0]
      if (digest instanceof ArrayBuffer) return { algorithm, digest: new Uint8Array(digest) }
    }
  } catch {
    // What cannot be parsed counts as absent.
  }
  return null
}
