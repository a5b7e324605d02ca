/**
 * The store contract: what a memory of claims and outcomes must do, and nothing about how.
 *
 * One record per key. A record is *running* (an owner holds a lease), *spent* (it has an outcome)
 * or *undecided* (its owner fell silent after work that may have had an effect). No record, or a
 * running one whose lease lapsed and whose `onSilence` is `free`, is *free*.
 *
 * Every method is one atomic step of the store. Any of them may reject: the engine then assumes
 * neither that it happened nor that it did not. All times are milliseconds since the Unix epoch by
 * the **store's** clock, which each reply carries as `nowMs`; fractions are dropped. Arguments that
 * make no sense (a time that is no number, an empty key, a verdict that nobody knows) reject with a
 * TypeError or RangeError, and nothing is written.
 *
 * Where a call takes `withinMs`, its caller waits that many milliseconds and no longer: it is the
 * one deadline of the call, and a store has none of its own that is shorter. Left out, the store
 * uses one that is usual for it. A rejection with `ERR_POE_STORE_BUSY` or `ERR_POE_STORE_FULL` is
 * an answer: the store is there, and other keys may do.
 *
 * @see POE draft, appendix A (what enacts the effect and the state change together, durably)
 */
import type { PoeError } from '../errors.js'
import type { NewMessage, OutboxStore } from './outbox/outbox-store.js'
import type { StoreAdmin } from './store-admin.js'
import type { OnSilence, OwnerReply, StoredSecret, StoreTime } from './store-replies.js'

export type { OnSilence, OwnerReply, StoredSecret, StoreTime } from './store-replies.js'

/** What a store can promise, as data; the contract suite proves each one, also when `false`. */
export interface StoreCapabilities {
  /** Survives the death of every process that uses it. */
  readonly durable: boolean
  /** Several processes may share it. */
  readonly crossProcess: boolean
  /** Offers {@link Store.transaction}. */
  readonly transactional: boolean
  /** Removes expired records by itself; `purge` has nothing to do. */
  readonly nativeExpiry: boolean
}

/** A request for the exclusive right to run the POST at a key. */
export interface Claim {
  /** Random id of this attempt; a claim that is sent twice recognises itself by it. */
  readonly owner: string
  /** The epoch that the token was minted in; `null` for a key that belongs to none. */
  readonly epoch: string | null
  /** How long the claim lives without a renewal. */
  readonly leaseMs: number
  /** Store time after which the store must refuse this claim: it was stuck on the way. */
  readonly claimByMs: number
  /** Store time after which no new record is made; `null` for never. */
  readonly tokenExpiresMs: number | null
  /** Store time after which the record may be purged; `null` for never. */
  readonly keepUntilMs: number | null
  /** What a lapsed lease means. */
  readonly onSilence: OnSilence
  /** SHA-256 of the content, or `null` where the content is not known at claim time. */
  readonly fingerprint: string | null
  /** A digest that names who claims; also the unit of a store's quota. */
  readonly principal: string
  /**
   * The `mark` of a spent record whose place this claim takes: that record, and no other, counts as
   * free. `null` or absent for none.
   */
  readonly replaces?: string | null
}

/**
 * An outcome as the store keeps it. The store looks into neither part. `head` is short JSON text;
 * `body` is the answer's bytes, `null` where none are kept.
 */
export interface StoredOutcome {
  readonly head: string
  readonly body: Uint8Array | null
}

/** What every record tells about the claim that made it. */
export interface ClaimedBy {
  readonly fingerprint: string | null
  readonly principal: string
}

/** The key's owner is at work. */
export interface RunningRecord extends ClaimedBy {
  readonly state: 'running'
  /** What is left of the lease, more than 0. */
  readonly leaseLeftMs: number
}

/** The key has its outcome, for good. */
export interface SpentRecord extends ClaimedBy {
  readonly state: 'spent'
  readonly outcome: StoredOutcome
  /** Names this outcome among all that the key ever has, also one that an operator decided. */
  readonly mark: string
}

/** The owner fell silent; the effect may or may not have happened. */
export interface UndecidedRecord extends ClaimedBy {
  readonly state: 'undecided'
  readonly owner: string
  /** When the lease lapsed. */
  readonly sinceMs: number
}

