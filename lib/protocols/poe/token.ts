/**
 * Link tokens: the one path segment that makes a POE URI single-use and impossible to guess.
 *
 * Layout, fixed widths without separators, 69 characters:
 *
 * | part    | width | what                                                                  |
 * | ------- | ----- | --------------------------------------------------------------------- |
 * | version | 1     | `1`                                                                   |
 * | key id  | 4     | which secret signed                                                   |
 * | epoch   | 12    | the store's memory that the token belongs to, filled up with `.`      |
 * | expiry  | 8     | milliseconds since the Unix epoch, 48 bits                            |
 * | nonce   | 22    | 132 random bits                                                       |
 * | tag     | 22    | HMAC-SHA-256, first 128 bits, over all of the above and the scope     |
 *
 * All but the epoch's filling is base64url. A token is opaque to everybody else.
 *
 * @see POE draft 8 (links that cannot be guessed), appendix A (URIs are never reused)
 */
import { timingSafeEqual } from 'node:crypto'
import { nanoid } from 'nanoid'
import { hmacOf } from './hmac.js'
import type { Secret } from './secret.js'

/** The length of every token, in characters. */
export const TOKEN_LENGTH = 69

/** The longest epoch that fits a token, in characters. */
export const EPOCH_MAX_LENGTH = 12

const VERSION = '1'
/** Fills an epoch up to its width. */
const FILLING = '.'
const NONCE_LENGTH = 22
const TAG_LENGTH = 22
/** Of a tag's last character only these bits count. */
const LAST = TAG_LENGTH - 1
const UPPER_BITS = 0b110000
const EXPIRY_LIMIT_MS = 2 ** 48
const EPOCH = /^[\w-]{1,12}$/
const NONCE = /^[\w-]{22}$/

/** Where the parts begin. */
const [KEY_ID_AT, EPOCH_AT, EXPIRY_AT, NONCE_AT, TAG_AT] = [1, 5, 17, 25, 47] as const

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const NO_DIGIT = 255
/** The value of each character of base64url, by its code. */
const DIGITS = new Uint8Array(128).fill(NO_DIGIT)
for (const [value, digit] of [...ALPHABET].entries()) DIGITS[digit.charCodeAt(0)] = value

/** What a token is bound to without naming it. */
export interface TokenScope {
  /** The name of the route. */
  readonly route: string
  /** Every route parameter but the token itself, in any order. */
  readonly params: readonly (readonly [name: string, value: string])[]
  /** Whom the link is for, as a digest; any fixed string where links are not bound. */
  readonly principal: string
}

/** What a token says. Not to be trusted before {@link verifyToken}. */
export interface ParsedToken {
  readonly keyId: string
  readonly epoch: string
  /** When the link's life ends, in milliseconds since the Unix epoch. */
  readonly expiresAtMs: number
  readonly nonce: string
  readonly tag: string
}

/** What {@link mintToken} makes a token of. */
export interface TokenParts {
  readonly secret: Secret
  /** 1 to 12 characters of base64url. */
  readonly epoch: string
  /** Whole milliseconds since the Unix epoch, below 2^48. */
  readonly expiresAtMs: number
  /** From {@link makeNonce}: never used before. */
  readonly nonce: string
  readonly scope: TokenScope
}

/**
 * Makes the random part of a token: 132 bits, 22 characters of base64url.
 *
 * @returns a nonce that was never made before
 */
export function makeNonce(): string {
  return nanoid(NONCE_LENGTH)
}

/**
 * Makes a token, without touching any store; minting is harmless to repeat.
 *
 * @param parts - see {@link TokenParts}
 * @returns one path segment of {@link TOKEN_LENGTH} characters that need no encoding
 * @throws RangeError where the epoch, the expiry or the nonce does not fit its place
 */
export function mintToken(parts: TokenParts): string {
  const { secret, epoch, expiresAtMs, nonce, scope } = parts
  const filled = filledEpoch(epoch)
  if (!NONCE.test(nonce)) throw new RangeError('A nonce is 22 characters of base64url')
  if (!Number.isInteger(expiresAtMs) || expiresAtMs < 0 || expiresAtMs >= EXPIRY_LIMIT_MS) {
    throw new RangeError('expiresAtMs must be whole milliseconds from 0 to below 2^48')
  }
  const fields = { keyId: secret.id, epoch, expiresAtMs, nonce }
  const tag = tagOf(fields, secret, scope)
  return `${VERSION}${secret.id}${filled}${formatExpiry(expiresAtMs)}${nonce}${tag}`
}

