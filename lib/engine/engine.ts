/**
 * The claim life cycle: claim, run, record, answer. It knows no HTTP framework and no clock of its
 * own.
 *
 * At most one effect, never a false "it worked", never a false "it did not": a failure that the
 * handler reports is believed, silence is not.
 *
 * @see POE draft 2, appendix A
 */
import { Alarms } from './alarms.js'
import { Attempt, type AttemptTools } from './attempt.js'
import { type ClaimRecord, NoRecord, OwnedRecord, type RecordTools } from './claim-record.js'
import { findingOf, findingOfFailure } from './finding.js'
import type { Finding, Gone, Operation, ResourceRules, Verdict, Work } from './operation.js'
import { Bell } from './outbox/bell.js'
import { OwedWrites } from './owed-writes.js'
import { type Clock, type MakeId, type OnEvent, safeEmitter } from './ports.js'
import { Reconciler } from './reconciler.js'
import type { Claim, ClaimReply, ReadReply, Store, UndecidedRecord } from './store.js'
import { isAnswer, StoreGuard } from './store-guard.js'
import { UndecidedSeen } from './undecided-seen.js'
import { Underway } from './underway.js'
import { type Place, Waiters } from './waiters.js'

const STORE_RETRY_AFTER_MS = 1_000
const CAME_LATE = 'The claim came late to the store, twice.'

/** What is found where there is no record. */
const NO_TRACE: ReadonlySet<Finding['kind']> = new Set(['unspent', 'expired', 'forgotten'])

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

/** Runs each operation at most once. */
export class Engine {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly emit: OnEvent
  /** Rung when messages of the outbox were committed here. */
  readonly bell: Bell = new Bell()
  readonly #options: EngineOptions
  readonly #alarms: Alarms
  readonly #owed: OwedWrites
  /** Apart from the others, so that an outage full of requests leaves room for outcomes. */
  readonly #disowned: OwedWrites
  readonly #waiters: Waiters
  readonly #reconciler: Reconciler
  readonly #undecided: UndecidedSeen
  readonly #underway: Underway
  readonly #tools: AttemptTools & RecordTools
  #closing: Promise<Unfinished> | null = null

