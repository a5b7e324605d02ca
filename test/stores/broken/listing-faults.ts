/**
 * Stores with one fault each, in what they list and in what they let be said to them.
 */
import type {
  Claim,
  ListedRecord,
  ListReply,
  OwnerReply,
  StoredOutcome,
} from '../../../lib/engine/store.js'
import type { PageQuery } from '../../../lib/stores/arguments.js'
import { PlainStore } from './plain-store.js'

/** Lists what is at work as well. */
export class ListsWhatRuns extends PlainStore {
  protected override isListed(key: string, before: number, nowMs: number): ListedRecord | null {
    const record = this.memory.records.get(key)
    if (record === undefined || record.outcome !== null || record.onSilence === 'free') return null
    const listed = super.isListed(key, before, nowMs)
    return listed ?? { key, owner: record.owner ?? '', sinceMs: record.leaseUntilMs }
  }
}

/** Lists what was claimed in doubt, and not what was marked later. */
export class OverlooksMarks extends PlainStore {
  protected override isListed(key: string, before: number, nowMs: number): ListedRecord | null {
    const isMarked = this.memory.records.get(key)?.claim.onSilence === 'free'
    return isMarked ? null : super.isListed(key, before, nowMs)
  }
}

/** Goes by places in the list, which move when something before them is settled. */
export class CountsItsPlaces extends PlainStore {
  protected override page({ before, limit, cursor }: PageQuery): ListReply {
    const nowMs = this.now()
    const from = Number(cursor ?? 0)
    const keys = [...this.memory.records.keys()].sort()
    const records = keys.flatMap(key => this.isListed(key, before, nowMs) ?? [])
    const next = from + limit < records.length ? String(from + limit) : null
    return { nowMs, records: records.slice(from, from + limit), cursor: next }
  }
}

/** Gives its first page and no more. */
export class EndsAfterAPage extends PlainStore {
  protected override page(page: PageQuery): ListReply {
    return { ...super.page(page), cursor: null }
  }
}

/** Takes every time for one that is before. */
export class IgnoresBefore extends PlainStore {
  protected override page(page: PageQuery): ListReply {
    return super.page({ ...page, before: Number.POSITIVE_INFINITY })
  }
}

/** Tells who made the key instead of who is silent. */
export class TellsNoOwner extends PlainStore {
  protected override isListed(key: string, before: number, nowMs: number): ListedRecord | null {
    const listed = super.isListed(key, before, nowMs)
    return listed && { ...listed, owner: this.memory.records.get(key)?.claim.principal ?? '' }
  }
}

/** Tells a key as a file system would have it. */
export class FoldsKeys extends PlainStore {
  protected override isListed(key: string, before: number, nowMs: number): ListedRecord | null {
    const listed = super.isListed(key, before, nowMs)
    return listed && { ...listed, key: key.trim() }
  }
}

/** Takes every verdict that is no outcome for "it did not happen". */
export class FreesOnAnyWord extends PlainStore {
  protected override verdictFault(): null {
    return null
  }

  protected override decide(
    key: string,
    record: Parameters<PlainStore['decide']>[1],
    verdict: StoredOutcome | 'free',
  ): void {
    const isOutcome = typeof verdict === 'object' && verdict !== null && 'head' in verdict
    super.decide(key, record, isOutcome ? verdict : 'free')
  }
}

/** Reckons with whatever it is given. */
export class ReckonsWithAnything extends PlainStore {
  protected override claimFault(): null {
    return null
  }
}

/** Keeps fractions of milliseconds, and tells them. */
export class KeepsFractions extends PlainStore {
  protected override leaseUntil(claim: Claim, nowMs: number): number {
    return nowMs + claim.leaseMs
  }

  override async renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    const reply = await super.renew(key, owner, leaseMs)
    const record = this.memory.records.get(key)
    if (reply.state === 'ok' && record) record.leaseUntilMs = reply.nowMs + leaseMs
    return reply
  }
}
