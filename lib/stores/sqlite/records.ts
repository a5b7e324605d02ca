/**
 * What the store contract's writes and reads are in SQL, on one connection.
 *
 * Every method is synchronous. Those that write must run inside a transaction that holds the write
 * lock (`BEGIN IMMEDIATE`), so that nothing changes between their look and their write, here or in
 * another process.
 */
import type {
  Claim,
  ClaimReply,
  ListedRecord,
  ListReply,
  OnSilence,
  OwnerReply,
  ReadReply,
  StoredOutcome,
  StoredSecret,
} from '../../engine/store.js'
import { deciderFor, type PageQuery } from '../arguments.js'
import { restoreHead, shortenHead } from '../head-text.js'
import { prepared, type SqliteDatabase, type SqliteStatement } from './driver.js'
import { hashKey, hashOwner, packText, unpackText } from './packing.js'
import * as sql from './statements.js'

/** How many records of the current time slice a purge looks at; the rest goes with the slice. */
const LOOKED_AT = 1_000

type Packed = Buffer | string

/** The look-up's one row: the parts of a spent record, of a running one, and the epoch. */
type FoundRow = readonly [
  head: string | null,
  body: Buffer | null,
  spentFingerprint: Packed | null,
  spentPrincipal: Packed,
  owner: string | null,
  leaseUntilMs: number,
  onSilence: OnSilence,
  fingerprint: Packed | null,
  principal: Packed,
  epoch: string | null,
  mark: Buffer | null,
  spentKeepUntilMs: number | null,
  keepUntilMs: number | null,
]

/** A record that is not free, as replies tell it. */
type Found = Extract<ReadReply, { readonly state: 'running' | 'spent' | 'undecided' }>

/** The records of one file, seen through one connection. */
export class SqliteRecords {
  readonly #connection: () => SqliteDatabase
  readonly #now: () => number

  /**
   * @param connection - gives the connection, asked at each statement; its file must have been
   *   prepared
   * @param now - the store's clock
   */
  constructor(connection: () => SqliteDatabase, now: () => number) {
    this.#connection = connection
    this.#now = now
  }

