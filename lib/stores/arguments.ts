/**
 * Checks that every store makes of what its methods are given, before anything is written: a time
 * that is no number would be a lease without end in one store and an error of SQL in another, and a
 * verdict that nobody knows would free a key.
 */
import { checkMembers, checkNumber, checkText, describe, wholeNumber } from '../engine/checks.js'
import type { Claim, ListQuery, StoredOutcome } from '../engine/store.js'

const PAGE = 100
const LARGEST_PAGE = 1_000
const LATEST_MS = 8_640_000_000_000_000

/** A list's query with its defaults. */
export interface Page {
  /** Store time, milliseconds; infinite for all. */
  readonly before: number
  readonly limit: number
  readonly cursor: string | null
}

/**
 * Looks at a claim; cheap, for it is in the way of every POST.
 *
 * @returns what is wrong with it, or `null`
 */
export function claimFault(key: string, claim: Claim): TypeError | null {
  const { owner, onSilence, leaseMs, claimByMs, tokenExpiresMs, keepUntilMs } = claim
  const isTimed =
    leaseMs >= 0 &&
    Number.isFinite(leaseMs) &&
    Number.isFinite(claimByMs) &&
    (tokenExpiresMs === null || Number.isFinite(tokenExpiresMs)) &&
    (keepUntilMs === null || Number.isFinite(keepUntilMs))
  if (!isTimed) return new TypeError('claim(): its times must be finite numbers, in milliseconds')
  if (onSilence !== 'free' && onSilence !== 'undecided') {
    return new TypeError("claim(): onSilence must be 'free' or 'undecided'")
  }
  return textFault('claim()', key, owner)
}

/**
 * Looks at a renewal.
 *
 * @returns what is wrong with it, or `null`
 */
export function leaseFault(leaseMs: number): TypeError | null {
  if (leaseMs >= 0 && Number.isFinite(leaseMs)) return null
  return new TypeError('renew(): leaseMs must be a finite number, at least 0, in milliseconds')
}

/**
 * Looks at a verdict from outside.
 *
 * @returns what is wrong with it, or `null`
 */
export function verdictFault(
  key: string,
  owner: string,
  verdict: StoredOutcome | 'free',
): TypeError | null {
  const isKnown =
    verdict === 'free' ||
    (typeof verdict === 'object' &&
      verdict !== null &&
      typeof verdict.head === 'string' &&
      (verdict.body === null || verdict.body instanceof Uint8Array))
  if (isKnown) return textFault('settle()', key, owner)
  const wanted = "'free' or an outcome { head, body }"
  return new TypeError(`settle(): the verdict must be ${wanted}, got ${describe(verdict)}`)
}

/**
 * Reads a list's query.
 *
 * @throws TypeError or RangeError that says what is wanted
 */
export function pageOf(query: ListQuery): Page {
  const where = 'list()'
  checkMembers(`${where}: the query`, query, ['state', 'before', 'limit', 'cursor'])
  const { state, before, limit, cursor = null } = query
  if (state !== 'undecided') {
    throw new TypeError(`${where}: state must be 'undecided', got ${describe(state)}`)
  }
  if (before !== undefined) checkNumber(where, 'before', before, 0, LATEST_MS)
  if (cursor !== null) checkText(where, 'cursor', cursor)
  return {
    before: before ?? Number.POSITIVE_INFINITY,
    limit: wholeNumber(where, 'limit', limit, PAGE, 1, LARGEST_PAGE),
    cursor,
  }
}

/**
 * Reads a purge's limit.
 *
 * @returns a whole number, or infinity
 * @throws RangeError where it is no number, or below 0
 */
export function purgeLimit(limit: number): number {
  checkNumber('purge()', 'limit', limit, 0, Number.POSITIVE_INFINITY)
  return Math.floor(limit)
}

/** Says that a cursor is none that this store has given. */
export function strangeCursor(): TypeError {
  return new TypeError('list(): the cursor is none that this store has given')
}

function textFault(where: string, key: string, owner: string): TypeError | null {
  if (typeof key !== 'string' || key === '') return new TypeError(`${where}: there is no key`)
  if (typeof owner === 'string' && owner !== '') return null
  return new TypeError(`${where}: there is no owner`)
}
