/**
 * A store that is right and does no more than it must, so that each planted fault is one override.
 *
 * Its memory is an object of its own: two stores on one memory stand for two processes.
 */
import { randomBytes } from 'node:crypto'
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
} from '../../../lib/engine/store.js'
import {
  claimFault,
  leaseFault,
  type PageQuery,
  pageOf,
  purgeLimit,
  verdictFault,
} from '../../../lib/stores/arguments.js'

/** A record as a plain store keeps it. */
export interface PlainRecord {
  claim: Claim
  /** `null` once an operator decided. */
  owner: string | null
  leaseUntilMs: number
  onSilence: Claim['onSilence']
  outcome: StoredOutcome | null
}

/** What several plain stores may share. */
export class PlainMemory {
  readonly records = new Map<string, PlainRecord>()
  epoch: string | null = null
  secrets: readonly StoredSecret[] = []

  /** Forgets everything, as an operator's wipe would. */
  wipe(): void {
    this.records.clear()
    this.epoch = null
    this.secrets = []
  }
}

/** What a plain store is made with. */
export interface PlainOptions {
  readonly memory: PlainMemory
  readonly now: () => number
  readonly maxRecords: number
}

/** A correct store, open to faults. */
export class PlainStore implements Store {
  readonly capabilities: StoreCapabilities = {
    durable: true,
    crossProcess: true,
    transactional: false,
    nativeExpiry: false,
  }
  protected readonly memory: PlainMemory
  protected readonly maxRecords: number
  readonly #now: () => number
  #closed = false

  constructor({ memory, now, maxRecords }: PlainOptions) {
    this.memory = memory
    this.maxRecords = maxRecords
    this.#now = now
  }

  async claim(key: string, claim: Claim): Promise<ClaimReply> {
    const fault = this.claimFault(key, claim)
    if (fault !== null) throw fault
    const nowMs = this.now()
    const found = this.look(key, nowMs)
    if (found !== null && !this.isReplaced(found, claim)) {
      const isOwn = found.state === 'running' && this.memory.records.get(key)?.owner === claim.owner
      return isOwn ? this.again(key, claim, nowMs) : found
    }
    const obstacle = this.obstacle(key, claim, nowMs)
    if (obstacle === 'expired') this.endSilent(key)
    if (obstacle !== null) return { nowMs, state: obstacle }
    this.put(key, claim, nowMs)
    return { nowMs, state: 'claimed' }
  }

