/**
 * How keys, digests and outcomes are written, so that a spent record is small: with the usual
 * digests and an answer of 150 bytes it just fits an allocation of 224 bytes.
 */
import { hash } from 'node:crypto'
import type { ClaimedBy, StoredOutcome } from '../../engine/store.js'
import { PoeError } from '../../errors.js'
import { restoreHead, shortenHead } from '../head-text.js'

/** Bytes of a key's hash: 120 bits stand for the key. */
export const KEY_BYTES = 15
const OWNER_BYTES = 6
/** `who` begins with one of these; a running record begins with a letter. */
const AS_TEXT = 0
const FINGERPRINT_BYTES = 32
/** The kinds of two digests, and how long the principal's is, in bytes; the usual one first. */
const KINDS: readonly (readonly [kind: number, bytes: number])[] = [
  [2, 12],
  [1, 16],
]
/** How many bytes tell who claimed, by kind. */
const WHO_BYTES: readonly (number | undefined)[] = [undefined, 49, 45]
const MOST_TEXT_BYTES = 0xffff
/** Where the text begins: after its kind and its length. */
const TEXT_AT = 3
const ONE_BYTE = 0x7f
const MOST_NUMBER_BYTES = 8
/** In MessagePack: an array of up to 15 members, and a string whose length takes four bytes. */
const [FEW_MEMBERS, LONG_STRING] = [0x90, 0xdb]
const STRING_HEAD_BYTES = 5

/** Names a record in its bucket; the braces put it into one slot of a cluster with its epoch. */
export function recordName(prefix: string, bucket: number, key: string): Buffer {
  const start = `${prefix}{${bucket}}`
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(start) + KEY_BYTES)
  // As text: a buffer for each part would cost the garbage collector more than the part.
  bytes.write(hash('sha256', key, 'binary'), bytes.write(start), KEY_BYTES, 'latin1')
  return bytes
}

/** Hashes an owner, an unguessable id of its own, to 48 bits. */
export function hashOwner(owner: string): Buffer {
  return Buffer.from(hash('sha256', owner, 'binary').slice(0, OWNER_BYTES), 'latin1')
}

/**
 * Looks at who claims.
 *
 * @returns what is wrong with it, or `null`
 */
export function whoFault({ fingerprint, principal }: ClaimedBy): RangeError | null {
  // Four bytes a character, and some for the quotes.
  if ((fingerprint?.length ?? 0) + principal.length < MOST_TEXT_BYTES / 8) return null
  const text = JSON.stringify([fingerprint, principal])
  if (Buffer.byteLength(text) <= MOST_TEXT_BYTES) return null
  return new RangeError('principal and fingerprint are too long')
}

/**
 * Writes who claimed: two digests as 45 bytes where they are the usual ones, else as text.
 * Those that {@link whoFault} finds fault with must not come here.
 */
export function packWho({ fingerprint, principal }: ClaimedBy): Buffer {
  const print = fingerprint === null ? null : digestBytes(fingerprint, FINGERPRINT_BYTES)
  for (const [kind, length] of KINDS) {
    const name = print === null ? null : digestBytes(principal, length)
    if (print !== null && name !== null) return Buffer.concat([Buffer.of(kind), print, name])
  }
  const text = JSON.stringify([fingerprint, principal])
  const length = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(TEXT_AT + length)
  bytes[0] = AS_TEXT
  bytes.writeUInt16BE(length, 1)
  bytes.write(text, TEXT_AT)
  return bytes
}

/**
 * Reads what {@link packWho} wrote, at the beginning of these bytes.
 *
 * @throws PoeError `ERR_POE_STORE_RECORD` when a newer release wrote them
 */
export function unpackWho(bytes: Buffer): ClaimedBy {
  const length = lengthOfWho(bytes)
  if (bytes[0] !== AS_TEXT) {
    const fingerprint = bytes.toString('base64url', 1, 1 + FINGERPRINT_BYTES)
    return { fingerprint, principal: bytes.toString('base64url', 1 + FINGERPRINT_BYTES, length) }
  }
  const [fingerprint, principal] = JSON.parse(bytes.toString('utf8', TEXT_AT, length)) as [
    string | null,
    string,
  ]
  return { fingerprint, principal }
}

