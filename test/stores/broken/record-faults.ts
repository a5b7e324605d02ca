/**
 * Stores with one fault each, in what they let be done to a record, and in what they forget.
 */
import type {
  Claim,
  ClaimReply,
  OwnerReply,
  ReadReply,
  StoredOutcome,
  StoredSecret,
} from '../../../lib/engine/store.js'
import { PlainMemory, type PlainOptions, type PlainRecord, PlainStore } from './plain-store.js'

/** Lets anybody complete. */
export class CompletesForAnybody extends PlainStore {
  override complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    return super.complete(key, record?.owner ?? owner, outcome)
  }
}

/** Tells everybody that a spent key is theirs. */
export class ConfirmsToAnybody extends PlainStore {
  override async confirm(key: string, owner: string): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    return super.confirm(key, record?.owner ?? owner)
  }
}

/** Takes a claim for its outcome. */
export class ConfirmsClaims extends PlainStore {
  override async confirm(key: string, owner: string): Promise<OwnerReply> {
    const isOwn = this.memory.records.get(key)?.owner === owner
    return { nowMs: this.now(), state: isOwn ? 'ok' : 'stale' }
  }
}

/** Does not know who spent a key. */
export class ConfirmsToNobody extends PlainStore {
  override async confirm(): Promise<OwnerReply> {
    return { nowMs: this.now(), state: 'stale' }
  }
}

/** Lets the last completion count. */
export class CompletesAgain extends PlainStore {
  override complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    if (record?.owner === owner) record.outcome = null
    return super.complete(key, owner, outcome)
  }
}

/** Refuses an owner that comes after its lease. */
export class RefusesLateOwners extends PlainStore {
  override async complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const nowMs = this.now()
    if (this.look(key, nowMs)?.state === 'undecided') return { nowMs, state: 'stale' }
    return super.complete(key, owner, outcome)
  }
}

/** Lets anybody attach a body. */
export class AttachesForAnybody extends PlainStore {
  override attachBody(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    return super.attachBody(key, record?.owner ?? owner, outcome)
  }
}

/** Lets anybody release. */
export class ReleasesForAnybody extends PlainStore {
  override release(key: string, owner: string): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    return super.release(key, record?.owner ?? owner)
  }
}

/** Releases what is spent. */
export class ReleasesSpentKeys extends PlainStore {
  override async release(key: string, owner: string): Promise<OwnerReply> {
    if (this.memory.records.get(key)?.owner === owner) {
      this.memory.records.delete(key)
      return { nowMs: this.now(), state: 'ok' }
    }
    return super.release(key, owner)
  }
}

/** Settles without a look at whose silence it was. */
export class SettlesWithoutCompare extends PlainStore {
  override settle(
    key: string,
    _expectedOwner: string,
    verdict: StoredOutcome | 'free',
  ): Promise<OwnerReply> {
    return super.settle(key, this.memory.records.get(key)?.owner ?? '', verdict)
  }
}

/** Leaves the silent owner in its rights after an operator has decided. */
export class SettlesForTheOwner extends PlainStore {
  protected override decide(key: string, record: PlainRecord, verdict: StoredOutcome | 'free') {
    const { owner } = record
    super.decide(key, record, verdict)
    record.owner = owner
  }
}

/** Keeps bodies as text. */
export class KeepsText extends PlainStore {
  protected override copy({ head, body }: StoredOutcome): StoredOutcome {
    return { head, body: body && Buffer.from(Buffer.from(body).toString('utf8')) }
  }
}

/** Keeps the caller's own buffer. */
export class KeepsTheBuffer extends PlainStore {
  protected override copy(outcome: StoredOutcome): StoredOutcome {
    return outcome
  }
}

/** Takes an empty body for none. */
export class DropsEmptyBodies extends PlainStore {
  protected override copy({ head, body }: StoredOutcome): StoredOutcome {
    return { head, body: body?.byteLength ? Uint8Array.from(body) : null }
  }
}

/** Makes room by dropping the oldest, whatever it is. */
export class EvictsTheOldest extends PlainStore {
  protected override hasRoom(): boolean {
    const { records } = this.memory
    const [oldest] = records.keys()
    if (records.size >= this.maxRecords && oldest !== undefined) records.delete(oldest)
    return true
  }
}

/** Purges what somebody is at work on. */
export class PurgesLiveClaims extends PlainStore {
  protected override mayGo(key: string, nowMs: number): boolean {
    return nowMs > (this.memory.records.get(key)?.claim.keepUntilMs ?? nowMs)
  }
}

/** Purges everything that has an end. */
export class PurgesEarly extends PlainStore {
  protected override mayGo(key: string): boolean {
    return this.memory.records.get(key)?.claim.keepUntilMs !== null
  }
}

