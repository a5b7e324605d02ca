/**
 * Stores that look, let a moment pass, and write on what they have seen.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OwnerReply, StoredOutcome } from '../../../lib/engine/store.js'
import { type PlainRecord, PlainStore } from './plain-store.js'

/** Writes on what was seen a moment ago. */
class LooksFirst extends PlainStore {
  protected async later(
    key: string,
    record: PlainRecord | null | undefined,
    change: (record: PlainRecord) => void,
  ): Promise<OwnerReply> {
    await nextTurn()
    if (record) {
      change(record)
      this.memory.records.set(key, record)
    }
    return { nowMs: this.now(), state: record ? 'ok' : 'stale' }
  }
}

/** Renews what somebody else may have taken meanwhile. */
export class RenewsWhatItSaw extends LooksFirst {
  override async renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    return this.later(key, this.unspent(key, owner), record => {
      record.leaseUntilMs = this.now() + Math.floor(leaseMs)
    })
  }
}

/** Marks what may be decided meanwhile. */
export class MarksWhatItSaw extends LooksFirst {
  override async mark(key: string, owner: string): Promise<OwnerReply> {
    return this.later(key, this.unspent(key, owner), record => {
      record.onSilence = 'undecided'
    })
  }
}

/** Releases what may be spent meanwhile. */
export class ReleasesWhatItSaw extends LooksFirst {
  override async release(key: string, owner: string): Promise<OwnerReply> {
    const reply = await this.later(key, this.unspent(key, owner), () => {})
    if (reply.state === 'ok') this.memory.records.delete(key)
    return reply
  }
}

/** Completes what may be somebody else's meanwhile. */
export class CompletesWhatItSaw extends LooksFirst {
  override async complete(key: string, owner: string, outcome: StoredOutcome): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    return this.later(key, record?.owner === owner ? record : null, seen => {
      seen.outcome ??= this.copy(outcome)
    })
  }
}

/** Attaches a body to what may be replaced meanwhile. */
export class AttachesToWhatItSaw extends LooksFirst {
  override async attachBody(
    key: string,
    owner: string,
    outcome: StoredOutcome,
  ): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    return this.later(key, record?.outcome && record.owner === owner ? record : null, seen => {
      seen.outcome = this.copy(outcome)
    })
  }
}

/** Decides what its owner may have brought to its end meanwhile. */
export class SettlesWhatItSaw extends LooksFirst {
  readonly #settling = new Set<string>()

  override async settle(
    key: string,
    owner: string,
    verdict: StoredOutcome | 'free',
  ): Promise<OwnerReply> {
    const fault = this.verdictFault(key, owner, verdict)
    if (fault !== null) throw fault
    const nowMs = this.now()
    const record = this.unspent(key, owner)
    const isUndecided = this.look(key, nowMs)?.state === 'undecided'
    if (record === null || !isUndecided || this.#settling.has(key)) return { nowMs, state: 'stale' }
    // Of two operators one counts; the owner is not thought of.
    this.#settling.add(key)
    const reply = await this.later(key, record, () => {})
    this.#settling.delete(key)
    this.decide(key, record, verdict)
    return reply
  }
}
