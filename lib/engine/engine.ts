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
import { findingOf } from './finding.js'
import type { Finding, Operation, ResourceRules, Verdict, Work } from './operation.js'
import { OwedWrites } from './owed-writes.js'
import { type Clock, type MakeId, type OnEvent, safeEmitter } from './ports.js'
import { Reconciler } from './reconciler.js'
import { Attempt, type AttemptTools } from './attempt.js'
import type { Claim, ClaimReply, Store, UndecidedRecord } from './store.js'
import { StoreGuard } from './store-guard.js'
import { Waiters } from './waiters.js'

const STORE_RETRY_AFTER_MS = 1_000

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

/** Runs each operation at most once. */
export class Engine {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly emit: OnEvent
  readonly #options: EngineOptions
  readonly #alarms: Alarms
  readonly #owed: OwedWrites
  readonly #waiters: Waiters
  readonly #reconciler: Reconciler
  readonly #tools: AttemptTools

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
      probe: () => store.epoch(),
    })
    this.#owed = new OwedWrites(clock, this.emit)
    this.#waiters = new Waiters(clock)
    this.#reconciler = new Reconciler({ store, guard: this.guard, clock, emit: this.emit })
    this.#tools = {
      ...options,
      alarms: this.#alarms,
      guard: this.guard,
      emit: this.emit,
      owed: this.#owed,
    }
  }

  /** How many writes are still owed to the store. */
  get owedWrites(): number {
    return this.#owed.count
  }

  /**
   * Runs the work if the key is free, else tells what is there; waits for a running twin.
   *
   * @param gone - aborts when the client has left
   */
  async post(
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    gone: AbortSignal,
  ): Promise<Verdict> {
    const place = this.#waiters.place(rules.waitMs)
    let asked = false
    for (;;) {
      if (gone.aborted) return { kind: 'gone' }
      const owner = this.#options.makeId()
      const sentMs = this.#options.clock.now()
      const reply = await this.#claim(operation, rules, owner)
      if (reply.state === 'failed') return this.#withoutStore(operation, rules, work, reply.cause)
      if (reply.state === 'claimed') return this.#run(operation, rules, work, owner, sentMs)
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
  }

  /** Tells what is at a key, without touching it. */
  async look(operation: Operation): Promise<Finding> {
    try {
      const { key, epoch } = operation
      return findingOf(await this.guard.call(() => this.store.read(key, epoch)), operation)
    } catch {
      return { kind: 'store-down', retryAfterMs: STORE_RETRY_AFTER_MS }
    }
  }

  /** Stops background work. The store stays open. */
  close(): void {
    this.guard.close()
    this.#owed.close()
    this.#alarms.close()
  }

  async #claim(
    operation: Operation,
    rules: ResourceRules,
    owner: string,
  ): Promise<ClaimReply | { readonly state: 'failed'; readonly cause: unknown }> {
    const { key } = operation
    let reply: ClaimReply
    try {
      const claim = this.#claimOf(operation, rules, owner)
      reply = await this.guard.call(() => this.store.claim(key, claim))
      // Our idea of the store's time was off; the reply has put it right.
      if (reply.state === 'late') {
        const again = this.#claimOf(operation, rules, owner)
        reply = await this.guard.call(() => this.store.claim(key, again))
      }
    } catch (cause) {
      this.#disown(key, owner)
      return { state: 'failed', cause }
    }
    if (reply.state === 'late') return { state: 'failed', cause: new Error('claim came late') }
    if (reply.state === 'claimed') this.emit({ type: 'claimed', key })
    return reply
  }

  #claimOf(operation: Operation, rules: ResourceRules, owner: string): Claim {
    return {
      owner,
      epoch: operation.epoch,
      leaseMs: this.#options.leaseMs,
      claimByMs: this.guard.now() + this.guard.timeoutMs,
      tokenExpiresMs: operation.expiresAtMs,
      keepUntilMs: operation.keepUntilMs,
      onSilence: rules.transactional || rules.marks ? 'free' : 'undecided',
      fingerprint: operation.fingerprint,
      principal: operation.principals[0],
    }
  }

  /**
   * Takes back a claim that was given up. It may still be on its way to the store, so a release
   * counts only when it was answered after the time at which the store refuses the claim.
   */
  #disown(key: string, owner: string): void {
    const claimByMs = this.guard.now() + this.guard.timeoutMs
    this.#owed.owe(key, async () => {
      const reply = await this.guard.call(() => this.store.release(key, owner))
      return reply.nowMs > claimByMs
    })
  }

  async #run(
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    owner: string,
    sentMs: number,
  ): Promise<Verdict> {
    const attempt = new Attempt(this.#tools, { operation, rules, work, owner, sentMs })
    const wake = () => this.#waiters.wake(operation.key)
    try {
      return (await attempt.run(wake)) ?? (await this.#fromRecord(operation, rules))
    } finally {
      wake()
    }
  }

  /** What to tell the owner of a claim that was lost: what the record says, but no go-ahead. */
  async #fromRecord(operation: Operation, rules: ResourceRules): Promise<Finding> {
    const finding = await this.look(operation)
    if (finding.kind !== 'unspent') return finding
    if (rules.transactional) return { kind: 'running', retryAfterMs: STORE_RETRY_AFTER_MS }
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
      .call(() => this.store.settle(key, record.owner, 'free'))
      .catch(() => null)
    return reply !== null
  }

  async #withoutStore(
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    cause: unknown,
  ): Promise<Verdict> {
    if (!this.#options.dangerouslyRunUnprotected || rules.transactional) {
      return { kind: 'store-down', retryAfterMs: STORE_RETRY_AFTER_MS }
    }
    this.emit({ type: 'unprotected', key: operation.key, cause })
    const attempt = new Attempt(this.#tools, {
      operation,
      rules,
      work,
      owner: null,
      sentMs: this.#options.clock.now(),
    })
    return (await attempt.run(() => {})) ?? { kind: 'done' }
  }
}
