/**
 * The records of a memory store: claims, leases, outcomes, and what may go when.
 *
 * Every call is one synchronous step, so nothing of this process runs between its look and its
 * write.
 */
import { randomBytes } from 'node:crypto'
import { answersAtOnce } from '../../engine/at-once.js'
import type {
  Claim,
  ClaimReply,
  ListedRecord,
  ListQuery,
  ListReply,
  OwnerReply,
  ReadReply,
  Store,
  StoreCapabilities,
  StoredOutcome,
  StoredSecret,
  StoreTime,
} from '../../engine/store.js'
import { PoeError } from '../../errors.js'
import {
  claimFault,
  deciderFor,
  leaseFault,
  pageOf,
  purgeLimit,
  verdictFault,
} from '../arguments.js'
import { BodyCache } from './body-cache.js'
import {
  claimedBy,
  EMPTY_BODY,
  Entry,
  type Holder,
  NEVER,
  NO_BODY,
  packSpent,
  type RunningPart,
  unpackSpent,
  wasSpentBy,
} from './entry.js'
import { ExpiryHeap } from './expiry-heap.js'
import { flatCopy } from './flat-text.js'

/** What claims under links that are bound to nobody have as their principal. */
const EVERYBODY = '*'
const EPOCH_BYTES = 9
const EMPTY = new Uint8Array(0)

/** What bounds a memory store. */
export interface MemoryLimits {
  readonly maxRecords: number
  readonly maxPerPrincipal: number
  readonly maxBodyBytes: number
  readonly now: () => number
}

/** A store in this process's memory. */
export class MemoryStore implements Store {
  readonly capabilities: StoreCapabilities = Object.freeze({
    durable: false,
    crossProcess: false,
    transactional: false,
    nativeExpiry: false,
  })
  readonly #limits: MemoryLimits
  readonly #startMs: number
  readonly #entries = new Map<string, Entry>()
  readonly #expiry = new ExpiryHeap<Entry>()
  readonly #holders = new Map<string, Holder>()
  /** Records past their time that somebody was at work on when room was looked for. */
  readonly #overdue = new Set<Entry>()
  readonly #bodies: BodyCache
  #epoch = freshEpoch()
  #secrets: readonly StoredSecret[] | null = null
  #closed = false

  constructor(limits: MemoryLimits) {
    this.#limits = limits
    this.#startMs = Math.floor(limits.now())
    this.#bodies = new BodyCache(limits.maxBodyBytes)
  }

  async claim(key: string, claim: Claim): Promise<ClaimReply> {
    return this.claimNow(key, claim)
  }

  /** As `claim`, but throws what that rejects with. */
  claimNow(key: string, claim: Claim): ClaimReply {
    const fault = claimFault(key, claim)
    if (fault !== null) throw fault
    const nowMs = this.#open()
    const entry = this.#entries.get(key)
    if (entry !== undefined) {
      const found = this.#look(entry, nowMs)
      if (found !== null && !isReplaced(found, claim)) {
        return this.#isOwn(entry, found.state, claim, nowMs) ?? found
      }
    }
    if (nowMs > claim.claimByMs) return { nowMs, state: 'late' }
    if (claim.epoch !== null && claim.epoch !== this.#epoch) return { nowMs, state: 'wrong-epoch' }
    if (claim.tokenExpiresMs !== null && nowMs > claim.tokenExpiresMs) {
      if (entry !== undefined && meansNothing(entry)) this.#remove(entry)
      return { nowMs, state: 'expired' }
    }
    return { nowMs, state: this.#take(key, entry, claim, nowMs) ? 'claimed' : 'full' }
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    const fault = leaseFault(leaseMs)
    if (fault !== null) throw fault
    const nowMs = this.#open()
    const running = this.#runningOf(key, owner)
    if (running !== null) running.leaseUntilMs = nowMs + Math.floor(leaseMs)
    return { nowMs, state: running === null ? 'stale' : 'ok' }
  }

  async mark(key: string, owner: string): Promise<OwnerReply> {
    const nowMs = this.#open()
    const running = this.#runningOf(key, owner)
    if (running !== null) running.onSilence = 'undecided'
    return { nowMs, state: running === null ? 'stale' : 'ok' }
  }

  async complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    return this.completeNow(key, owner, outcome)
  }

  /** As `complete`, but throws what that rejects with. */
  completeNow(key: string, owner: string, outcome: StoredOutcome): OwnerReply {
    const nowMs = this.#open()
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.content === null) return { nowMs, state: 'stale' }
    if (typeof entry.content === 'string') {
      return { nowMs, state: wasSpentBy(entry.content, owner) ? 'ok' : 'stale' }
    }
    if (entry.content.owner !== owner) return { nowMs, state: 'stale' }
    this.#spend(entry, entry.content.fingerprint, owner, outcome)
    return { nowMs, state: 'ok' }
  }

