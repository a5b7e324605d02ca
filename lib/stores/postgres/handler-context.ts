/**
 * Knows in which handler's transaction code runs: set around the handler, asked by joining pools.
 *
 * Nothing is followed until the first joining pool is made: on Node 20 an `AsyncLocalStorage` that
 * is in use costs every promise of the process a little.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { apartBy } from '../../engine/apart.js'
import { followBy } from '../unawaited.js'
import type { HandlerTransaction } from './joined-work.js'

let handlers: AsyncLocalStorage<HandlerTransaction | null> | null = null

/** Follows handlers from now on. */
export function followHandlers(): void {
  handlers ??= new AsyncLocalStorage()
  followBy(() => currentTransaction()?.unawaited ?? null)
  apartBy(work => (currentTransaction() === null ? work() : runAsPartOf(null, work)))
}

/** Whether handlers are followed. */
export function isFollowing(): boolean {
  return handlers !== null
}

/** The transaction of the handler that called, also once it is over; `null` outside of handlers. */
export function currentTransaction(): HandlerTransaction | null {
  return handlers?.getStore() ?? null
}

/**
 * Runs work, and all that it begins, as a part of a handler.
 *
 * @param transaction - the handler's; `null` for what belongs to none
 */
export function runAsPartOf<Result>(
  transaction: HandlerTransaction | null,
  work: () => Result,
): Result {
  return handlers === null ? work() : handlers.run(transaction, work)
}
