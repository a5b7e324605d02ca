/**
 * Signing secrets for link tokens: making, importing, deriving, and the ring that holds them.
 *
 * @see POE draft 8 (links that cannot be guessed)
 */
import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

/** A secret ready for use. */
export interface Secret {
  /** Public name, 4 characters of base64url; part of every token that it signs. */
  readonly id: string
  readonly key: KeyObject
}

/** A secret as a store keeps it. */
export interface PortableSecret {
  /** Public name, 4 characters of base64url. */
  readonly id: string
  /** 256 random bits or more, in base64url without padding. */
  readonly key: string
}

/** Secrets in use: the first signs, all verify. */
export interface Keyring {
  /** The secret that new tokens are signed with. */
  readonly signing: Secret
  /** All of them, the signing one first. */
  readonly secrets: readonly Secret[]
  /** Finds the secret that a token names. */
  find(id: string): Secret | undefined
}

const LEAST_KEY_BYTES = 32

/**
 * Makes a new secret of 256 random bits under a random id, in the form that stores keep.
 *
 * @returns the secret; give it to {@link importSecret} to use it
 */
export function makeSecret(): PortableSecret {
  return { id: randomBytes(3).toString('base64url'), key: randomBytes(32).toString('base64url') }
}

/**
 * Takes a secret out of the form that stores keep.
 *
 * @param stored - what {@link makeSecret} gave
 * @returns the secret, its key out of sight of logs and debuggers
 * @throws TypeError where the id is not 4 characters of base64url, or the key is not base64url of
 *   at least 32 bytes
 */
export function importSecret(stored: PortableSecret): Secret {
  if (!/^[\w-]{4}$/.test(stored.id)) {
    throw new TypeError('A secret id must be 4 characters of base64url')
  }
  const bytes = Buffer.from(stored.key, 'base64url')
  if (bytes.length < LEAST_KEY_BYTES || bytes.toString('base64url') !== stored.key) {
    throw new TypeError(`The key of secret ${stored.id} must be base64url of 32 bytes or more`)
  }
  return { id: stored.id, key: createSecretKey(bytes) }
}

/**
 * Puts a secret back into the form that stores keep, for a store that lost it.
 *
 * @param secret - a secret in use
 * @returns what {@link importSecret} takes
 */
export function exportSecret(secret: Secret): PortableSecret {
  return { id: secret.id, key: secret.key.export().toString('base64url') }
}

/**
 * Derives a secret from text that an operator configured. Key and id are derived apart from each
 * other and from any other use of the same text; the id shows no part of it.
 *
 * @param text - at least 32 bytes of UTF-8, random; the same text gives the same secret everywhere
 * @returns the secret
 * @throws RangeError where the text is shorter, TypeError where there is none
 * @see RFC 5869
 */
export function secretFromText(text: string): Secret {
  if (typeof text !== 'string') {
    throw new TypeError('A secret must be a string; is the variable set that it comes from?')
  }
  if (Buffer.byteLength(text) < LEAST_KEY_BYTES) {
    throw new RangeError('A secret must be at least 32 bytes long; make one at random')
  }
  return {
    id: derive(text, 'secret id', 3).toString('base64url'),
    key: createSecretKey(derive(text, 'secret key', 32)),
  }
}

/**
 * Puts secrets on a ring.
 *
 * @param secrets - the signing one first; retired ones stay until the last token that they signed
 *   is past its life and horizon
 * @returns the ring
 * @throws RangeError for no secrets
 * @throws TypeError for two with one id
 */
export function keyring(secrets: readonly Secret[]): Keyring {
  const [signing] = secrets
  if (signing === undefined) throw new RangeError('At least one secret is needed')
  const byId = new Map(secrets.map(secret => [secret.id, secret]))
  if (byId.size < secrets.length) {
    throw new TypeError('Two secrets have the same id; list each secret once, or replace one')
  }
  return Object.freeze({
    signing,
    secrets: Object.freeze([...secrets]),
    find: (id: string) => byId.get(id),
  })
}

function derive(text: string, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', text, '', `post-once-exactly ${purpose} 1`, bytes))
}
