/**
 * The claim life cycle: claim, run, record, answer. It knows no HTTP framework and no clock of its
 * own.
 *
 * At most one effect, never a false "it worked", never a false "it did not": a failure that the
 * handler reports is believed, silence is not.
 *
 * @see POE draft 2, appendix A
 */

import { ask } from './at-once.js'
import { Deadlines } from './deadlines.js'
import { findingOf, findingOfFailure } from './finding.js'
import type {
  Finding,
  GoneSignal,
  Operation,
  PostVerdict,
  ResourceRules,
  Work,
} from './operation.js'
import { Bell } from './outbox/bell.js'
import { PendingWrites } from './pending-writes.js'
import { type Clock, type MakeId, type OnEvent, safeEmitter } from './ports.js'
import { makeClaim, Posting, type PostingTools } from './posting.js'
import { Promised } from './promised.js'
import { Reconciler } from './reconciler.js'
import type { ClaimReply, ReadReply, Store } from './store.js'
import { StoreCall, StoreGuard } from './store-guard.js'
import { UndecidedSeen } from './undecided-seen.js'
import { Underway } from './underway.js'
import { Waiters } from './waiters.js'

const MIB = 1_048_576
/** What PostgreSQL and its client need for a body that large, three times over. */
const MS_A_MIB = 100

/** Options of an {@link Engine}, complete. Times are milliseconds, sizes bytes. */
export interface EngineOptions {
  readonly store: Store<unknown>
  readonly clock: Clock
  readonly makeId: MakeId
  readonly onEvent: OnEvent | undefined
  readonly leaseMs: number
  readonly storeTimeoutMs: number
  readonly recordForMs: number
  readonly bodyLimitBytes: number
  readonly dangerouslyRunUnprotected: boolean
  readonly dangerouslyRetryUndecided: boolean
}

/** What `close` could not bring to its end: keys of records. */
export interface Unfinished {
  /** Handlers that were still at work; their claims are not kept any longer. */
  readonly running: readonly string[]
  /** Writes that the store did not take: outcomes, and claims that were given up. */
  readonly unwritten: readonly string[]
}

/** How long one call may take; where large bodies are kept, any call may bring one. */
function callMs({ storeTimeoutMs, store, bodyLimitBytes }: EngineOptions): number {
  const largeMs = Math.ceil(Math.max(0, bodyLimitBytes / MIB - 1) * MS_A_MIB)
  return Math.max(storeTimeoutMs, store.timeoutMs ?? 0) + largeMs
}

/** Runs each operation at most once. */
export class Engine {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly emit: OnEvent
  /** Rung when messages of the outbox were committed here. */
  readonly bell: Bell = new Bell()
  readonly #options: EngineOptions
  readonly #deadlines: Deadlines
  readonly #pending: PendingWrites
  /** Apart from the others, so that an outage full of requests leaves room for outcomes. */
  readonly #disowned: PendingWrites
  readonly #undecided: UndecidedSeen
  readonly #underway: Underway
  readonly #tools: PostingTools
  #closing: Promise<Unfinished> | null = null