  async confirm(key: string, owner: string): Promise<OwnerReply> {
    const nowMs = this.#open()
    const content = this.#entries.get(key)?.content
    const isOwn = typeof content === 'string' && wasSpentBy(content, owner)
    return { nowMs, state: isOwn ? 'ok' : 'stale' }
  }

  async attachBody(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const nowMs = this.#open()
    const entry = this.#entries.get(key)
    if (typeof entry?.content !== 'string' || !wasSpentBy(entry.content, owner)) {
      return { nowMs, state: 'stale' }
    }
    this.#forgetBody(entry)
    this.#spend(entry, unpackSpent(entry.content).fingerprint, owner, outcome)
    return { nowMs, state: 'ok' }
  }

  async release(key: string, owner: string): Promise<OwnerReply> {
    const nowMs = this.#open()
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#runningOf(key, owner) === null)
      return { nowMs, state: 'stale' }
    this.#remove(entry)
    return { nowMs, state: 'ok' }
  }

  async read(key: string, epoch: string | null): Promise<ReadReply> {
    return this.readNow(key, epoch)
  }

  /** As `read`, but throws what that rejects with. */
  readNow(key: string, epoch: string | null): ReadReply {
    const nowMs = this.#open()
    const entry = this.#entries.get(key)
    const found = entry === undefined ? null : this.#look(entry, nowMs)
    if (found !== null) return found
    return { nowMs, state: epoch === null || epoch === this.#epoch ? 'none' : 'wrong-epoch' }
  }

  async settle(
    key: string,
    expectedOwner: string,
    verdict: StoredOutcome | 'free',
  ): Promise<OwnerReply> {
    const fault = verdictFault(key, expectedOwner, verdict)
    if (fault !== null) throw fault
    const nowMs = this.#open()
    const entry = this.#entries.get(key)
    const running = this.#runningOf(key, expectedOwner)
    const isLapsed = running !== null && running.leaseUntilMs <= nowMs
    if (entry === undefined || !isLapsed || running.onSilence !== 'undecided') {
      return { nowMs, state: 'stale' }
    }
    if (verdict === 'free') this.#remove(entry)
    else this.#spend(entry, running.fingerprint, deciderFor(expectedOwner), verdict)
    return { nowMs, state: 'ok' }
  }

  async list(query: ListQuery): Promise<ListReply> {
    const { before, limit, cursor } = pageOf(query)
    const nowMs = this.#open()
    const records: ListedRecord[] = []
    for (const [key, entry] of this.#entries) {
      if (cursor !== null && key <= cursor) continue
      const found = this.#look(entry, nowMs)
      if (found?.state !== 'undecided' || found.sinceMs >= before) continue
      records.push({ key, owner: found.owner, sinceMs: found.sinceMs })
    }
    records.sort((one, other) => (one.key < other.key ? -1 : 1))
    const last = records.length > limit ? records[limit - 1] : undefined
    return { nowMs, records: records.slice(0, limit), cursor: last?.key ?? null }
  }

  async epoch(): Promise<StoreTime & { readonly epochs: readonly string[] }> {
    return { nowMs: this.#open(), epochs: [this.#epoch] }
  }

  async rotateEpoch(): Promise<void> {
    this.#open()
    this.#epoch = freshEpoch()
  }

  async secrets(proposed: readonly StoredSecret[]): Promise<readonly StoredSecret[]> {
    this.#open()
    if (this.#secrets === null && proposed.length > 0) {
      this.#secrets = proposed.map(({ id, key }) => Object.freeze({ id, key }))
    }
    return this.#secrets ?? []
  }

  async purge(limit: number): Promise<{ readonly removed: number; readonly more: boolean }> {
    const most = purgeLimit(limit)
    const nowMs = this.#open()
    let removed = 0
    while (removed < most && this.#removeExpired(nowMs)) removed += 1
    return { removed, more: this.#mayGo(nowMs) !== null }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#entries.clear()
    this.#holders.clear()
    this.#overdue.clear()
  }

  /** Gives the time, and refuses to work after `close`. */
  #open(): number {
    if (this.#closed) throw new PoeError('ERR_POE_STORE_CLOSED')
    return Math.floor(this.#limits.now())
  }

  /** What a record says now; `null` for one that is free. */
  #look(entry: Entry, nowMs: number) {
    const { content, holder } = entry
    if (content === null) return null
    const isOver = entry.keepUntilMs !== NEVER && nowMs > entry.keepUntilMs + this.#startMs
    if (typeof content === 'string') {
      if (isOver) return null
      const spent = unpackSpent(content)
      const outcome = { head: spent.head, body: this.#bodyOf(entry) }
      const by = claimedBy(holder, spent)
      return { nowMs, state: 'spent', outcome, mark: spent.owner, ...by } as const
    }
    const leaseLeftMs = content.leaseUntilMs - nowMs
    const by = claimedBy(holder, content)
    if (leaseLeftMs > 0) return { nowMs, state: 'running', leaseLeftMs, ...by } as const
    if (content.onSilence === 'free' || isOver) return null
    const { owner, leaseUntilMs: sinceMs } = content
    return { nowMs, state: 'undecided', owner, sinceMs, ...by } as const
  }

  /** A claim that was sent twice: its lease counts anew, but not from later than it could have. */
  #isOwn(entry: Entry, state: string, claim: Claim, nowMs: number): ClaimReply | null {
    const { content } = entry
    if (state !== 'running' || content === null || typeof content === 'string') return null
    if (content.owner !== claim.owner) return null
    const untilMs = Math.min(nowMs, Math.floor(claim.claimByMs)) + Math.floor(claim.leaseMs)
    content.leaseUntilMs = Math.max(content.leaseUntilMs, untilMs)
    return { nowMs, state: 'claimed' }
  }

  /** The record's running part while it is this owner's, lapsed or not. */
  #runningOf(key: string, owner: string): RunningPart | null {
    const content = this.#entries.get(key)?.content
    if (content === undefined || content === null || typeof content === 'string') return null
    return content.owner === owner ? content : null
  }

  #take(key: string, free: Entry | undefined, claim: Claim, nowMs: number): boolean {
    if (free !== undefined && free.holder.principal === claim.principal) {
      // The free record's place is taken over, so that taking it never counts twice.
      this.#remove(free)
    } else {
      if (!this.#hasRoomFor(claim.principal, nowMs)) return false
      // Making room may have taken it already.
      if (free !== undefined && !free.gone) this.#remove(free)
      else if (!this.#makeRoom(nowMs)) return false
    }
    this.#add(key, claim, nowMs)
    return true
  }

  #hasRoomFor(principal: string, nowMs: number): boolean {
    const { maxPerPrincipal } = this.#limits
    const isFull = () => (this.#holders.get(principal)?.records ?? 0) >= maxPerPrincipal
    if (principal === EVERYBODY || !isFull()) return true
    // Whose records have had their time is only known at the heap's top, so take all that have.
    while (isFull() && this.#removeExpired(nowMs));
    return !isFull()
  }

  #makeRoom(nowMs: number): boolean {
    if (this.#entries.size < this.#limits.maxRecords) return true
    return this.#removeExpired(nowMs)
  }

  #add(key: string, claim: Claim, nowMs: number): void {
    const { owner, fingerprint, principal, onSilence } = claim
    const holder = this.#holders.get(principal) ?? { principal: flatCopy(principal), records: 0 }
    if (holder.records === 0) this.#holders.set(holder.principal, holder)
    holder.records += 1
    const keepUntilMs =
      claim.keepUntilMs === null
        ? NEVER
        : Math.max(0, Math.floor(claim.keepUntilMs - this.#startMs))
    const leaseUntilMs = nowMs + Math.floor(claim.leaseMs)
    const part: RunningPart = { owner, fingerprint, leaseUntilMs, onSilence }
    const entry = new Entry(flatCopy(key), holder, keepUntilMs, part)
    this.#entries.set(entry.key, entry)
    if (keepUntilMs !== NEVER) this.#expiry.push(entry)
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.key)
    this.#forgetBody(entry)
    entry.content = null
    entry.holder.records -= 1
    if (entry.holder.records === 0) this.#holders.delete(entry.holder.principal)
    if (entry.keepUntilMs !== NEVER && !this.#overdue.delete(entry)) this.#expiry.noteGone()
  }

  /** A record that is past its time, and that nobody is at work on. */
  #mayGo(nowMs: number): Entry | null {
    for (const entry of this.#overdue) if (!isAtWork(entry, nowMs)) return entry
    while (true) {
      const entry = this.#expiry.peek()
      if (entry === undefined || nowMs <= entry.keepUntilMs + this.#startMs) return null
      if (!isAtWork(entry, nowMs)) return entry
      // Its time stays what it was: it goes as soon as the work is over.
      this.#expiry.pop()
      this.#overdue.add(entry)
    }
  }

  #removeExpired(nowMs: number): boolean {
    const entry = this.#mayGo(nowMs)
    if (entry === null) return false
    if (!this.#overdue.has(entry)) {
      this.#expiry.pop()
      this.#overdue.add(entry)
    }
    this.#remove(entry)
    return true
  }

  #spend(
    entry: Entry,
    fingerprint: string | null,
    owner: string,
    { head, body }: StoredOutcome,
  ): void {
    entry.content = packSpent({ owner, fingerprint, head })
    if (body === null) return
    if (body.byteLength === 0) {
      entry.segment = EMPTY_BODY
      return
    }
    const place = this.#bodies.put(body)
    if (place === null) return
    entry.segment = place.segment
    entry.place = place.place
  }

  #bodyOf(entry: Entry): Uint8Array | null {
    if (entry.segment === NO_BODY) return null
    return entry.segment === EMPTY_BODY ? EMPTY : this.#bodies.get(entry)
  }

  #forgetBody(entry: Entry): void {
    if (entry.segment >= 0) this.#bodies.forget(entry)
    entry.segment = NO_BODY
  }
}

const { claim, claimNow, complete, completeNow, read, readNow } = MemoryStore.prototype
answersAtOnce(claim, claimNow)
answersAtOnce(complete, completeNow)
answersAtOnce(read, readNow)

function isAtWork({ content }: Entry, nowMs: number): boolean {
  return content !== null && typeof content !== 'string' && content.leaseUntilMs > nowMs
}

/** Whether silence about a record means that nothing was done. */
function meansNothing({ content }: Entry): boolean {
  return content !== null && typeof content !== 'string' && content.onSilence === 'free'
}

function isReplaced(found: { state: string; mark?: string }, { replaces }: Claim): boolean {
  return found.state === 'spent' && found.mark === replaces
}

function freshEpoch(): string {
  return randomBytes(EPOCH_BYTES).toString('base64url')
}
