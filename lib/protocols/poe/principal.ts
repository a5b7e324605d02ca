/**
 * Principals: the short digest that stands for whom a link was made for.
 *
 * @see POE draft 8 (a link of one user is of no use to another)
 */
import { createHash } from 'node:crypto'

/**
 * Digests a principal to 16 characters of base64url (96 bits of SHA-256).
 *
 * The string `'7'` and the number `7` are different principals: an application that names its
 * users by number and lets guests choose a name must not take the one for the other. `0` and `-0`
 * are the same. The digest is not secret; it keeps names out of stores and logs, no more.
 *
 * @param value - a string that is not empty, or a finite number
 * @returns the digest
 * @throws TypeError for anything else: nobody is not a principal
 */
export function principalDigest(value: string | number): string {
  const named = typeof value === 'string' ? value !== '' : Number.isFinite(value)
  if (!named) throw new TypeError('A principal must be a non-empty string or a finite number')
  // UTF-16, because UTF-8 would make one character of all lone surrogates.
  const text = Buffer.from(`post-once-exactly principal 1:${typeof value}:${value}`, 'utf16le')
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}