const lastEpoch = { epoch: '', filled: '' }

/** A store has one epoch for a long time. */
function filledEpoch(epoch: string): string {
  if (epoch === lastEpoch.epoch && epoch !== '') return lastEpoch.filled
  if (!EPOCH.test(epoch)) throw new RangeError('An epoch is 1 to 12 characters of base64url')
  lastEpoch.filled = epoch.padEnd(EPOCH_MAX_LENGTH, FILLING)
  lastEpoch.epoch = epoch
  return lastEpoch.filled
}

/**
 * Tells cheaply whether a path segment may be a token of ours: length, alphabet and version.
 *
 * @param segment - the segment as it stands in the URL; percent-encoded spellings are none of ours
 * @returns whether {@link readToken} can read it
 */
export function isTokenShaped(segment: string): boolean {
  if (segment === lastShaped) return true
  if (segment.length !== TOKEN_LENGTH || !segment.startsWith(VERSION)) return false
  let at = endOfDigits(segment, KEY_ID_AT, EXPIRY_AT)
  // An epoch has at least one character.
  if (at <= EPOCH_AT) return false
  while (at < EXPIRY_AT && segment[at] === FILLING) at += 1
  if (at !== EXPIRY_AT || endOfDigits(segment, at, TOKEN_LENGTH) !== TOKEN_LENGTH) return false
  lastShaped = segment
  return true
}

/** A request's token is looked at twice. */
let lastShaped: string | null = null

/** Where the characters of base64url end that begin here: a pattern takes several times as long. */
function endOfDigits(text: string, from: number, to: number): number {
  let at = from
  while (at < to && (DIGITS[text.charCodeAt(at)] ?? NO_DIGIT) !== NO_DIGIT) at += 1
  return at
}

function digitAt(text: string, at: number): number {
  return Number(DIGITS[text.charCodeAt(at)])
}

/**
 * Takes a token apart without believing it.
 *
 * @param segment - the segment as it stands in the URL
 * @returns its parts, or `null` for what is not of token shape
 */
export function readToken(segment: string): ParsedToken | null {
  if (!isTokenShaped(segment)) return null
  const filled = segment.indexOf(FILLING, EPOCH_AT)
  let expiresAtMs = 0
  for (let at = EXPIRY_AT; at < NONCE_AT; at += 1) {
    expiresAtMs = expiresAtMs * 64 + digitAt(segment, at)
  }
  return {
    keyId: segment.slice(KEY_ID_AT, EPOCH_AT),
    epoch: segment.slice(EPOCH_AT, filled === -1 ? EXPIRY_AT : filled),
    expiresAtMs,
    nonce: segment.slice(NONCE_AT, TAG_AT),
    tag: segment.slice(TAG_AT),
  }
}

/** Rooms for the two tags that are compared, so that none is made for each. */
const givenTag = Buffer.alloc(TAG_LENGTH)
const expectedWhole = Buffer.alloc(43)
const expectedTag = expectedWhole.subarray(0, TAG_LENGTH)

/**
 * Tells whether a token was minted with this secret for this scope. Says nothing about expiry.
 *
 * The tag is compared in constant time and as text, against our own encoding of it: base64url has
 * several spellings of the same 128 bits, and only one of them may open the door.
 *
 * @param token - what {@link readToken} gave
 * @param secret - the secret that `token.keyId` names
 * @param scope - where the token was presented, and by whom
 * @returns whether it is genuine
 */
export function verifyToken(token: ParsedToken, secret: Secret, scope: TokenScope): boolean {
  if (token.keyId !== secret.id) return false
  const { tag } = token
  if (tag.length !== TAG_LENGTH || givenTag.write(tag) !== TAG_LENGTH) return false
  expectedWhole.write(signatureOf(token, secret, scope), 'latin1')
  const last = Number(DIGITS[Number(expectedTag[LAST])])
  expectedTag[LAST] = ALPHABET.charCodeAt(last & UPPER_BITS)
  return timingSafeEqual(givenTag, expectedTag)
}

