/**
 * What belongs to no request: what an operator sees and decides, workers, a health check, and an
 * orderly end. It is the same for every server.
 */
import { checkMembers, checkNumber } from './checks.js'
import type { Engine, EngineOptions, Unfinished } from './engine.js'
import type { Reconciled } from './operation.js'
import { Operator } from './operator.js'
import { makeDesk, type OutboxDesk } from './outbox/desk.js'
import {
  makeWorker,
  type OutboxWorker,
  type WorkerOptions,
  type WorkerPlace,
} from './outbox/worker-options.js'
import { type PoeStatus, statusOf } from './status.js'
import type { ListedRecord, ReadReply } from './store.js'
import type { StoreSecrets } from './store-secrets.js'

/** The part of `poe()` that no request has to do with. */
export interface Upkeep<Handlers> {
  /**
   * Tells what is undecided, one record after the other, in no particular order; for operators.
   * Asks the store for 100 at a time, so that a loop may end early and needs little memory.
   *
   * @param wishes - `before`: only those whose owner fell silent before that time
   * @throws TypeError where `before` is no Date; PoeError `ERR_POE_STORE_DOWN`
   */
  undecided(wishes?: { readonly before?: Date | undefined }): AsyncIterable<ListedRecord>
  /**
   * Tells what the store holds at a record's key; for operators.
   *
   * @throws TypeError where `key` is no text; PoeError `ERR_POE_STORE_DOWN`
   */
  inspect(key: string): Promise<ReadReply>
  /**
   * Decides an undecided key from outside; for operators. Takes effect only while the key is
   * undecided and still `expectedOwner`'s. `unknown` writes nothing.
   *
   * @returns whether it took effect
   * @throws TypeError or RangeError where an argument makes no sense: nothing is written then;
   *   PoeError `ERR_POE_STORE_DOWN` when the store does not tell
   */
  settle(key: string, expectedOwner: string, verdict: Reconciled): Promise<boolean>
  /**
   * Tells how it goes, for a health check: asks the store once, in `storeTimeoutMs` at most. It
   * never rejects.
   */
  status(): Promise<PoeStatus>
  /**
   * Makes a worker that delivers the messages of `ctx.poe.later()`; any number of processes may
   * have one. A handler may be called more than once for a message, always with its key.
   *
   * @param handlers - by the names of messages; a worker takes no others
   * @param options - see {@link WorkerOptions}
   * @throws TypeError or RangeError that says what to do; TypeError where the store keeps no outbox
   */
  worker(handlers: Handlers, options?: WorkerOptions): OutboxWorker
  /** What waits to be delivered, and what nobody could deliver; for operators. */
  readonly outbox: OutboxDesk
  /**
   * Ends orderly, after the server has stopped taking requests: waits for handlers that are still
   * at work (of clients that have left) and for workers, keeps their claims meanwhile, and tries
   * once more to write what is pending for the store. The store stays open: whoever made it closes
   * it, after this.
   *
   * @param options - `graceMs`: how long handlers are waited for, in milliseconds; default 5,000
   * @returns what could not be brought to its end, as keys of records
   * @throws RangeError on a malformed `graceMs`
   */
  close(options?: { readonly graceMs?: number }): Promise<Unfinished>
}

/** What an {@link Upkeep} takes from outside. */
export interface UpkeepTools
  extends Pick<WorkerPlace, 'clock' | 'makeId' | 'random' | 'hold' | 'realSleep'> {
  /** A clock that tells fractions of a millisecond. */
  readonly nowMs: () => number
}

/** Makes the part of one `poe()` that no request has to do with. */
export function makeUpkeep<Handlers extends object>(
  engine: Engine,
  secrets: StoreSecrets,
  options: Pick<EngineOptions, 'bodyLimitBytes'> & WorkerPlace['defaults'],
  tools: UpkeepTools,
): Upkeep<Handlers> {
  const { store, guard, emit, bell } = engine
  const { bodyLimitBytes } = options
  const operator = new Operator({ store, emit, bodyLimitBytes, call: send => guard.call(send) })
  const stoppers = new Set<OutboxWorker['stop']>()
  const place = { ...tools, store, guard, emit, bell, defaults: options, stoppers }
  return {
    undecided: wishes => operator.undecided(wishes),
    inspect: key => operator.inspect(key),
    settle: (key, owner, verdict) => operator.settle(key, owner, verdict),
    status: () => statusOf(engine, secrets, tools.nowMs),
    worker: (handlers, given) => makeWorker(place, handlers, given),
    outbox: makeDesk(engine),
    close: given => close(engine, place, given),
  }
}

async function close(
  engine: Engine,
  { stoppers, hold, realSleep }: WorkerPlace,
  given: { readonly graceMs?: number } = {},
): Promise<Unfinished> {
  checkMembers('close(): its argument', given, ['graceMs'])
  const { graceMs = 5_000 } = given as { readonly graceMs?: number }
  checkNumber('close()', 'graceMs', graceMs, 0, 3_600_000)
  const letGo = hold()
  try {
    const stopping = [...stoppers].map(stop => stop({ graceMs }))
    const ended = engine.close(graceMs, realSleep)
    await Promise.all(stopping)
    return await ended
  } finally {
    letGo()
  }
}