  constructor(options: EngineOptions) {
    const { store, clock } = options
    this.#options = options
    this.store = store
    this.emit = safeEmitter(options.onEvent)
    this.#alarms = new Alarms(clock)
    this.guard = new StoreGuard({
      clock,
      alarms: this.#alarms,
      emit: this.emit,
      timeoutMs: Math.max(options.storeTimeoutMs, store.timeoutMs ?? 0),
      probe: withinMs => store.epoch(withinMs),
    })
    this.#owed = new OwedWrites(clock, this.emit)
    this.#disowned = new OwedWrites(clock, this.emit)
    this.#waiters = new Waiters(clock)
    const { bodyLimitBytes } = options
    const { guard, emit } = this
    this.#reconciler = new Reconciler({ store, guard, clock, emit, bodyLimitBytes })
    this.#undecided = new UndecidedSeen(emit)
    this.#underway = new Underway()
    this.#tools = {
      ...options,
      undecided: this.#undecided,
      underway: this.#underway,
      alarms: this.#alarms,
      guard: this.guard,
      emit: this.emit,
      owed: this.#owed,
      bell: this.bell,
      wake: key => this.#waiters.wake(key),
    }
  }

  /** How many writes are still owed to the store. */
  get owedWrites(): number {
    return this.#owed.count + this.#disowned.count
  }

  /**
   * Runs the work if the key is free, else tells what is there; waits for a running twin.
   *
   * @param gone - aborts when the client has left
   */
  async post(operation: Operation, rules: ResourceRules, work: Work, gone: Gone): Promise<Verdict> {
    this.#underway.begin(operation)
    let place: Place | null = null
    let asked = false
    let late = false
    try {
      for (;;) {
        if (gone.aborted) return { kind: 'gone' }
        const owner = this.#options.makeId()
        const sentMs = this.#options.clock.now()
        const claim = this.#claimOf(operation, rules, owner, sentMs)
        let reply: ClaimReply
        try {
          reply = await this.#claim(operation.key, claim, sentMs)
        } catch (cause) {
          this.#disown(operation.key, claim)
          return await this.#withoutStore(operation, rules, work, cause)
        }
        if (reply.state === 'late') {
          if (late) return await this.#withoutStore(operation, rules, work, new Error(CAME_LATE))
          // Our idea of the store's time was off; the reply has put it right.
          late = true
          continue
        }
        late = false
        this.#meet(operation.key, reply)
        if (reply.state === 'claimed') {
          this.emit({ type: 'claimed', key: operation.key, owner })
          const record = new OwnedRecord(this.#tools, operation.key, owner, rules, sentMs)
          const verdict = await this.#run(operation, rules, work, record)
          return verdict ?? (await this.#fromRecord(operation, rules))
        }
        place ??= this.#waiters.place(rules.waitMs, sentMs)
        const finding = findingOf(reply, operation)
        if (reply.state === 'running' && finding.kind === 'running') {
          const waited = await this.#waiters.wait(operation.key, place, gone)
          if (waited === 'gone') return { kind: 'gone' }
          if (waited === 'again') continue
        }
        if (reply.state === 'undecided' && finding.kind === 'undecided' && !asked) {
          asked = true
          if (await this.#wayOut(operation, rules, reply)) continue
        }
        return finding
      }
    } finally {
      this.#underway.end(operation)
    }
  }

  /** Tells what is at a key, without touching it. */
  look(operation: Operation): Promise<Finding> {
    const { key, epoch } = operation
    const found = (reply: ReadReply): Finding => {
      try {
        this.#meet(key, reply)
        return findingOf(reply, operation)
      } catch (cause) {
        return findingOfFailure(cause)
      }
    }
    return this.guard.call(ms => this.store.read(key, epoch, ms)).then(found, findingOfFailure)
  }

  /**
   * Waits for work that is under way, whose leases are kept meanwhile; then tries what is owed to
   * the store once more, and stops background work: the claims of handlers that are at work even
   * then are kept no longer. The store stays open, and calls of it go on to end in time. Called
   * again it gives the same.
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
    const dropped = await Promise.all([this.#owed.close(), this.#disowned.close()])
    this.guard.close()
    return { running, unwritten: dropped.flat() }
  }

  #claim(key: string, claim: Claim, sentMs: number): Promise<ClaimReply> {
    const { guard, store } = this
    return guard.call(ms => store.claim(key, claim, ms), guard.timeoutMs, sentMs)
  }

  /** Whoever meets an undecided record tells of it: its owner may have died without a word. */
  #meet(key: string, reply: ClaimReply | ReadReply): void {
    if (reply.state !== 'undecided') return
    const { owner, sinceMs } = reply
    this.#undecided.announce({ key, owner, sinceMs })
  }

  #claimOf(operation: Operation, rules: ResourceRules, owner: string, sentMs: number): Claim {
    return {
      owner,
      epoch: operation.epoch,
      leaseMs: this.#options.leaseMs,
      claimByMs: this.guard.now(sentMs) + this.guard.timeoutMs,
      tokenExpiresMs: operation.expiresAtMs,
      keepUntilMs: operation.keepUntilMs,
      onSilence: rules.transactional || rules.marks ? 'free' : 'undecided',
      fingerprint: operation.fingerprint,
      principal: operation.principals[0],
      replaces: operation.replaces ?? null,
    }
  }

  /**
   * Takes back a claim that was given up. It may still be on its way to the store, so a release
   * counts only when it was answered after the time at which the store refuses the claim.
   */
  #disown(key: string, { owner, claimByMs }: Claim): void {
    this.#disowned.owe(key, async () => {
      const reply = await this.guard.call(ms => this.store.release(key, owner, ms))
      return reply.nowMs > claimByMs
    })
  }

  /** @returns what to answer; `null` when the record tells it better */
  #run(
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    record: ClaimRecord,
  ): Promise<Verdict | null> {
    return new Attempt(this.#tools, operation.key, rules, work, record).run()
  }

  /**
   * What to tell the owner of a claim that was lost: what the record says, but no go-ahead, and no
   * "it did not happen" after a handler that may have done it.
   */
  async #fromRecord(operation: Operation, rules: ResourceRules): Promise<Finding> {
    const finding = await this.look(operation)
    if (rules.transactional) {
      if (finding.kind !== 'unspent') return finding
      return { kind: 'running', retryAfterMs: STORE_RETRY_AFTER_MS }
    }
    if (!NO_TRACE.has(finding.kind)) return finding
    return { kind: 'undecided', sinceMs: this.guard.now() }
  }

  /** Tries to decide an undecided key; tells whether claiming again is worthwhile. */
  async #wayOut(
    operation: Operation,
    rules: ResourceRules,
    record: UndecidedRecord,
  ): Promise<boolean> {
    const { key } = operation
    if (rules.reconcile !== null) {
      if (await this.#reconciler.ask(key, record.owner, rules.reconcile)) return true
    }
    if (!this.#options.dangerouslyRetryUndecided) return false
    this.emit({ type: 'undecided-retried', key })
    const reply = await this.guard
      .call(ms => this.store.settle(key, record.owner, 'free', ms))
      .catch(() => null)
    return reply !== null
  }

  async #withoutStore(
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    cause: unknown,
  ): Promise<Verdict> {
    const isDown = !isAnswer(cause)
    if (!this.#options.dangerouslyRunUnprotected || rules.transactional || !isDown) {
      return findingOfFailure(cause)
    }
    this.emit({ type: 'unprotected', key: operation.key, cause })
    const record = new NoRecord(this.#alarms, rules.maxRunMs + this.#options.leaseMs)
    // Where there is no record, none tells it better.
    return (await this.#run(operation, rules, work, record)) as Verdict
  }
}