/**
 * Names the record of a token in a store. It follows from route and nonce alone, so no other
 * spelling or signature of a token has a record of its own.
 *
 * @param route - the name of the route
 * @param nonce - the token's nonce
 * @returns the key: printable ASCII, the route percent-encoded, a colon, the nonce
 * @throws URIError where the route's name has a lone surrogate
 */
export function recordKey(route: string, nonce: string): string {
  if (route !== lastRoute) {
    routePrefix = `${encodeURIComponent(route)}:`
    lastRoute = route
  }
  return routePrefix + nonce
}

let lastRoute = ''
let routePrefix = ':'

/**
 * Writes what a tag is computed over, so that two different tokens or scopes never read the same:
 * every field comes with its length, and parameters with their number.
 *
 * @param fields - the token's own parts
 * @param scope - what it is bound to; the order of parameters does not count
 * @returns the text to be signed
 */
export function signedText(fields: Omit<ParsedToken, 'tag'>, scope: TokenScope): string {
  return memoryText(fields.keyId, fields.epoch) + ownText(fields) + scopeText(scope)
}

/** The whole HMAC over {@link signedText}, in base64url. */
function signatureOf(fields: Omit<ParsedToken, 'tag'>, secret: Secret, scope: TokenScope): string {
  const memory = memoryText(fields.keyId, fields.epoch)
  return hmacOf(secret.key, memory, ownText(fields), scopeText(scope))
}

function ownText({ expiresAtMs, nonce }: Omit<ParsedToken, 'tag'>): string {
  return lengthFirst(String(expiresAtMs)) + lengthFirst(nonce)
}

function scopeText({ route, params, principal }: TokenScope): string {
  if (params.length === 0) return plainScopeText(route, principal)
  const sorted = params.length < 2 ? params : params.toSorted(byNameThenValue)
  let text = lengthFirst(route) + lengthFirst(String(sorted.length))
  for (const [name, value] of sorted) text += lengthFirst(name) + lengthFirst(value)
  return text + lengthFirst(principal)
}

const TITLE = 'post-once-exactly link token 1'

/** What is the same in nearly every token is written once. */
const lastMemory = { keyId: '', epoch: '', text: '' }

function memoryText(keyId: string, epoch: string): string {
  const last = lastMemory
  if (last.keyId !== keyId || last.epoch !== epoch || last.text === '') {
    last.text = lengthFirst(TITLE) + lengthFirst(keyId) + lengthFirst(epoch)
    last.keyId = keyId
    last.epoch = epoch
  }
  return last.text
}

const lastScope = { route: '', principal: '', text: '' }

/** Without parameters. */
function plainScopeText(route: string, principal: string): string {
  const last = lastScope
  if (last.route !== route || last.principal !== principal || last.text === '') {
    last.text = lengthFirst(route) + lengthFirst('0') + lengthFirst(principal)
    last.route = route
    last.principal = principal
  }
  return last.text
}

function lengthFirst(field: string): string {
  return `${field.length}:${field}`
}

/** The first 128 bits: 21 characters, and the upper two bits of the next one. */
function tagOf(fields: Omit<ParsedToken, 'tag'>, secret: Secret, scope: TokenScope): string {
  const whole = signatureOf(fields, secret, scope)
  return whole.slice(0, LAST) + ALPHABET[digitAt(whole, LAST) & UPPER_BITS]
}

function formatExpiry(expiresAtMs: number): string {
  return fourDigits(Math.floor(expiresAtMs / 2 ** 24)) + fourDigits(expiresAtMs % 2 ** 24)
}

/** Small integers: the whole number is too large for the bits that a shift takes. */
function fourDigits(value: number): string {
  const [high, low] = [value >> 12, value & 4_095]
  const digit = (at: number): string => ALPHABET.charAt(at & 63)
  return digit(high >> 6) + digit(high) + digit(low >> 6) + digit(low)
}

type Param = TokenScope['params'][number]

function byNameThenValue([name, value]: Param, [otherName, otherValue]: Param): number {
  return compare(name, otherName) || compare(value, otherValue)
}

/** By UTF-16 code units, which no locale changes. */
function compare(text: string, other: string): number {
  if (text < other) return -1
  return text > other ? 1 : 0
}
