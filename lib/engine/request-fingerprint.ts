/**
 * The fingerprint of a request: what makes a repeat under a known key the same request.
 *
 * It covers method, path, query, media type and content, so that a key that is reused for anything
 * else is found out.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.4; RFC 9530 (Content-Digest)
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import {
  canonicalForm,
  canonicalJson,
  parseJson,
  readContentDigest,
  spelledJson,
} from '../protocols/idempotency-key/index.js'
import { atPointer } from '../protocols/json-pointer.js'
import { digestParts } from './fingerprint.js'

/** What of the content counts: the bytes, what they say, or those members of JSON only. */
export type ContentRule = 'raw' | 'semantic' | 'content-digest' | readonly string[]

/**
 * Checks a rule; a function of the application's may stand for one.
 *
 * @throws TypeError that says what to do
 */
export function checkFingerprint(where: string, rule: unknown): void {
  if (rule === 'raw' || rule === 'semantic' || rule === 'content-digest') return
  if (typeof rule === 'function') return
  if (Array.isArray(rule) && rule.length > 0 && rule.every(isPointer)) return
  throw new TypeError(
    `${where}: fingerprint must be 'raw', 'semantic', 'content-digest', JSON Pointers such as ` +
      "['/amount'], or a function",
  )
}

function isPointer(text: unknown): boolean {
  return typeof text === 'string' && (text === '' || text.startsWith('/'))
}

/**
 * Content that is here; text stands for its bytes in UTF-8. `parsed`: the bytes are gone, and what
 * a parser made of them is left.
 */
export type PresentContent =
  | {
      readonly kind: 'bytes'
      readonly bytes: Uint8Array | string
      readonly isDecoded: boolean
    }
  | { readonly kind: 'parsed'; readonly value: unknown }

