/**
 * HMAC-SHA-256 in two one-shot hashes: `createHmac` makes an object that the garbage collector has
 * to finalize, and costs several times as much within a busy server.
 *
 * @see RFC 2104; FIPS 198-1
 */
import { createHmac, hash, type KeyObject } from 'node:crypto'

const BLOCK_BYTES = 64
const DIGEST_BYTES = 32
const UNIT_BYTES = 2
/** Longer texts are rare, and need no room of their own, in UTF-16 code units. */
const LONGEST = 448

/** The two messages that are hashed, with the key's blocks in front. */
interface Messages {
  readonly inner: Buffer
  readonly outer: Buffer
  /** As much of `inner` as the last text has taken. */
  used: Buffer
  /** What stands in `inner` around the middle. */
  before: string
  after: string
}

const NOTHING = Buffer.alloc(0)

/** By key, so that they live no longer than that, and no log shows them. */
const messages = new WeakMap<KeyObject, Messages>()

/**
 * Computes an HMAC over text in UTF-16, because UTF-8 would make one character of all lone
 * surrogates. The text comes in three parts: where the outer ones are those of the last call, and
 * the middle as long as then, only the middle is written.
 *
 * @param key - a secret key
 * @param before - the beginning of what to sign
 * @param middle - what differs from text to text
 * @param after - the rest
 * @returns all 256 bits in base64url, 43 characters
 */
export function hmacOf(key: KeyObject, before: string, middle = '', after = ''): string {
  const length = before.length + middle.length + after.length
  if (length > LONGEST) {
    const text = before + middle + after
    return createHmac('sha256', key).update(text, 'utf16le').digest('base64url')
  }
  const room = messagesOf(key)
  const { inner, outer } = room
  const middleAt = BLOCK_BYTES + before.length * UNIT_BYTES
  const end = BLOCK_BYTES + length * UNIT_BYTES
  if (room.used.byteLength !== end || room.before !== before || room.after !== after) {
    inner.write(before, BLOCK_BYTES, 'utf16le')
    inner.write(after, middleAt + middle.length * UNIT_BYTES, 'utf16le')
    room.used = inner.subarray(0, end)
    room.before = before
    room.after = after
  }
  inner.write(middle, middleAt, 'utf16le')
  outer.write(hash('sha256', room.used, 'binary'), BLOCK_BYTES, 'binary')
  return hash('sha256', outer, 'base64url')
}

function messagesOf(key: KeyObject): Messages {
  const known = messages.get(key)
  if (known !== undefined) return known
  const bytes = key.export()
  const block = bytes.length > BLOCK_BYTES ? hash('sha256', bytes, 'buffer') : bytes
  const made = {
    inner: Buffer.alloc(BLOCK_BYTES + UNIT_BYTES * LONGEST, 0x36),
    outer: Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c),
    used: NOTHING,
    before: '',
    after: '',
  }
  for (const [at, byte] of block.entries()) {
    made.inner[at] = byte ^ 0x36
    made.outer[at] = byte ^ 0x5c
  }
  messages.set(key, made)
  return made
}
