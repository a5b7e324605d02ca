/**
 * Who makes a claim, as digests: names stay out of stores and logs.
 *
 * @see POE draft 8
 */
import { LRUCache } from 'lru-cache'
import { PoeError } from '../errors.js'
import { principalDigest } from '../protocols/poe/index.js'
import { hearFailure } from './hear-failure.js'

const MOST = 16

/**
 * Digests of those who came lately: a hash for each link would be the dearest part of it. Whoever
 * chooses long names does not choose how much is kept: about 10 MB at most.
 */
const known = new LRUCache<string | number, string>({ max: 10_000 })
const LONGEST_KEPT = 256

/**
 * Digests what an application names a caller by: one identity or several.
 *
 * @returns none where it names nobody: `null`, `undefined` and `''` are that
 * @throws TypeError with code `ERR_POE_PRINCIPAL` as cause for anything else that is no name
 */
export function principalDigests(given: unknown): readonly string[] {
  if (typeof given === 'string' && given !== '') return [digest(given)]
  const all: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (all.length > MOST) throw refusal(`${all.length} identities; at most ${MOST} are allowed`)
  return all.filter(isSomebody).map(digest)
}

function isSomebody(value: unknown): boolean {
  return value !== null && value !== undefined && value !== ''
}

function digest(value: unknown): string {
  if (!isName(value)) {
    hearFailure(value)
    throw refusal(value instanceof Promise ? 'a promise; it must be synchronous' : kind(value))
  }
  if (typeof value === 'string' && value.length > LONGEST_KEPT) return principalDigest(value)
  const found = known.get(value)
  if (found !== undefined) return found
  const made = principalDigest(value)
  known.set(typeof value === 'string' ? apart(value) : value, made)
  return made
}

/** A copy: a part of a field would keep the whole field in memory. */
function apart(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le')
}

function isName(value: unknown): value is string | number {
  return typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))
}

function kind(value: unknown): string {
  return typeof value === 'number' ? String(value) : `a value of type ${typeof value}`
}

function refusal(what: string): TypeError {
  return new TypeError(
    `principal(ctx) gave ${what}. Give a non-empty string or a finite number, or null for nobody.`,
    { cause: new PoeError('ERR_POE_PRINCIPAL') },
  )
}