/** Which records are asked for, in pages. */
export interface ListQuery {
  /** Only undecided records can be listed: they are few, and somebody has to decide them. */
  readonly state: 'undecided'
  /** Store time, milliseconds: those whose owner fell silent before it; absent for all. */
  readonly before?: number | undefined
  /** How many records a page may have, 1 to 1,000. Default 100. */
  readonly limit?: number | undefined
  /** Of the page before; absent or `null` for the first one. */
  readonly cursor?: string | null | undefined
}

/** A record as a list tells it: enough to look at it (`read`) and to decide it (`settle`). */
export interface ListedRecord {
  /** The record's key, as it was claimed. */
  readonly key: string
  readonly owner: string
  /** When the lease lapsed. */
  readonly sinceMs: number
}

/**
 * A page of a list, in no particular order. It may have fewer records than the limit, also none,
 * and yet not be the last: that one has no cursor.
 */
export interface ListReply extends StoreTime {
  readonly records: readonly ListedRecord[]
  readonly cursor: string | null
}

/**
 * The answer to a claim. `late`: it came after `claimByMs`. `expired`: no record, and the token's
 * life is over; a lapsed free one is gone from then on, so that its owner is `stale`.
 * `wrong-epoch`: no record, and the store's memory is not the one that the token was minted in.
 * `full`: no record could be made without forgetting another.
 */
export type ClaimReply = StoreTime &
  (
    | { readonly state: 'claimed' }
    | RunningRecord
    | SpentRecord
    | UndecidedRecord
    | { readonly state: 'wrong-epoch' | 'expired' | 'late' | 'full' }
  )

/** The answer to a read. `none` covers free keys; `wrong-epoch` as for a claim. */
export type ReadReply = StoreTime &
  (RunningRecord | SpentRecord | UndecidedRecord | { readonly state: 'none' | 'wrong-epoch' })

/** A database transaction in which a handler writes and its key becomes spent. */
export interface StoreTransaction<Tx> {
  /** What the handler works with (`ctx.poe.tx`); the transaction begins at its first use. */
  readonly handle: Tx
  /**
   * Makes the key spent and commits both, or nothing. Valid also when `handle` was never used.
   * `stale`: the owner lost the key; everything was rolled back.
   *
   * @param withinMs - for all of it: the commit, and a question to the record where the commit's
   *   answer is lost; the question has as long as any other call, the commit has the rest
   * @throws PoeError `ERR_POE_STORE_DOWN`, `_BUSY`, `_FULL` or `_CLOSED` when it cannot be told
   *   whether the commit took place; anything else means that it was refused, and all is rolled
   *   back. After `rollback` it always throws.
   */
  commit(outcome: StoredOutcome, withinMs?: number): Promise<OwnerReply>
  /** Undoes everything; harmless to repeat; `handle` throws from then on. */
  rollback(withinMs?: number): Promise<void>
  /** Writes a message of the outbox, as a statement of the handler's. Only with an outbox. */
  later?(message: NewMessage): Promise<void>
  /** Whether the handler has begun to use it; left out by a store that does not tell. */
  readonly isUsed?: boolean
  /**
   * What the store, and not the handler's own statement, made of it: a conflict, its time over, an
   * outage. A handler's tool may have wrapped or replaced that error.
   */
  readonly failure?: PoeError | null
  /** Runs the handler, where the store has to know what belongs to it. */
  enclose?<Result>(handler: () => Result): Result
}

/**
 * A store. Implementations: `post-once-exactly/stores/*`; the suite that judges one is
 * `storeContract` in `post-once-exactly/testing`.
 *
 * @typeParam Tx - the type of `ctx.poe.tx`; `never` for a store without transactions
 */
export interface Store<Tx = never> {
  readonly capabilities: StoreCapabilities
  /**
   * How long the engine waits for one call, in milliseconds, where the engine's `storeTimeoutMs`
   * is too short for the store's way of working (sqlite waits for its file lock).
   */
  readonly timeoutMs?: number
  /** Where messages wait that transactions have written; absent where the store keeps none. */
  readonly outbox?: OutboxStore
  /** What it tells and does for an operator; absent where no other process can reach the store. */
  readonly admin?: StoreAdmin