  constructor(options: EngineOptions) {
    const { store, clock } = options
    this.#options = options
    this.store = store
    this.emit = safeEmitter(options.onEvent)
    this.#deadlines = new Deadlines(clock)
    this.guard = new StoreGuard({
      clock,
      deadlines: this.#deadlines,
      emit: this.emit,
      timeoutMs: callMs(options),
      probe: withinMs => store.epoch(withinMs),
    })
    this.#pending = new PendingWrites(clock, this.emit)
    this.#disowned = new PendingWrites(clock, this.emit)
    const waiters = new Waiters(clock)
    const { bodyLimitBytes } = options
    const { guard, emit } = this
    const reconciler = new Reconciler({ store, guard, clock, emit, bodyLimitBytes })
    this.#undecided = new UndecidedSeen(emit)
    this.#underway = new Underway()
    this.#tools = {
      ...options,
      undecided: this.#undecided,
      underway: this.#underway,
      deadlines: this.#deadlines,
      guard: this.guard,
      emit: this.emit,
      pending: this.#pending,
      disowned: this.#disowned,
      bell: this.bell,
      waiters,
      reconciler,
      wake: key => waiters.wake(key),
      look: operation => this.look(operation),
      meet: (key, reply) => this.#meet(key, reply),
    }
  }

  /** How many writes are still pending for the store. */
  get pendingWrites(): number {
    return this.#pending.count + this.#disowned.count
  }

  /** How many requests are at work, or wait for a twin. */
  get atWork(): number {
    return this.#underway.count
  }

  /** Whether `close` was called. */
  get isClosing(): boolean {
    return this.#closing !== null
  }

  /**
   * Runs the work if the key is free, else tells what is there; waits for a running twin.
   *
   * @param gone - aborts when the client has left
   * @returns at once where neither the store nor the work has to be waited for
   */
  post(
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    gone: GoneSignal,
  ): PostVerdict | Promise<PostVerdict> {
    return Posting.post(this.#tools, operation, rules, work, gone)
  }

  /** Tells what is at a key, without touching it; at once where the store does. */
  look(operation: Operation): Finding | Promise<Finding> {
    const looking = new Looking(this.#tools, operation, this.#now())
    this.guard.start(looking)
    return looking.finding.wait()
  }

  /** As {@link Engine.look}; about what is undecided the application is asked, where it can be. */
  async lookAndAsk(operation: Operation, rules: ResourceRules): Promise<Finding> {
    const finding = await this.look(operation)
    if (finding.kind !== 'undecided' || rules.reconcile === null) return finding
    // It is asked when somebody claims; this claim is given back at once.
    await this.post(operation, rules, NO_WORK, new AbortController().signal)
    return await this.look(operation)
  }

  #now(): number {
    return this.#options.clock.now()
  }

  /**
   * Waits for work that is under way, whose leases are kept meanwhile; then tries what is pending
   * once more, and stops background work: the claims of handlers that are at work even then are
   * kept no longer. The store stays open, and calls of it go on to end in time. Called again it
   * gives the same.
   *
   * @param graceMs - how long the wait may take, in milliseconds; the last tries come after it, and
   *   take one call's time at most
   * @param sleep - measures the grace; the engine's clock where it is left out
   */
  close(graceMs = 5_000, sleep: Clock['sleep'] = this.#options.clock.sleep): Promise<Unfinished> {
    this.#closing ??= this.#close(graceMs, sleep)
    return this.#closing
  }

  async #close(graceMs: number, sleep: Clock['sleep']): Promise<Unfinished> {
    const running = await this.#underway.idle(graceMs, sleep)
    for (const key of running) this.emit({ type: 'unfinished', key })
    const dropped = await Promise.all([this.#pending.close(), this.#disowned.close()])
    this.guard.close()
    return { running, unwritten: dropped.flat() }
  }

  /** Whoever meets an undecided record tells of it: its owner may have died without a word. */
  #meet(key: string, reply: ClaimReply | ReadReply): void {
    if (reply.state !== 'undecided') return
    const { owner, sinceMs } = reply
    this.#undecided.announce({ key, owner, sinceMs })
  }
}

const NOT_WANTED = new Error('Nothing was to be done')
const NO_WORK: Work = {
  perform: () => Promise.reject(NOT_WANTED),
  isReported: error => error === NOT_WANTED,
}

const MEANS_NOTHING = { transactional: true, marks: false } as const

/** One look at a key. */
class Looking extends StoreCall<ReadReply> {
  readonly #tools: PostingTools
  readonly #operation: Operation
  readonly finding: Promised<Finding> = new Promised()

  constructor(tools: PostingTools, operation: Operation, sentMs: number) {
    super(tools.guard.timeoutMs, sentMs)
    this.#tools = tools
    this.#operation = operation
  }

  override send(withinMs: number): ReadReply | Promise<ReadReply> {
    const { store } = this.#tools
    const { key, epoch } = this.#operation
    return ask(store, store.read, key, epoch, withinMs)
  }

  override onReply(reply: ReadReply | ClaimReply): void {
    try {
      this.#tools.meet(this.#operation.key, reply)
      const finding = findingOf(reply, this.#operation)
      if (finding.kind === 'expired' && reply.state === 'none') this.#makeSure()
      else this.finding.resolve(finding)
    } catch (cause) {
      this.onFailure(cause)
    }
  }

  /** Where nothing was done, nobody shall do it late: a claim that comes too late ends theirs. */
  #makeSure(): void {
    const { guard, store, clock } = this.#tools
    const claim = makeClaim(this.#tools, this.#operation, MEANS_NOTHING, clock.now())
    guard
      .call(ms => store.claim(this.#operation.key, { ...claim, tokenExpiresMs: 0 }, ms))
      .then(
        reply => this.onReply(reply),
        cause => this.onFailure(cause),
      )
  }

  override onFailure(cause: unknown): void {
    this.finding.resolve(findingOfFailure(cause))
  }
}