  /** The store's time, in whole milliseconds. */
  nowMs(): number {
    return Math.floor(this.#now())
  }

  /**
   * Takes a key if it is free.
   *
   * @param epoch - as read inside this same transaction
   */
  claim(key: string, claim: Claim, epoch: string): ClaimReply {
    const nowMs = this.nowMs()
    const obstacle = obstacleTo(claim, epoch, nowMs)
    if (obstacle === null && this.#take(key, claim, nowMs)) return { nowMs, state: 'claimed' }
    const row = this.#find(key)
    const found = toFound(row, nowMs)
    if (found === null || isReplaced(found, claim)) {
      if (obstacle === 'expired' && row[6] === 'free') this.#run(sql.DROP_CLAIM, key)
      if (obstacle !== null) return { nowMs, state: obstacle }
      // What is left there has had its time, or makes room.
      const { start, whole } = hashKey(key)
      this.#run(sql.DROP_SPENT, start, whole)
      this.#run(sql.DROP_CLAIM, key)
      return { nowMs, state: this.#take(key, claim, nowMs) ? 'claimed' : 'late' }
    }
    if (found.state !== 'running' || row[4] !== claim.owner) return found
    // Sent twice: its lease counts anew, but not from later than the claim may come.
    const untilMs = Math.min(nowMs, Math.floor(claim.claimByMs)) + Math.floor(claim.leaseMs)
    this.#run(sql.PROLONG, untilMs, key, claim.owner)
    return { nowMs, state: 'claimed' }
  }

  /** Sets the owner's lease. */
  renew(key: string, owner: string, leaseMs: number): OwnerReply {
    const nowMs = this.nowMs()
    return this.#reply(nowMs, this.#run(sql.RENEW, nowMs + Math.floor(leaseMs), key, owner))
  }

  /** From here on the owner's silence means doubt. */
  mark(key: string, owner: string): OwnerReply {
    return this.#reply(this.nowMs(), this.#run(sql.MARK, key, owner))
  }

  /** Makes the owner's key spent. */
  complete(key: string, owner: string, outcome: StoredOutcome): OwnerReply {
    const nowMs = this.nowMs()
    const { whole } = hashKey(key)
    const by = hashOwner(owner)
    const { head, body } = outcome
    const moved = this.#run(sql.SPEND, whole, by, shortenHead(head), body, key, owner)
    if (moved) this.#run(sql.DROP_CLAIM, key)
    return moved ? this.#reply(nowMs, true) : this.confirm(key, owner)
  }

  /** Whether this owner spent the key; needs no transaction, being one statement. */
  confirm(key: string, owner: string): OwnerReply {
    const { start, whole } = hashKey(key)
    const found = this.#get(sql.WAS_SPENT_BY, start, whole, hashOwner(owner))
    return this.#reply(this.nowMs(), found !== undefined)
  }

  /** Replaces the outcome of a key that this owner made spent. */
  attachBody(key: string, owner: string, outcome: StoredOutcome): OwnerReply {
    const { start, whole } = hashKey(key)
    const { head, body } = outcome
    return this.#reply(
      this.nowMs(),
      this.#run(sql.REPLACE_OUTCOME, shortenHead(head), body, start, whole, hashOwner(owner)),
    )
  }

  /** Frees the owner's running or undecided key. */
  release(key: string, owner: string): OwnerReply {
    return this.#reply(this.nowMs(), this.#run(sql.RELEASE, key, owner))
  }

  /** Decides an undecided key from outside. */
  settle(key: string, owner: string, verdict: StoredOutcome | 'free'): OwnerReply {
    const nowMs = this.nowMs()
    if (verdict === 'free') {
      return this.#reply(nowMs, this.#run(sql.RELEASE_UNDECIDED, key, owner, nowMs))
    }
    const { whole } = hashKey(key)
    const { head, body } = verdict
    const by = hashOwner(deciderFor(owner))
    const moved = this.#run(sql.SETTLE, whole, by, shortenHead(head), body, key, owner, nowMs)
    if (moved) this.#run(sql.DROP_CLAIM, key)
    return this.#reply(nowMs, moved)
  }

  /** Looks without touching; needs no transaction, being one statement. */
  read(key: string, epoch: string | null): ReadReply {
    const nowMs = this.nowMs()
    const row = this.#find(key)
    const found = toFound(row, nowMs)
    if (found !== null) return found
    return { nowMs, state: epoch === null || epoch === row[9] ? 'none' : 'wrong-epoch' }
  }

  /** Lists undecided records by their keys; needs no transaction, being one statement. */
  list({ before, limit, cursor }: PageQuery): ListReply {
    const nowMs = this.nowMs()
    // Until now at most, and without the moment that is named.
    const lapsedMs = Math.min(nowMs, Math.ceil(before) - 1)
    const rows = this.#all(sql.LIST_UNDECIDED, cursor ?? '', lapsedMs, nowMs, limit + 1)
    const records = (rows as [string, string, number][]).map(
      ([key, owner, sinceMs]): ListedRecord => ({ key, owner, sinceMs }),
    )
    const last = records.length > limit ? records[limit - 1] : undefined
    return { nowMs, records: records.slice(0, limit), cursor: last?.key ?? null }
  }

  /** Whether the key is running, in its lease, and this owner's. */
  isRunning(key: string, owner: string): boolean {
    return this.#get(sql.IS_RUNNING, key, owner, this.nowMs()) !== undefined
  }

  /** Keeps `proposed` if there are no secrets yet, and gives those that there are. */
  secrets(proposed: readonly StoredSecret[]): readonly StoredSecret[] {
    const known = this.#all(sql.SECRETS) as [id: string, key: string][]
    if (known.length > 0) return known.map(([id, key]) => ({ id, key }))
    proposed.forEach(({ id, key }, position) => {
      this.#run(sql.ADD_SECRET, position, id, key)
    })
    return proposed.map(({ id, key }) => ({ id, key }))
  }

  /**
   * Removes up to `limit` records that are past their time. A claim that somebody is at work on
   * stays.
   *
   * @returns how many went, and whether more could
   */
  purge(limit: number): { readonly removed: number; readonly more: boolean } {
    const nowMs = this.nowMs()
    const slice = Math.floor(nowMs / sql.SLICE_MS)
    let removed = this.#change(sql.PURGE_PAST_SLICES, slice, limit)
    removed += this.#change(sql.PURGE_SLICE, slice, LOOKED_AT, nowMs, limit - removed)
    removed += this.#change(sql.PURGE_CLAIMS, nowMs, nowMs, limit - removed)
    const more = this.#get(sql.HAS_EXPIRED, slice, slice, LOOKED_AT, nowMs, nowMs, nowMs)
    return { removed, more: more !== undefined }
  }

  #take(key: string, claim: Claim, nowMs: number): boolean {
    const { owner, leaseMs, onSilence, keepUntilMs, fingerprint, principal } = claim
    const { start, whole } = hashKey(key)
    const print = fingerprint === null ? null : packText(fingerprint)
    const untilMs = nowMs + Math.floor(leaseMs)
    const keepMs = keepUntilMs === null ? null : Math.floor(keepUntilMs)
    return this.#run(
      sql.TAKE,
      ...[key, owner, untilMs, onSilence, keepMs, print, packText(principal)],
      ...[start, whole, nowMs],
    )
  }