  /**
   * Takes the key if it is free. The order of checks: a record that is not free answers as it is,
   * whatever the epoch; a claim by the recorded running owner is `claimed` again (its lease counts
   * anew, but from `claimByMs` at most, and a mark stays); then `late`, `wrong-epoch`, `expired`,
   * `full`. A record past its `keepUntilMs` that is not running in its lease is gone, purged or
   * not; one that `replaces` names counts as free.
   */
  claim(key: string, claim: Claim, withinMs?: number): Promise<ClaimReply>
  /**
   * Sets the owner's lease to `leaseMs` from now, also a lapsed one that nobody has taken; 0 ends
   * it at once.
   */
  renew(key: string, owner: string, leaseMs: number, withinMs?: number): Promise<OwnerReply>
  /**
   * Durably turns the owner's `onSilence` to `undecided`: from here on silence means doubt. Also
   * after the lease has lapsed, while nobody has taken the key.
   */
  mark(key: string, owner: string, withinMs?: number): Promise<OwnerReply>
  /**
   * Makes the owner's key spent, also after its lease has lapsed, while nobody has taken it.
   * Repeating it as that owner is `ok`, and keeps the first outcome.
   */
  complete(
    key: string,
    owner: string,
    outcome: StoredOutcome,
    withinMs?: number,
  ): Promise<OwnerReply>
  /**
   * Tells whether the outcome that is recorded is this owner's: `ok` where the key is spent and
   * this owner spent it, else `stale`. It changes nothing. Where the owner's transaction is just
   * being committed, it waits for that, in its time, and rejects if it does not learn of the end.
   */
  confirm(key: string, owner: string, withinMs?: number): Promise<OwnerReply>
  /** Replaces the outcome of a key that this owner made spent (a stream's body came to its end). */
  attachBody(
    key: string,
    owner: string,
    outcome: StoredOutcome,
    withinMs?: number,
  ): Promise<OwnerReply>
  /** Frees the owner's running or undecided key; never a spent one. No record is `stale`. */
  release(key: string, owner: string, withinMs?: number): Promise<OwnerReply>
  /** Looks without touching. */
  read(key: string, epoch: string | null, withinMs?: number): Promise<ReadReply>
  /**
   * Decides an undecided key from outside: an outcome, or `free`. Only while it is undecided and
   * still `expectedOwner`'s; else `stale`. Afterwards every write of that owner is `stale`.
   */
  settle(
    key: string,
    expectedOwner: string,
    verdict: StoredOutcome | 'free',
    withinMs?: number,
  ): Promise<OwnerReply>
  /**
   * Lists undecided records, page by page: each that is undecided from the first page to the last
   * comes once; what is decided or becomes undecided meanwhile may or may not. A page costs no more
   * than its limit and the claims that are at work; it never looks at spent records.
   *
   * @throws TypeError or RangeError where the query makes no sense
   */
  list(query: ListQuery, withinMs?: number): Promise<ListReply>

  /**
   * The names of the store's unbroken memory: one, or one per bucket, in a fixed order (see
   * {@link bucketOf}). A missing one is made from fresh randomness, never from what a process
   * remembers. At most 12 characters of base64url each.
   */
  epoch(withinMs?: number): Promise<StoreTime & { readonly epochs: readonly string[] }>
  /** Replaces every epoch: all unspent tokens are void. For an operator who restored a backup. */
  rotateEpoch(): Promise<void>
  /** Keeps `proposed` if the store has no secrets yet, and gives those that it has. */
  secrets(proposed: readonly StoredSecret[], withinMs?: number): Promise<readonly StoredSecret[]>
  /**
   * Removes up to `limit` records that are past their `keepUntilMs`, but none that is running in
   * its lease; never blocks claims long.
   */
  purge(limit: number): Promise<{ readonly removed: number; readonly more: boolean }>
  /** Lets go of what the store opened itself. Calls after it reject. */
  close(): Promise<void>

  /**
   * Opens a transaction for a running claim. Only where `capabilities.transactional`.
   *
   * @param withinMs - how long its beginning may take, and the question after a lost commit
   * @param onUnawaited - told of a statement of the handler's that the end of the transaction has
   *   overtaken; its rejection must not end the process, for nobody may be awaiting it
   */
  transaction?(
    key: string,
    owner: string,
    withinMs?: number,
    onUnawaited?: () => void,
  ): StoreTransaction<Tx>
}

/**
 * Tells which of `count` buckets a key belongs to; minting and stores must agree on it.
 *
 * @param key - a record's key
 * @param count - the number of epochs that the store keeps, at least 1
 * @returns an index from 0 to `count - 1`
 */
export function bucketOf(key: string, count: number): number {
  if (count === 1) return 0
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0) % count
}
