/**
 * HMAC-SHA-256 in two one-shot hashes: `createHmac` makes an object that the garbage collector has
 * to finalize, and costs several times as much within a busy server.
 *
 * @see RFC 2104; FIPS 198-1
 */
import { createHmac, hash, type KeyObject } from 'node:crypto'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32
/** Longer texts are rare, and need no room of their own. */
const LONGEST = 448

/** The two messages that are hashed, with the key's blocks in front. */
interface Messages {
  readonly inner: Buffer
  readonly outer: Buffer
  /** As much of `inner` as the last text has taken. */
  used: Buffer
}

const NOTHING = Buffer.alloc(0)

/** By key, so that they live no longer than that, and no log shows them. */
const messages = new WeakMap<KeyObject, Messages>()

/**
 * Computes an HMAC over text in UTF-16, because UTF-8 would make one character of all lone
 * surrogates.
 *
 * @param key - a secret key
 * @param text - what to sign
 * @returns all 256 bits in base64url, 43 characters
 */
export function hmacOf(key: KeyObject, text: string): string {
  if (text.length > LONGEST) {
    return createHmac('sha256', key).update(text, 'utf16le').digest('base64url')
  }
  const room = messagesOf(key)
  const { inner, outer } = room
  const length = BLOCK_BYTES + inner.write(text, BLOCK_BYTES, 'utf16le')
  // Most texts are of one length, and a view costs as much as writing one.
  if (room.used.byteLength !== length) room.used = inner.subarray(0, length)
  outer.write(hash('sha256', room.used, 'binary'), BLOCK_BYTES, 'binary')
  return hash('sha256', outer, 'base64url')
}

function messagesOf(key: KeyObject): Messages {
  const known = messages.get(key)
  if (known !== undefined) return known
  const bytes = key.export()
  const block = bytes.length > BLOCK_BYTES ? hash('sha256', bytes, 'buffer') : bytes
  const made = {
    inner: Buffer.alloc(BLOCK_BYTES + 2 * LONGEST, 0x36),
    outer: Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c),
    used: NOTHING,
  }
  for (const [at, byte] of block.entries()) {
    made.inner[at] = byte ^ 0x36
    made.outer[at] = byte ^ 0x5c
  }
  messages.set(key, made)
  return made
}
