/**
 * The digest of a content in Node: at once, where WebCrypto would take a thread and five promises.
 */
import { hash } from 'node:crypto'

const HEX_DIGITS = 32

/**
 * As the digest of a page.
 *
 * @returns the first 128 bits of SHA-256 over both, as 32 hexadecimal digits
 */
export function digestAtOnce(name: string, content: string | Uint8Array): string {
  const all =
    typeof content === 'string' ? name + content : Buffer.concat([Buffer.from(name), content])
  return hash('sha256', all, 'hex').slice(0, HEX_DIGITS)
}
