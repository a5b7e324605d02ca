/**
 * Stores with one fault each, in how they claim and how they count time.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Claim, ClaimReply, OwnerReply, ReadReply } from '../../../lib/engine/store.js'
import { PlainStore } from './plain-store.js'

/** Looks, waits, and writes on what it has seen. */
export class LooksThenWrites extends PlainStore {
  override async claim(key: string, claim: Claim): Promise<ClaimReply> {
    const reply = await this.read(key, null)
    await nextTurn()
    if (reply.state !== 'none') return super.claim(key, claim)
    const obstacle = this.obstacle(key, claim, reply.nowMs)
    if (obstacle !== null) return { nowMs: reply.nowMs, state: obstacle }
    this.put(key, claim, reply.nowMs)
    return { nowMs: reply.nowMs, state: 'claimed' }
  }
}

/** Takes a claim that comes twice for a rival's. */
export class ForgetsItsOwnClaim extends PlainStore {
  protected override again(key: string, _claim: Claim, nowMs: number): ClaimReply {
    return this.look(key, nowMs) ?? { nowMs, state: 'late' }
  }
}

/** Writes a claim that comes twice over the first, and so takes the mark back. */
export class ClaimsAfresh extends PlainStore {
  protected override again(key: string, claim: Claim, nowMs: number): ClaimReply {
    this.put(key, claim, nowMs)
    return { nowMs, state: 'claimed' }
  }
}

/** Leaves the lease of a claim that comes twice as the first one set it. */
export class CountsFromTheFirst extends PlainStore {
  protected override again(_key: string, _claim: Claim, nowMs: number): ClaimReply {
    return { nowMs, state: 'claimed' }
  }
}

/** Lets a claim run that was stuck on its way. */
export class IgnoresClaimBy extends PlainStore {
  override claim(key: string, claim: Claim): Promise<ClaimReply> {
    return super.claim(key, { ...claim, claimByMs: Number.POSITIVE_INFINITY })
  }
}

/** Makes records for tokens whose life is over. */
export class IgnoresTokenExpiry extends PlainStore {
  override claim(key: string, claim: Claim): Promise<ClaimReply> {
    return super.claim(key, { ...claim, tokenExpiresMs: null })
  }
}

/** Hides records from tokens of another epoch. */
export class ChecksEpochFirst extends PlainStore {
  override async claim(key: string, claim: Claim): Promise<ClaimReply> {
    const nowMs = this.now()
    if (claim.epoch !== null && claim.epoch !== this.memory.epoch) {
      return { nowMs, state: 'wrong-epoch' }
    }
    return super.claim(key, claim)
  }

  override async read(key: string, epoch: string | null): Promise<ReadReply> {
    const nowMs = this.now()
    if (epoch !== null && epoch !== this.memory.epoch) return { nowMs, state: 'wrong-epoch' }
    return super.read(key, epoch)
  }
}

/** Counts leases in seconds. */
export class CountsSeconds extends PlainStore {
  protected override leaseUntil(claim: Claim, nowMs: number): number {
    return Math.floor(nowMs / 1_000) * 1_000 + Math.round(claim.leaseMs / 1_000) * 1_000
  }
}

/** Keeps a lease alive at the millisecond at which it ends. */
export class EndsLeasesLate extends PlainStore {
  protected override leaseUntil(claim: Claim, nowMs: number): number {
    return nowMs + claim.leaseMs + 1
  }
}

/** Frees a key whose owner fell silent, whatever that may mean. */
export class FreesInDoubt extends PlainStore {
  protected override put(key: string, claim: Claim, nowMs: number): void {
    super.put(key, { ...claim, onSilence: 'free' }, nowMs)
  }
}

/** Lets whoever renews have the key. */
export class RenewTakesOver extends PlainStore {
  override async renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    const record = this.memory.records.get(key)
    if (record !== undefined && record.outcome === null) record.owner = owner
    return super.renew(key, owner, leaseMs)
  }
}

/** Believes that a lapsed lease cannot come back. */
export class RefusesLateRenewal extends PlainStore {
  override async renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    const nowMs = this.now()
    if (this.look(key, nowMs)?.state !== 'running') return { nowMs, state: 'stale' }
    return super.renew(key, owner, leaseMs)
  }
}

/** Lets a claim with the same content in, as if it were the same claim. */
export class LetsTheSameContentIn extends PlainStore {
  override async claim(key: string, claim: Claim): Promise<ClaimReply> {
    const found = this.look(key, this.now())
    const isAlike = found?.fingerprint === claim.fingerprint && claim.fingerprint !== null
    if (found?.state !== 'running' || !isAlike) return super.claim(key, claim)
    this.put(key, claim, found.nowMs)
    return { nowMs: found.nowMs, state: 'claimed' }
  }
}

/** Takes other content for another key. */
export class RunsOtherContent extends PlainStore {
  override async claim(key: string, claim: Claim): Promise<ClaimReply> {
    const found = this.look(key, this.now())
    if (found?.state === 'spent' && found.fingerprint !== claim.fingerprint) {
      this.memory.records.delete(key)
    }
    return super.claim(key, claim)
  }
}

/** Gives the place of a record past its time to anybody. */
export class GivesOldPlacesAway extends PlainStore {
  protected override obstacle(...args: Parameters<PlainStore['obstacle']>) {
    const [key, , nowMs] = args
    const record = this.memory.records.get(key)
    return record !== undefined && this.isOver(record, nowMs) ? null : super.obstacle(...args)
  }
}

/** Takes a mark back with the next renewal. */
export class RenewsWithoutTheMark extends PlainStore {
  override async renew(key: string, owner: string, leaseMs: number): Promise<OwnerReply> {
    const record = this.unspent(key, owner)
    if (record !== null && leaseMs > 0) record.onSilence = record.claim.onSilence
    return super.renew(key, owner, leaseMs)
  }
}

/** Refuses a mark that comes after the lease. */
export class RefusesLateMarks extends PlainStore {
  override async mark(key: string, owner: string): Promise<OwnerReply> {
    const nowMs = this.now()
    if (this.look(key, nowMs)?.state !== 'running') return { nowMs, state: 'stale' }
    return super.mark(key, owner)
  }
}

/** Tells that nothing was done, and lets the silent owner do it afterwards. */
export class LetsSilentOwnersComeBack extends PlainStore {
  protected override endSilent(): void {}
}

/** Looks at the epoch only where no row is. */
export class ReadsLapsedClaimsAsNone extends PlainStore {
  override async read(key: string, epoch: string | null): Promise<ReadReply> {
    return super.read(key, this.memory.records.has(key) ? null : epoch)
  }
}