/** Comes back empty, under the same epoch. */
export class ForgetsAtRestart extends PlainStore {
  constructor(options: PlainOptions) {
    const memory = new PlainMemory()
    memory.epoch = 'always-same'
    super({ ...options, memory })
  }
}

/** Looks its epoch up once. */
export class CachesTheEpoch extends PlainStore {
  #known: string | null = null

  override async epoch(): Promise<{ nowMs: number; epochs: readonly string[] }> {
    const nowMs = this.now()
    this.#known ??= (await super.epoch()).epochs[0] ?? null
    return { nowMs, epochs: [this.#known ?? ''] }
  }

  protected override obstacle(...args: Parameters<PlainStore['obstacle']>) {
    const [key, claim, nowMs] = args
    const isKnown = claim.epoch === this.#known
    return super.obstacle(key, isKnown ? { ...claim, epoch: null } : claim, nowMs)
  }
}

/** Puts a missing epoch back from what it remembers. */
export class RestoresTheEpoch extends PlainStore {
  #known: string | null = null

  protected override freshEpoch(): string {
    return this.#known ?? super.freshEpoch()
  }

  override async epoch(): Promise<{ nowMs: number; epochs: readonly string[] }> {
    const reply = await super.epoch()
    this.#known = reply.epochs[0] ?? null
    return reply
  }
}

/** Lets the last proposal of secrets win. */
export class TakesTheLastSecrets extends PlainStore {
  override async secrets(proposed: readonly StoredSecret[]): Promise<readonly StoredSecret[]> {
    this.now()
    if (proposed.length > 0) this.memory.secrets = proposed
    return this.memory.secrets
  }
}

/** Goes on working after it was closed. */
export class StaysOpen extends PlainStore {
  override async close(): Promise<void> {}
}

/** Takes the place of any spent record. */
export class ReplacesWhatever extends PlainStore {
  protected override isReplaced(found: ReadReply, { replaces }: Claim): boolean {
    return found.state === 'spent' && replaces !== null && replaces !== undefined
  }
}

/** Tells a record until somebody purges it. */
export class KeepsPastItsTime extends PlainStore {
  protected override isOver(): boolean {
    return false
  }
}

/** Writes a record anew without its end. */
class LosesEnds extends PlainStore {
  protected endless(key: string, reply: OwnerReply): OwnerReply {
    const record = this.memory.records.get(key)
    if (reply.state === 'ok' && record) record.claim = { ...record.claim, keepUntilMs: null }
    return reply
  }
}

/** Keeps an outcome for ever once its body was attached. */
export class AttachesForEver extends LosesEnds {
  override async attachBody(...args: Parameters<PlainStore['attachBody']>): Promise<OwnerReply> {
    return this.endless(args[0], await super.attachBody(...args))
  }
}

/** Keeps for ever what an operator decided. */
export class SettlesForEver extends LosesEnds {
  override async settle(...args: Parameters<PlainStore['settle']>): Promise<OwnerReply> {
    return this.endless(args[0], await super.settle(...args))
  }
}

/** Keeps for ever what was marked. */
export class MarksForEver extends LosesEnds {
  override async mark(...args: Parameters<PlainStore['mark']>): Promise<OwnerReply> {
    return this.endless(args[0], await super.mark(...args))
  }
}

/** Purges lapsed claims whose owner may yet come. */
export class PurgesLapsedClaims extends PlainStore {
  protected override mayGo(key: string, nowMs: number): boolean {
    const record = this.memory.records.get(key)
    return super.mayGo(key, nowMs) || (record !== undefined && this.look(key, nowMs) === null)
  }
}

/** Takes the word of an owner whose claim was released. */
export class CompletesWhatWasReleased extends PlainStore {
  readonly #released = new Map<string, PlainRecord>()

  override async release(key: string, owner: string): Promise<OwnerReply> {
    const record = this.unspent(key, owner)
    if (record !== null) this.#released.set(key, record)
    return super.release(key, owner)
  }

  override complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const record = this.#released.get(key)
    if (record && !this.memory.records.has(key)) this.memory.records.set(key, record)
    return super.complete(key, owner, outcome)
  }
}

/** Forgets who made it where a body is attached. */
export class AttachesWithoutPrincipal extends PlainStore {
  override attachBody(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    if (record) record.claim = { ...record.claim, principal: '' }
    return super.attachBody(key, owner, outcome)
  }
}

/** Tells claims an outcome as it first was. */
export class ClaimsSeeTheFirstOutcome extends PlainStore {
  readonly #first = new Map<string, StoredOutcome>()

  override async claim(key: string, claim: Claim): Promise<ClaimReply> {
    const reply = await super.claim(key, claim)
    if (reply.state !== 'spent') return reply
    const outcome = this.#first.get(reply.mark) ?? reply.outcome
    this.#first.set(reply.mark, outcome)
    return { ...reply, outcome }
  }
}