  #find(key: string): FoundRow {
    const { start, whole } = hashKey(key)
    return this.#get(sql.FIND, start, whole, key) as FoundRow
  }

  #reply(nowMs: number, isDone: boolean): OwnerReply {
    return { nowMs, state: isDone ? 'ok' : 'stale' }
  }

  #run(text: string, ...values: unknown[]): boolean {
    return this.#change(text, ...values) > 0
  }

  #change(text: string, ...values: unknown[]): number {
    return this.#statement(text).run(...values).changes
  }

  #get(text: string, ...values: unknown[]): unknown {
    return this.#statement(text).get(...values)
  }

  #all(text: string, ...values: unknown[]): unknown[] {
    return this.#statement(text).all(...values)
  }

  #statement(text: string): SqliteStatement {
    return prepared(this.#connection(), text, 'raw')
  }
}

function obstacleTo(
  claim: Claim,
  epoch: string,
  nowMs: number,
): 'late' | 'wrong-epoch' | 'expired' | null {
  if (nowMs > claim.claimByMs) return 'late'
  if (claim.epoch !== null && claim.epoch !== epoch) return 'wrong-epoch'
  if (claim.tokenExpiresMs !== null && nowMs > claim.tokenExpiresMs) return 'expired'
  return null
}

/** What a row says now; `null` for a key that is free. */
function toFound(row: FoundRow, nowMs: number): Found | null {
  const [head, body, spentFingerprint, spentPrincipal] = row
  const [, , , , owner, leaseUntilMs, onSilence, fingerprint, principal] = row
  const [, , , , , , , , , , mark, spentKeepUntilMs, keepUntilMs] = row
  if (head !== null && !isOver(spentKeepUntilMs, nowMs)) {
    const by = claimedBy(spentFingerprint, spentPrincipal)
    const outcome = { head: restoreHead(head), body }
    return { nowMs, state: 'spent', outcome, mark: mark?.toString('hex') ?? '', ...by }
  }
  if (owner === null) return null
  const leaseLeftMs = leaseUntilMs - nowMs
  const by = claimedBy(fingerprint, principal)
  if (leaseLeftMs > 0) return { nowMs, state: 'running', leaseLeftMs, ...by }
  if (onSilence === 'free' || isOver(keepUntilMs, nowMs)) return null
  return { nowMs, state: 'undecided', owner, sinceMs: leaseUntilMs, ...by }
}

function isOver(keepUntilMs: number | null, nowMs: number): boolean {
  return keepUntilMs !== null && nowMs > keepUntilMs
}

function isReplaced(found: Found, { replaces }: Claim): boolean {
  return found.state === 'spent' && found.mark === replaces
}

function claimedBy(fingerprint: Packed | null, principal: Packed) {
  return {
    fingerprint: fingerprint === null ? null : unpackText(fingerprint),
    principal: unpackText(principal),
  }
}