  async renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    const fault = leaseFault(leaseMs)
    if (fault !== null) throw fault
    const nowMs = this.now()
    const record = this.unspent(key, owner)
    if (record !== null) record.leaseUntilMs = nowMs + Math.floor(leaseMs)
    return { nowMs, state: record === null ? 'stale' : 'ok' }
  }

  async mark(key: string, owner: string): Promise<OwnerReply> {
    const record = this.unspent(key, owner)
    if (record !== null) record.onSilence = 'undecided'
    return { nowMs: this.now(), state: record === null ? 'stale' : 'ok' }
  }

  async complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const nowMs = this.now()
    const record = this.memory.records.get(key)
    if (record === undefined || record.owner !== owner) return { nowMs, state: 'stale' }
    record.outcome ??= this.copy(outcome)
    return { nowMs, state: 'ok' }
  }

  async confirm(key: string, owner: string): Promise<OwnerReply> {
    const nowMs = this.now()
    const record = this.memory.records.get(key)
    const isOwn = record !== undefined && record.outcome !== null && record.owner === owner
    return { nowMs, state: isOwn ? 'ok' : 'stale' }
  }

  async attachBody(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const nowMs = this.now()
    const record = this.memory.records.get(key)
    if (!record?.outcome || record.owner !== owner) return { nowMs, state: 'stale' }
    record.outcome = this.copy(outcome)
    return { nowMs, state: 'ok' }
  }

  async release(key: string, owner: string): Promise<OwnerReply> {
    const isOwn = this.unspent(key, owner) !== null
    if (isOwn) this.memory.records.delete(key)
    return { nowMs: this.now(), state: isOwn ? 'ok' : 'stale' }
  }

  async read(key: string, epoch: string | null): Promise<ReadReply> {
    const nowMs = this.now()
    const found = this.look(key, nowMs)
    if (found !== null) return found
    return { nowMs, state: epoch === null || epoch === this.memory.epoch ? 'none' : 'wrong-epoch' }
  }

  async settle(
    key: string,
    expectedOwner: string,
    verdict: StoredOutcome | 'free',
  ): Promise<OwnerReply> {
    const fault = this.verdictFault(key, expectedOwner, verdict)
    if (fault !== null) throw fault
    const nowMs = this.now()
    const record = this.unspent(key, expectedOwner)
    if (record === null || this.look(key, nowMs)?.state !== 'undecided') {
      return { nowMs, state: 'stale' }
    }
    this.decide(key, record, verdict)
    return { nowMs, state: 'ok' }
  }

  async list(query: ListQuery): Promise<ListReply> {
    return this.page(pageOf(query))
  }

  async epoch(): Promise<{ nowMs: number; epochs: readonly string[] }> {
    const nowMs = this.now()
    this.memory.epoch ??= this.freshEpoch()
    return { nowMs, epochs: [this.memory.epoch] }
  }

  async rotateEpoch(): Promise<void> {
    this.now()
    this.memory.epoch = this.freshEpoch()
  }

  async secrets(proposed: readonly StoredSecret[]): Promise<readonly StoredSecret[]> {
    this.now()
    if (this.memory.secrets.length === 0) this.memory.secrets = proposed
    return this.memory.secrets
  }

  async purge(limit: number): Promise<{ removed: number; more: boolean }> {
    purgeLimit(limit)
    const nowMs = this.now()
    const keys = [...this.memory.records.keys()].filter(key => this.mayGo(key, nowMs))
    for (const key of keys.slice(0, limit)) this.memory.records.delete(key)
    return { removed: Math.min(keys.length, limit), more: keys.length > limit }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  protected claimFault(key: string, claim: Claim): TypeError | null {
    return claimFault(key, claim)
  }

  protected verdictFault(
    key: string,
    owner: string,
    verdict: StoredOutcome | 'free',
  ): TypeError | null {
    return verdictFault(key, owner, verdict)
  }

  /** Whether a list tells of a record. */
  protected isListed(key: string, before: number, nowMs: number): ListedRecord | null {
    const found = this.look(key, nowMs)
    if (found?.state !== 'undecided' || found.sinceMs >= before) return null
    return { key, owner: found.owner, sinceMs: found.sinceMs }
  }

  protected page({ before, limit, cursor }: PageQuery): ListReply {
    const nowMs = this.now()
    const keys = [...this.memory.records.keys()].sort().filter(key => key > (cursor ?? ''))
    const records = keys.flatMap(key => this.isListed(key, before, nowMs) ?? [])
    const page = records.slice(0, limit)
    return {
      nowMs,
      records: page,
      cursor: records.length > limit ? (page.at(-1)?.key ?? '') : null,
    }
  }

  protected now(): number {
    if (this.#closed) throw new Error('closed')
    return this.#now()
  }

  protected leaseUntil(claim: Claim, nowMs: number): number {
    return nowMs + Math.floor(claim.leaseMs)
  }

  protected freshEpoch(): string {
    return randomBytes(9).toString('base64url')
  }

  protected copy({ head, body }: StoredOutcome): StoredOutcome {
    return { head, body: body && Uint8Array.from(body) }
  }

  protected put(key: string, claim: Claim, nowMs: number): void {
    const { owner, onSilence } = claim
    const leaseUntilMs = this.leaseUntil(claim, nowMs)
    this.memory.records.set(key, { claim, owner, leaseUntilMs, onSilence, outcome: null })
  }

  /** A running claim that came again. */
  protected again(key: string, claim: Claim, nowMs: number): ClaimReply {
    const record = this.memory.records.get(key)
    const untilMs = this.leaseUntil(claim, Math.min(nowMs, claim.claimByMs))
    if (record) record.leaseUntilMs = Math.max(record.leaseUntilMs, untilMs)
    return { nowMs, state: 'claimed' }
  }

  /** Whether a claim takes a spent record's place. */
  protected isReplaced(found: ReadReply, { replaces }: Claim): boolean {
    return found.state === 'spent' && found.mark === replaces
  }

  protected decide(key: string, record: PlainRecord, verdict: StoredOutcome | 'free'): void {
    if (verdict === 'free') {
      this.memory.records.delete(key)
      return
    }
    record.outcome = this.copy(verdict)
    record.owner = `decided for ${record.owner}`
  }

  protected obstacle(
    key: string,
    claim: Claim,
    nowMs: number,
  ): 'late' | 'wrong-epoch' | 'expired' | 'full' | null {
    if (nowMs > claim.claimByMs) return 'late'
    if (claim.epoch !== null && claim.epoch !== this.memory.epoch) return 'wrong-epoch'
    if (nowMs > (claim.tokenExpiresMs ?? nowMs)) return 'expired'
    return this.memory.records.has(key) || this.hasRoom(nowMs) ? null : 'full'
  }

  /** A record that is free by now: its owner is told so, should it come back. */
  protected endSilent(key: string): void {
    const record = this.memory.records.get(key)
    if (record?.outcome === null && record.onSilence === 'free') this.memory.records.delete(key)
  }

  protected hasRoom(nowMs: number): boolean {
    const { records } = this.memory
    if (records.size < this.maxRecords) return true
    for (const key of records.keys()) if (this.mayGo(key, nowMs)) records.delete(key)
    return records.size < this.maxRecords
  }

  protected mayGo(key: string, nowMs: number): boolean {
    const record = this.memory.records.get(key)
    if (record === undefined || this.look(key, nowMs)?.state === 'running') return false
    return nowMs > (record.claim.keepUntilMs ?? nowMs)
  }

  protected isOver(record: PlainRecord, nowMs: number): boolean {
    return nowMs > (record.claim.keepUntilMs ?? nowMs)
  }

  protected unspent(key: string, owner: string): PlainRecord | null {
    const record = this.memory.records.get(key)
    return record === undefined || record.outcome !== null || record.owner !== owner ? null : record
  }

  protected look(key: string, nowMs: number) {
    const record = this.memory.records.get(key)
    if (record === undefined) return null
    const { fingerprint, principal } = record.claim
    const by = { nowMs, fingerprint, principal }
    const { outcome, owner, leaseUntilMs, onSilence } = record
    const leaseLeftMs = outcome === null ? leaseUntilMs - nowMs : 0
    if (leaseLeftMs > 0) return { ...by, state: 'running', leaseLeftMs } as const
    if (this.isOver(record, nowMs)) return null
    if (outcome !== null) {
      return { ...by, state: 'spent', outcome: this.copy(outcome), mark: owner ?? '' } as const
    }
    if (onSilence === 'free') return null
    return { ...by, state: 'undecided', owner: owner ?? '', sinceMs: leaseUntilMs } as const
  }
}
