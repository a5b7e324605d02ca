/**
 * How values are written so that a spent record is small: digests as bytes, keys as their hash.
 */
import { hash } from 'node:crypto'

const SHORTEST_DIGEST = 16

/** A key's hash: 128 bits that stand for the key, and the first 48 of them, which are indexed. */
export interface KeyHash {
  readonly start: Buffer
  readonly whole: Buffer
}

/** Hashes a key. */
export function hashKey(key: string): KeyHash {
  const whole = hash('sha256', key, 'buffer').subarray(0, 16)
  return { start: whole.subarray(0, 6), whole }
}

/** Hashes an owner, an unguessable id of its own, to 64 bits. */
export function hashOwner(owner: string): Buffer {
  return hash('sha256', owner, 'buffer').subarray(0, 8)
}

/**
 * Writes text as bytes if it is base64url in its one canonical spelling, else leaves it as it is.
 * Reading needs no flag: bytes and text are types of their own in sqlite.
 */
export function packText(text: string): Buffer | string {
  if (text.length < SHORTEST_DIGEST) return text
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : text
}

/** Reads what {@link packText} wrote. */
export function unpackText(value: Buffer | string): string {
  return typeof value === 'string' ? value : value.toString('base64url')
}