/** What a request says of itself. */
export interface RequestHead {
  readonly method: string
  readonly path: string
  /** The query, without its question mark. */
  readonly query: string
  /** By names in lower case. */
  readonly fields: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** A fingerprint, or why there is none. */
export type FingerprintResult =
  | { readonly kind: 'fingerprint'; readonly fingerprint: string }
  | { readonly kind: 'digest-missing' | 'digest-wrong' | 'too-deep' }

/**
 * Makes the fingerprint of a request of which the application says what counts.
 *
 * @param text - what it says
 */
export function ownFingerprint(head: RequestHead, text: string): string {
  return digestParts([head.method, head.path, head.query, 'own', text])
}

/**
 * Makes the fingerprint of a request.
 *
 * @param head - what it says of itself
 * @param content - its content
 * @param rule - what of it counts
 * @param limitBytes - how much a coded content may grow to
 * @returns a promise where the content has to be taken apart
 * @throws TypeError where `content-digest` is the rule and the bytes are gone
 */
export function requestFingerprint(
  head: RequestHead,
  content: PresentContent,
  rule: ContentRule,
  limitBytes: number,
): FingerprintResult | Promise<FingerprintResult> {
  const { method, path, query, fields } = head
  const type = String(fields['content-type'] ?? '')
  const encoding = String(fields['content-encoding'] ?? '')
  const made = (parts: readonly (string | Uint8Array)[]): FingerprintResult => ({
    kind: 'fingerprint',
    fingerprint: digestParts(parts),
  })
  if (content.kind === 'parsed') {
    const meaning = meaningOfValue(content.value, rule)
    if (meaning === null) return { kind: 'too-deep' }
    const counted = rule === 'raw' ? type : mediaTypeOf(type)
    return made([method, path, query, 'parsed', counted, meaning])
  }
  // Text and its bytes in UTF-8 have the same digest.
  const raw = () => made([method, path, query, 'raw', type, encoding, content.bytes])
  if (rule === 'raw') return raw()
  if (rule === 'content-digest') {
    if (content.isDecoded && !isPlain(encoding)) throw digestUnchecked()
    const digest = readContentDigest(String(fields['content-digest'] ?? ''))
    if (digest === null) return { kind: 'digest-missing' }
    const hash = createHash(digest.algorithm.replace('-', '')).update(content.bytes).digest()
    const isRight =
      hash.byteLength === digest.digest.byteLength && timingSafeEqual(hash, digest.digest)
    return isRight ? raw() : { kind: 'digest-wrong' }
  }
  const coding = content.isDecoded ? '' : encoding
  const bytes = typeof content.bytes === 'string' ? Buffer.from(content.bytes) : content.bytes
  return meaningIn(bytes, coding, limitBytes, type, rule).then(
    meaning => made([method, path, query, 'semantic', mediaTypeOf(type), meaning]),
    // Content that is not what its type says counts by its bytes.
    raw,
  )
}

function mediaTypeOf(type: string): string {
  return type.replace(/;.*/s, '').trim().toLowerCase()
}

async function meaningIn(
  coded: Uint8Array,
  encoding: string,
  limitBytes: number,
  type: string,
  rule: 'semantic' | readonly string[],
): Promise<string | Uint8Array> {
  const bytes = await decoded(encoding, coded, limitBytes)
  const mediaType = mediaTypeOf(type)
  if (/^application\/([\w.+-]+\+)?json$/.test(mediaType)) {
    const value = parseJson(bytes)
    return canonicalJson(rule === 'semantic' ? value : membersAt(value, rule))
  }
  if (mediaType === 'application/x-www-form-urlencoded') return canonicalForm(bytes)
  if (mediaType === 'multipart/form-data') return await partsOf(type, bytes)
  return bytes
}

/** What a parser has left, in one spelling; `null` where it is nested too deeply for that. */
function meaningOfValue(value: unknown, rule: ContentRule): string | null {
  if (rule === 'content-digest') throw digestUnchecked()
  return spelledJson(typeof rule === 'string' ? value : membersAt(value, rule))
}

function digestUnchecked(): TypeError {
  return new TypeError(
    'Content-Digest cannot be checked: the bytes were read before the door and are gone. Put ' +
      'the door in front of what reads them.',
  )
}

/** The members that count. One that is missing is not one that is null. */
function membersAt(value: unknown, pointers: readonly string[]): readonly unknown[] {
  const members = pointers.map(pointer => atPointer(value, pointer))
  return members.map(member => (member === undefined ? [] : [member]))
}

/** The parts of a form, whatever stands between them. */
async function partsOf(type: string, bytes: Uint8Array): Promise<string> {
  const headers = { 'Content-Type': type }
  const form = await new Response(Buffer.from(bytes), { headers }).formData()
  const parts: string[] = []
  for (const [name, value] of form) {
    // Stands for any bytes that are no UTF-8: two parts that differ would be one.
    const text = name + (typeof value === 'string' ? value : value.name)
    if (text.includes('\ufffd')) throw new TypeError('a part that is perhaps no UTF-8')
    if (typeof value === 'string') parts.push(digestParts([name, 'text', value]))
    else {
      const content = new Uint8Array(await value.arrayBuffer())
      parts.push(digestParts([name, 'file', value.name, value.type, content]))
    }
  }
  return digestParts(parts)
}

/** So much a coded content may grow to, however small it was; and so many times its size. */
const AMPLE_BYTES = 65_536
const GROWTH = 16

const DECODERS: Readonly<
  Record<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

async function decoded(
  encoding: string,
  bytes: Uint8Array,
  limitBytes: number,
): Promise<Uint8Array> {
  if (isPlain(encoding)) return bytes
  const decode = DECODERS[codingOf(encoding)]
  if (decode === undefined) throw new TypeError('unknown content coding')
  // Little that grows to much would cost the server far more than it cost the client.
  const most = Math.max(AMPLE_BYTES, GROWTH * bytes.byteLength)
  return await decode(bytes, { maxOutputLength: Math.min(limitBytes, most) })
}

function codingOf(encoding: string): string {
  return encoding.trim().toLowerCase()
}

function isPlain(encoding: string): boolean {
  return ['', 'identity'].includes(codingOf(encoding))
}