/** Writes an outcome: the head's length, the head, and a body if there is one. */
export function packOutcome({ head, body }: StoredOutcome): Buffer {
  const text = shortenHead(head)
  const length = Buffer.byteLength(text)
  const lengths = length * 2 + (body === null ? 0 : 1)
  const bytes = Buffer.allocUnsafe(numberBytes(lengths) + length + (body?.byteLength ?? 0))
  const textAt = writeNumber(bytes, lengths)
  bytes.write(text, textAt)
  if (body !== null) bytes.set(body, textAt + length)
  return bytes
}

/** Reads a spent record; throws as {@link unpackWho} does. */
export function unpackSpent(
  bytes: Buffer,
): ClaimedBy & { readonly outcome: StoredOutcome; readonly mark: string } {
  const markAt = lengthOfWho(bytes)
  const [lengths, from] = unpackNumber(bytes, markAt + OWNER_BYTES)
  const mark = bytes.toString('hex', markAt, markAt + OWNER_BYTES)
  const to = from + Math.floor(lengths / 2)
  const head = restoreHead(bytes.toString('utf8', from, to))
  const body = lengths % 2 === 0 ? null : bytes.subarray(to)
  return { outcome: { head, body }, mark, ...unpackWho(bytes) }
}

/**
 * Reads the beginning of a spent record.
 *
 * @param start - its first bytes
 * @param length - of all of it, in bytes
 * @returns the head, `null` where it goes on after these bytes; the body's length, `null` for none
 */
export function unpackStart(
  start: Buffer,
  length: number,
): { readonly head: string | null; readonly bodyBytes: number | null } {
  const lengthsAt = lengthOfWho(start) + OWNER_BYTES
  if (lengthsAt + MOST_NUMBER_BYTES > start.length && start.length < length) {
    return { head: null, bodyBytes: null }
  }
  const [lengths, from] = unpackNumber(start, lengthsAt)
  const to = from + Math.floor(lengths / 2)
  const head = to > start.length ? null : restoreHead(start.toString('utf8', from, to))
  return { head, bodyBytes: lengths % 2 === 0 ? null : length - to }
}

/** Writes texts and bytes as a MessagePack array, which a script takes apart. */
export function packArguments(args: readonly (string | Buffer)[]): Buffer {
  let length = 1
  for (const arg of args) {
    length += STRING_HEAD_BYTES + (typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length)
  }
  const bytes = Buffer.allocUnsafe(length)
  bytes[0] = FEW_MEMBERS + args.length
  let at = 1
  for (const arg of args) {
    const from = at + STRING_HEAD_BYTES
    const size = typeof arg === 'string' ? bytes.write(arg, from) : arg.copy(bytes, from)
    bytes[at] = LONG_STRING
    bytes.writeUInt32BE(size, at + 1)
    at = from + size
  }
  return bytes
}

function lengthOfWho(bytes: Buffer): number {
  const kind = bytes[0] ?? AS_TEXT
  if (kind >= WHO_BYTES.length) throw new PoeError('ERR_POE_STORE_RECORD')
  return WHO_BYTES[kind] ?? TEXT_AT + bytes.readUInt16BE(1)
}

/** So many bytes of base64url in its one canonical spelling; `null` for other text. */
function digestBytes(text: string, length: number): Buffer | null {
  if (text.length !== Math.ceil((length * 4) / 3)) return null
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}

function numberBytes(value: number): number {
  return value <= ONE_BYTE ? 1 : 1 + numberBytes(Math.floor(value / 128))
}

/** Seven bits a byte, the lowest first; all but the last have the eighth set. Gives the end. */
function writeNumber(bytes: Buffer, value: number): number {
  let [at, rest] = [0, value]
  for (; rest > ONE_BYTE; at += 1) {
    bytes[at] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  bytes[at] = rest
  return at + 1
}

function unpackNumber(bytes: Buffer, at: number): [value: number, end: number] {
  const byte = bytes.readUInt8(at)
  if (byte <= ONE_BYTE) return [byte, at + 1]
  const [more, end] = unpackNumber(bytes, at + 1)
  return [byte - 128 + more * 128, end]
}
