/**
 * What the parts of a store's contract have in common.
 */

/** The time by the store's clock, on every reply. */
export interface StoreTime {
  readonly nowMs: number
}

/** The answer to a write by an owner: `stale` when the record is not that owner's any more. */
export type OwnerReply = StoreTime & { readonly state: 'ok' | 'stale' }

/** What a key becomes when its owner's lease lapses. */
export type OnSilence = 'free' | 'undecided'

/** A signing secret as the store keeps it. */
export interface StoredSecret {
  /** Public name, 4 characters of base64url; part of every token. */
  readonly id: string
  /** 256 random bits in base64url. */
  readonly key: string
}
