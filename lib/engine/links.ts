/**
 * Minting links, judging them, and the operations that they name: everything about a token that
 * needs to know the store's memory, and nothing that touches a record.
 *
 * @see POE draft 8, appendix A
 */
import {
  makeNonce,
  mintToken,
  type ParsedToken,
  readToken,
  recordKey,
  type Secret,
  type TokenScope,
  verifyToken,
} from '../protocols/poe/index.js'
import { hearFailure } from './hear-failure.js'
import type { Operation } from './operation.js'
import type { StoreGuard } from './store-guard.js'
import type { StoreSecrets } from './store-secrets.js'

/** A minted token. */
export interface MintedToken {
  readonly token: string
  /** Store time, milliseconds. */
  readonly expiresAtMs: number
}

/**
 * The operation that a token names; or why it names none, and may not reach the store. It is older
 * than anything that is remembered (`past-horizon`); or no secret is known, and the store could not
 * be asked yet (`store-down`).
 */
export type JudgedToken = Operation | 'past-horizon' | 'unverifiable' | 'store-down'

/**
 * Mints a token for a route, without touching the store.
 *
 * @param secrets - knows epoch and secret
 * @param guard - knows the store's time
 * @param scope - what the token is bound to
 * @param lifetimeMs - how long a POST may be begun with it
 * @returns the token, or `null` while the store's memory is not known
 */
export function mint(
  secrets: StoreSecrets,
  guard: StoreGuard,
  scope: TokenScope,
  lifetimeMs: number,
): MintedToken | null {
  const nonce = makeNonce()
  const epoch = secrets.epochOf(recordKey(scope.route, nonce))
  const secret = secrets.signing
  if (epoch === null || secret === null) return null
  const expiresAtMs = Math.floor(guard.now() + lifetimeMs)
  return { token: mintToken({ secret, epoch, expiresAtMs, nonce, scope }), expiresAtMs }
}

/**
 * Judges a token that came with a request.
 *
 * @param token - the path segment, of token shape
 * @param scope - route and parameters where it was presented
 * @param principals - who presents it; any of them may be the one it was minted for
 * @param horizonMs - how long after its expiry a token is still looked up
 * @returns what it is; a promise where the store has to be asked for a secret
 */
export function judge(
  secrets: StoreSecrets,
  guard: StoreGuard,
  token: string,
  scope: Omit<TokenScope, 'principal'>,
  principals: readonly string[],
  horizonMs: number,
): JudgedToken | Promise<JudgedToken> {
  const parsed = readToken(token)
  if (parsed === null) return 'unverifiable'
  const known = secrets.known(parsed.keyId)
  if (known !== null) return judgeBy(known, parsed, scope, principals, guard.now(), horizonMs)
  return secrets.find(parsed.keyId).then((secret): JudgedToken => {
    if (secret === 'unknown') return 'store-down'
    if (secret === null) return 'unverifiable'
    return judgeBy(secret, parsed, scope, principals, guard.now(), horizonMs)
  })
}

function judgeBy(
  secret: Secret,
  parsed: ParsedToken,
  { route, params }: Omit<TokenScope, 'principal'>,
  principals: readonly string[],
  nowMs: number,
  horizonMs: number,
): JudgedToken {
  for (const principal of principals) {
    if (!verifyToken(parsed, secret, { route, params, principal })) continue
    const { epoch, expiresAtMs, nonce } = parsed
    const keepUntilMs = expiresAtMs + horizonMs
    if (nowMs > keepUntilMs) return 'past-horizon'
    return {
      key: recordKey(route, nonce),
      epoch,
      expiresAtMs,
      keepUntilMs,
      principals: [principal],
      comparePrincipal: false,
      fingerprint: null,
    }
  }
  return 'unverifiable'
}

/** What `key(ctx)` of an app-named resource gives: the key, and when the app stops taking it. */
export type AppKey = string | { readonly key: string; readonly expiresAt: Date } | null

const APP_KEY_LIMIT = 512

/**
 * The operation that an application names by itself.
 *
 * @param route - the resource's name
 * @param given - what the application gave
 * @param principals - who asks; at least one
 * @param horizonMs - how long after its expiry a record is kept
 * @throws TypeError where what was given is no key
 */
export function namedOperation(
  route: string,
  given: AppKey,
  principals: readonly string[],
  horizonMs: number,
): JudgedToken {
  if (given === null || given === undefined) return 'unverifiable'
  hearFailure(given)
  const key = typeof given === 'string' ? given : given.key
  const expiresAtMs = typeof given === 'string' ? null : timeOf(given.expiresAt)
  if (typeof key !== 'string' || Number.isNaN(expiresAtMs)) {
    throw new TypeError('key(ctx) must give a string, { key, expiresAt: Date }, or null')
  }
  // Whatever the application takes from the path, a store sees no oversized or odd key.
  if (key === '' || key.length > APP_KEY_LIMIT || hasControl(key)) return 'unverifiable'
  return {
    key: `${encodeURIComponent(route)}=${key}`,
    epoch: null,
    expiresAtMs,
    keepUntilMs: expiresAtMs === null ? null : expiresAtMs + horizonMs,
    principals: principals as Operation['principals'],
    comparePrincipal: true,
    fingerprint: null,
  }
}

function timeOf(date: unknown): number {
  return date instanceof Date ? date.getTime() : Number.NaN
}

function hasControl(text: string): boolean {
  return /[\p{Cc}\p{Cs}]/u.test(text)
}
