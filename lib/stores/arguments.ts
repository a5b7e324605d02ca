/**
 * Checks that every store makes of what its methods are given, before anything is written: a time
 * that is no number would be a lease without end in one store and an error of SQL in another, and a
 * verdict that nobody knows would free a key.
 */
import { checkMembers, checkNumber, checkText, describe, wholeNumber } from '../engine/checks.js'
import type { Claim, ListQuery, StoredOutcome, StoredSecret } from '../engine/store.js'
import type { RecordState, ScanQuery } from '../engine/store-admin.js'
import { importSecret } from '../protocols/poe/index.js'

const PAGE = 100
const LARGEST_PAGE = 1_000
const LATEST_MS = 8_640_000_000_000_000

/** A list's query with its defaults. */
export interface PageQuery {
  /** Store time, milliseconds; infinite for all. */
  readonly before: number
  readonly limit: number
  readonly cursor: string | null
}

/** A scan's query with its defaults. */
export interface ScanPage {
  /** `null` for all. */
  readonly state: NonNullable<ScanQuery['state']> | null
  readonly limit: number
  readonly cursor: string | null
}

const SCANNED: readonly unknown[] = ['running', 'undecided', 'spent', null]

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
 * Names whoever decided a record from outside, in the place of the owner that had fallen silent: no
 * owner, and another for each.
 */
export function deciderFor(owner: string): string {
  return `decided for ${owner}`
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
export function pageOf(query: ListQuery): PageQuery {
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
 * Reads a scan's query.
 *
 * @throws TypeError or RangeError that says what is wanted
 */
export function scanPageOf(query: ScanQuery): ScanPage {
  const where = 'scan()'
  checkMembers(`${where}: the query`, query, ['state', 'limit', 'cursor'])
  const { state = null, limit, cursor = null } = query as ScanQuery
  if (!SCANNED.includes(state)) {
    const known = "'running', 'undecided' or 'spent'"
    throw new TypeError(`${where}: state must be ${known}, got ${describe(state)}`)
  }
  if (cursor !== null) checkText(where, 'cursor', cursor)
  return { state, limit: wholeNumber(where, 'limit', limit, PAGE, 1, LARGEST_PAGE), cursor }
}

/**
 * Reads the secrets that replace others.
 *
 * @returns copies
 * @throws TypeError where there is none, one id twice, or one that cannot sign
 */
export function newSecrets(next: readonly StoredSecret[]): readonly StoredSecret[] {
  if (!Array.isArray(next) || next.length === 0)
    throw new TypeError('replaceSecrets(): give one secret at least')
  if (new Set(next.map(({ id }) => id)).size < next.length) {
    throw new TypeError('replaceSecrets(): two secrets have the same id')
  }
  return next.map(given => {
    const secret: unknown = given
    checkMembers('replaceSecrets(): a secret', secret, ['id', 'key'])
    const { id, key } = given
    // One that no process can use would leave all of them without any.
    importSecret({ id, key })
    return { id, key }
  })
}

/** What a claim is that has not been completed, by the store's time. Times are milliseconds. */
export function stateOfClaim(
  claim: {
    readonly leaseUntilMs: number
    readonly meansDoubt: boolean
    readonly keepUntilMs: number | null
  },
  nowMs: number,
): RecordState {
  if (claim.leaseUntilMs > nowMs) return 'running'
  if (isPast(claim.keepUntilMs, nowMs)) return 'expired'
  return claim.meansDoubt ? 'undecided' : 'free'
}

/** Whether a record's time is over. */
export function isPast(keepUntilMs: number | null, nowMs: number): boolean {
  return keepUntilMs !== null && keepUntilMs < nowMs
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
export function strangeCursor(where: string = 'list()'): TypeError {
  return new TypeError(`${where}: the cursor is none that this store has given`)
}

function textFault(where: string, key: string, owner: string): TypeError | null {
  if (typeof key !== 'string' || key === '') return new TypeError(`${where}: there is no key`)
  if (typeof owner === 'string' && owner !== '') return null
  return new TypeError(`${where}: there is no owner`)
}
