/**
 * The outbox as a store keeps it: messages that were written in a handler's transaction, and the
 * atomic steps by which workers deliver them.
 *
 * A message is *waiting* until it is due, *running* while an owner holds a lease on it, and at its
 * end *delivered* or *dead*. A running one whose lease has lapsed is due again. All times are
 * milliseconds by the store's clock, which each reply carries.
 */
import type { OwnerReply, StoreTime } from '../store-replies.js'

/** A message as a handler's transaction writes it. */
export interface NewMessage {
  /** Random; the same in every attempt. */
  readonly key: string
  /** Says which handler delivers it. */
  readonly name: string
  /** JSON text. */
  readonly payload: string
  /** How long after it was written it is due, in milliseconds. */
  readonly delayMs: number
}

/** What a worker asks for. */
export interface TakeQuery {
  /** Only messages of these names; looked at in this order. At least one. */
  readonly names: readonly string[]
  /** Random id of this take; only it may end these attempts. */
  readonly owner: string
  readonly leaseMs: number
  /** How many at most, at least 1. */
  readonly limit: number
}

/** A message that was taken. */
export interface TakenMessage {
  readonly key: string
  readonly name: string
  readonly payload: string
  /** Which attempt this is, from 1. */
  readonly attempt: number
  /** When the first attempt began, by the store's clock. */
  readonly firstMs: number
}

/** The answer to a take: what is the owner's now. */
export interface TakeReply extends StoreTime {
  readonly messages: readonly TakenMessage[]
}

/** How an attempt ended. */
export type AttemptEnd =
  | { readonly verdict: 'delivered' }
  | { readonly verdict: 'again'; readonly delayMs: number; readonly error: string }
  | { readonly verdict: 'dead'; readonly error: string }

/** A message that is tried no more. */
export interface DeadMessage {
  readonly key: string
  readonly name: string
  readonly payload: string
  readonly attempts: number
  /** What the last attempt failed with. */
  readonly error: string
  /** When it died. */
  readonly sinceMs: number
}

/** A page of dead messages, oldest first; the last one has no cursor. */
export interface DeadReply extends StoreTime {
  readonly messages: readonly DeadMessage[]
  readonly cursor: string | null
}

/** How many messages of one name there are that are not delivered. */
export interface MessageCount {
  readonly name: string
  readonly waiting: number
  readonly running: number
  readonly dead: number
  /** When the oldest of those that wait or run was written; `null` where there are none. */
  readonly oldestMs: number | null
}

/** The answer to {@link OutboxStore.counts}. */
export interface CountsReply extends StoreTime {
  readonly counts: readonly MessageCount[]
}

/** The outbox of a store. Every method is one atomic step, and may reject as those of a store. */
export interface OutboxStore {
  /** Takes what is due, the longest waiting of each name first, and gives it to the owner. */
  take(query: TakeQuery, withinMs?: number): Promise<TakeReply>
  /** Sets the owner's lease; `stale` where it has lapsed or is another's. */
  renew(key: string, owner: string, leaseMs: number, withinMs?: number): Promise<OwnerReply>
  /**
   * Ends the owner's attempt, in its lease only; else `stale`, and nothing is changed. Repeated by
   * the same owner it is `ok`, and the first one counts.
   */
  end(key: string, owner: string, end: AttemptEnd, withinMs?: number): Promise<OwnerReply>
  /** Lists dead messages, page by page. */
  dead(limit: number, cursor: string | null, withinMs?: number): Promise<DeadReply>
  /** Makes a dead message due, its attempts counted anew; `stale` where it is not dead. */
  revive(key: string, withinMs?: number): Promise<OwnerReply>
  /** Removes a dead message; `stale` where it is not dead. */
  drop(key: string, withinMs?: number): Promise<OwnerReply>
  /** Counts what is not delivered, by name; costs as much as there is of that. */
  counts(withinMs?: number): Promise<CountsReply>
  /** Removes up to `limit` messages that were delivered more than `keepMs` ago. */
  purge(keepMs: number, limit: number): Promise<number>
}

/** Gives the outbox of a store. @throws TypeError where it keeps none */
export function outboxOf(
  { outbox }: { readonly outbox?: OutboxStore },
  where: string,
): OutboxStore {
  if (outbox !== undefined) return outbox
  throw new TypeError(`${where} needs a store that keeps an outbox: sqliteStore or postgresStore.`)
}
