/**
 * How values are written so that a spent record is small: digests as bytes, keys as their hash.
 */
import { hash } from 'node:crypto'
import type { ClaimedBy } from '../../engine/store.js'
import { PoeError } from '../../errors.js'

const SHORTEST_DIGEST = 16

/** Hashes a key: 128 bits that stand for it, spelled as PostgreSQL spells them. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex').slice(0, 32)
}

/** Hashes an owner, an unguessable id of its own, to 64 bits. */
export function hashOwner(owner: string): Buffer {
  return Buffer.from(hash('sha256', owner, 'binary').slice(0, 8), 'latin1')
}

const ABSENT = 0
const AS_TEXT = 1
const AS_DIGEST = 2
/** Both are digests of the usual lengths, and nothing else is written. Since schema version 4. */
const USUAL = 3
const [FINGERPRINT_BYTES, PRINCIPAL_BYTES] = [32, 12]
const HEAD_BYTES = 3

/**
 * Writes fingerprint and principal as one: the usual digests behind a byte that says so; else for
 * each a byte with its kind and length in two, and then its bytes.
 */
export function packTold({ fingerprint, principal }: ClaimedBy): Buffer {
  const print = fingerprint === null ? null : digestBytes(fingerprint)
  const name = digestBytes(principal)
  if (print?.length === FINGERPRINT_BYTES && name?.length === PRINCIPAL_BYTES) {
    return Buffer.concat([Buffer.of(USUAL), print, name])
  }
  return Buffer.concat([...packText(fingerprint), ...packText(principal)])
}

/**
 * Reads what {@link packTold} wrote.
 *
 * @throws PoeError `ERR_POE_STORE_RECORD` when a newer release wrote it
 */
export function unpackTold(told: Buffer): ClaimedBy {
  if (told[0] === USUAL) {
    const fingerprint = told.toString('base64url', 1, 1 + FINGERPRINT_BYTES)
    return { fingerprint, principal: told.toString('base64url', 1 + FINGERPRINT_BYTES) }
  }
  const [fingerprint, end] = unpackText(told, 0)
  const [principal] = unpackText(told, end)
  return { fingerprint, principal: principal ?? '' }
}

/** The bytes of base64url in its one canonical spelling; `null` for other text. */
function digestBytes(text: string): Buffer | null {
  if (text.length < SHORTEST_DIGEST) return null
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}

function packText(text: string | null): [Buffer] | [Buffer, Buffer] {
  if (text === null) return [Buffer.from([ABSENT])]
  const digest = digestBytes(text)
  const bytes = digest ?? Buffer.from(text)
  const head = Buffer.from([digest === null ? AS_TEXT : AS_DIGEST, 0, 0])
  head.writeUInt16BE(bytes.length, 1)
  return [head, bytes]
}

function unpackText(told: Buffer, at: number): [text: string | null, end: number] {
  const kind = told[at]
  if (kind === ABSENT) return [null, at + 1]
  if (kind !== AS_TEXT && kind !== AS_DIGEST) throw new PoeError('ERR_POE_STORE_RECORD')
  const end = at + HEAD_BYTES + told.readUInt16BE(at + 1)
  const bytes = told.subarray(at + HEAD_BYTES, end)
  return [bytes.toString(kind === AS_DIGEST ? 'base64url' : 'utf8'), end]
}

/** Writes an array of values that need no quotes: numbers, flags, UUIDs. */
export function plainArray(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map(value => value ?? 'NULL').join(',')}}`
}

/** Writes an array of bytes. */
export function bytesArray(values: readonly (Buffer | null)[]): string {
  const texts = values.map(bytes => (bytes === null ? 'NULL' : `"\\\\x${bytes.toString('hex')}"`))
  return `{${texts.join(',')}}`
}

/** Writes an array of texts. */
export function textArray(values: readonly (string | null)[]): string {
  const texts = values.map(text => (text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`))
  return `{${texts.join(',')}}`
}
