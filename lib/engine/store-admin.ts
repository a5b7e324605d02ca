/**
 * What a store tells and does for an operator: counts, records without their content, its settings,
 * and another set of secrets. Nothing of it is in the way of a POST.
 *
 * These calls may read all that a store holds, a page or a statement at a time: they are for a
 * person who looks, not for a scraper.
 *
 * @see decision 0035
 */
import type { OnSilence, StoredSecret, StoreTime } from './store-replies.js'

/**
 * What a record is now. `free`: its claim lapsed, and silence meant that nothing happened;
 * `expired`: it is past its `keepUntilMs`. Both wait to be replaced or purged, and count as absent.
 */
export type RecordState = 'running' | 'undecided' | 'spent' | 'free' | 'expired'

/** How many records there are, by state. Times are the store's, in milliseconds. */
export interface StoreCounts extends StoreTime, Readonly<Record<RecordState, number>> {
  /** When the owner fell silent that has been so for longest; `null` where nothing is undecided. */
  readonly oldestUndecidedMs: number | null
  /** The end of the lease that ends first; `null` where nothing is running. */
  readonly nextLapseMs: number | null
}

/** A record, without its body. Times are the store's, in milliseconds. */
export interface StoredRecord {
  /** By what the store knows it, in hexadecimal: a hash of the key, as a rule. */
  readonly id: string
  /** Its key, as it was claimed; `null` where the store keeps only the hash. */
  readonly key: string | null
  readonly state: RecordState
  /** Who claimed it; `null` once it is spent. */
  readonly owner: string | null
  /** The end of the lease; of an undecided record, since when it is. `null` once it is spent. */
  readonly leaseUntilMs: number | null
  /** What a lapsed lease means; `null` once it is spent. */
  readonly onSilence: OnSilence | null
  /** When it may be purged; `null` for never. */
  readonly keepUntilMs: number | null
  /** The outcome's head, short JSON text; `null` where there is none, or it is too long. */
  readonly head: string | null
  /** The length of the body that is kept; `null` for none. */
  readonly bodyBytes: number | null
}

/** Which records are gone through, in pages. */
export interface ScanQuery {
  /** Only those that are this; absent for all. */
  readonly state?: 'running' | 'undecided' | 'spent' | undefined
  /** How many records a page may have, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined
  /** Of the page before; absent or `null` for the first one. */
  readonly cursor?: string | null | undefined
}

/** A page. It may have fewer records than the limit, also none, and yet not be the last. */
export interface ScanReply extends StoreTime {
  readonly records: readonly StoredRecord[]
  /** `null` on the last page. */
  readonly cursor: string | null
}

/** A setting of the store, of its server or its file, and whether it is right. */
export interface StoreSetting {
  readonly name: string
  /** As it is found; `unknown` where it cannot be learnt. */
  readonly value: string
  /** `wrong`: a POST may run twice, or its outcome be lost. `doubtful`: it may be meant so. */
  readonly level: 'right' | 'doubtful' | 'wrong'
  /** What it may cost, and how to mend it; `null` where it is right. */
  readonly advice: string | null
}

/** The operator's part of a store. Every call rejects with a `PoeError` where the store is down. */
export interface StoreAdmin {
  /** Counts all records. */
  count(withinMs?: number): Promise<StoreCounts>
  /** Gives the record of a key, whatever state it is in; `null` where there is none. */
  find(key: string, withinMs?: number): Promise<StoredRecord | null>
  /**
   * Goes through all records: each that is there from the first page to the last comes at least
   * once, and once unless the store says otherwise.
   *
   * @throws TypeError or RangeError where the query makes no sense
   */
  scan(query: ScanQuery, withinMs?: number): Promise<ScanReply>
  /** Looks at what makes the store reliable, or not. */
  settings(withinMs?: number): Promise<readonly StoreSetting[]>
  /**
   * Replaces the secrets that the store keeps, durably.
   *
   * @param expectedIds - the ids that are kept now, in their order
   * @param next - what is kept from then on, the signing one first; at least one
   * @returns whether they were those; if not, nothing is written
   * @throws TypeError where `next` is empty, has one id twice, or what is no secret
   */
  replaceSecrets(expectedIds: readonly string[], next: readonly StoredSecret[]): Promise<boolean>
}
