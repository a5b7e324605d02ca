/**
 * What replies of a store have in common, whatever they are about.
 */

/** The time by the store's clock, on every reply. */
export interface StoreTime {
  readonly nowMs: number
}

/** The answer to a write by an owner: `stale` when the record is not that owner's any more. */
export type OwnerReply = StoreTime & { readonly state: 'ok' | 'stale' }
