/**
 * One granted claim, from the moment the handler may run until its outcome is recorded, or it is
 * released, or it has to be left undecided.
 */
import { PoeError } from '../errors.js'
import type { Alarms } from './alarms.js'
import { BodyPump } from './body-pump.js'
import { Lease } from './lease.js'
import type { Operation, Report, ResourceRules, Run, Verdict, Work } from './operation.js'
import { encodeOutcome, type Outcome, type OutcomeBody } from './outcome.js'
import type { OwedWrites } from './owed-writes.js'
import type { Clock, OnEvent } from './ports.js'
import type { OwnerReply, Store, StoreTransaction } from './store.js'
import type { StoreGuard } from './store-guard.js'

const RECORD_PAUSE_MS = 100

/** What attempts of one engine share. Times are milliseconds, sizes bytes. */
export interface AttemptTools {
  readonly store: Store<unknown>
  readonly guard: StoreGuard
  readonly clock: Clock
  readonly alarms: Alarms
  readonly emit: OnEvent
  readonly owed: OwedWrites
  readonly leaseMs: number
  readonly recordForMs: number
  readonly bodyLimitBytes: number
}

/** What one attempt is about. */
export interface AttemptSubject {
  readonly operation: Operation
  readonly rules: ResourceRules
  readonly work: Work
  /** The claim's owner; `null` runs without any protection. */
  readonly owner: string | null
  /** When the claim was sent, by the clock. */
  readonly sentMs: number
}

/** Runs the work of one claim and settles the record. */
export class Attempt {
  readonly #tools: AttemptTools
  readonly #subject: AttemptSubject
  readonly #key: string
  readonly #owner: string
  readonly #tx: StoreTransaction<unknown> | null
  #lease: Lease | null = null
  #marked = false
  /** What pointOfNoReturn() threw: if the handler lets it pass, its effect was never begun. */
  #markFailure: unknown = null
  #abandoned = false

  constructor(tools: AttemptTools, subject: AttemptSubject) {
    this.#tools = tools
    this.#subject = subject
    this.#key = subject.operation.key
    this.#owner = subject.owner ?? ''
    this.#tx = subject.rules.transactional
      ? (tools.store.transaction?.(this.#key, this.#owner) ?? null)
      : null
  }

  /**
   * Runs the work.
   *
   * @param wake - called whenever the key may have been decided, also late
   * @returns what to answer; `null` when the record tells it better
   */
  run(wake: () => void): Promise<Verdict | null> {
    const { owner, sentMs, rules } = this.#subject
    if (owner !== null) this.#lease = this.#takeLease(sentMs)
    const settled = this.#perform().finally(() => {
      this.#lease?.end()
      wake()
    })
    return new Promise((resolve, reject) => {
      const overdue = this.#tools.alarms.set(rules.maxRunMs + this.#tools.leaseMs, () => {
        this.#abandon().then(resolve, reject)
      })
      settled.finally(() => this.#tools.alarms.clear(overdue)).then(resolve, reject)
    })
  }

  #takeLease(sentMs: number): Lease {
    const { store, guard, clock, alarms, emit, leaseMs } = this.#tools
    return new Lease({
      clock,
      alarms,
      leaseMs,
      maxRunMs: this.#subject.rules.maxRunMs,
      sentMs,
      renew: () => guard.call(() => store.renew(this.#key, this.#owner, leaseMs)),
      onLost: cause => emit({ type: 'lease-lost', key: this.#key, cause }),
    })
  }

  /** The handler is still at work long after its time: the client gets an answer, it goes on. */
  async #abandon(): Promise<Verdict> {
    this.#abandoned = true
    if (this.#tx === null) return { kind: 'undecided', sinceMs: this.#tools.guard.now() }
    await this.#rollBack()
    await this.#release()
    return { kind: 'running', retryAfterMs: RECORD_PAUSE_MS }
  }

  async #perform(): Promise<Verdict | null> {
    const { rules, work } = this.#subject
    try {
      const report = await work.perform(this.#runOf())
      const pump = this.#pumpOf(report)
      await pump?.start()
      if (!rules.success(report)) return await this.#refused(report, pump)
      return await this.#succeeded(report, pump)
    } catch (error) {
      return await this.#threw(error)
    }
  }

  #runOf(): Run {
    const lease = this.#lease
    return {
      get signal(): AbortSignal {
        return lease?.signal ?? new AbortController().signal
      },
      tx: this.#tx?.handle ?? null,
      pointOfNoReturn: () => this.#mark(),
    }
  }

  async #mark(): Promise<void> {
    const { store, guard } = this.#tools
    if (!this.#subject.rules.marks) {
      throw new TypeError('pointOfNoReturn() needs a resource with marks: true')
    }
    if (this.#subject.owner === null) return
    this.#marked = true
    try {
      const reply = await guard.call(() => store.mark(this.#key, this.#owner))
      if (reply.state === 'stale') throw new PoeError('ERR_POE_LEASE_LOST')
    } catch (cause) {
      this.#markFailure = cause
      throw cause
    }
  }

  #pumpOf(report: Report): BodyPump | null {
    const { body } = report
    return body.kind === 'stream' ? new BodyPump(body.source, this.#tools.bodyLimitBytes) : null
  }

  async #refused(report: Report, pump: BodyPump | null): Promise<Verdict> {
    await this.#rollBack()
    await this.#release()
    if (pump !== null && report.client !== null) {
      pump.flow(report.client, async () => {}).catch(() => {})
    }
    return { kind: 'refused' }
  }

  async #threw(error: unknown): Promise<Verdict> {
    const { rules, work, owner } = this.#subject
    const free =
      this.#tx !== null ||
      rules.releaseOnThrow ||
      (rules.marks && (!this.#marked || error === this.#markFailure)) ||
      work.isReported(error)
    await this.#rollBack()
    if (free) await this.#release()
    else if (owner !== null) await this.#fallSilent(error)
    return { kind: 'threw', error, free }
  }

  /** Ends the lease now, so that nobody waits for an owner who will not come back. */
  async #fallSilent(cause: unknown): Promise<void> {
    const { store, guard, emit } = this.#tools
    emit({ type: 'undecided', key: this.#key, cause })
    this.#lease?.end()
    // If this does not arrive, the lease runs out by itself.
    await guard.call(() => store.renew(this.#key, this.#owner, 0)).catch(() => {})
  }

  async #succeeded(report: Report, pump: BodyPump | null): Promise<Verdict | null> {
    const outcome = this.#outcomeOf(report)
    const recorded = await this.#record(outcome)
    if (recorded === 'stale') return null
    if (pump !== null && report.client !== null) this.#carry(pump, report.client, outcome)
    return { kind: 'done' }
  }

  #outcomeOf(report: Report): Outcome {
    const { status, fields } = report
    return { status, fields, body: this.#bodyOf(report) }
  }

  #bodyOf(report: Report): OutcomeBody {
    const { guard, emit, bodyLimitBytes } = this.#tools
    const { body } = report
    switch (body.kind) {
      case 'none':
        return { kind: 'none' }
      case 'bytes':
        if (body.bytes.byteLength <= bodyLimitBytes) return { kind: 'kept', bytes: body.bytes }
        emit({ type: 'body-not-kept', key: this.#key })
        return { kind: 'not-kept' }
      case 'stream':
        return { kind: 'pending', untilMs: guard.now() + this.#subject.rules.maxRunMs }
      case 'unreadable':
        emit({ type: 'body-unreadable', key: this.#key, cause: body.cause })
        return { kind: 'not-kept' }
      case 'elsewhere':
        return { kind: 'not-kept' }
    }
  }

  async #record(outcome: Outcome): Promise<'ok' | 'stale' | 'unrecorded'> {
    if (this.#subject.owner === null) return 'unrecorded'
    if (this.#tx !== null) return await this.#commit(this.#tx, outcome)
    const { store, guard, clock, emit, owed, recordForMs } = this.#tools
    const stored = encodeOutcome(outcome)
    const complete = () => guard.call(() => store.complete(this.#key, this.#owner, stored))
    const giveUpMs = clock.now() + recordForMs
    for (;;) {
      try {
        return this.#recorded(await complete())
      } catch (cause) {
        if (clock.now() + RECORD_PAUSE_MS >= giveUpMs) {
          emit({ type: 'unrecorded', key: this.#key, cause })
          owed.owe(this.#key, async () => this.#recorded(await complete(), true) !== null)
          return 'unrecorded'
        }
        await clock.sleep(RECORD_PAUSE_MS)
      }
    }
  }

  #recorded(reply: OwnerReply, late = false): 'ok' | 'stale' {
    const { emit } = this.#tools
    const key = this.#key
    if (reply.state === 'stale') emit({ type: 'stale-completion', key })
    else emit({ type: 'spent', key, late: late || this.#lease?.lost === true })
    return reply.state
  }

  async #commit(tx: StoreTransaction<unknown>, outcome: Outcome): Promise<'ok' | 'stale'> {
    if (this.#abandoned) return 'stale'
    try {
      const reply = await this.#tools.guard.call(() => tx.commit(encodeOutcome(outcome)))
      if (reply.state === 'ok') this.#tools.emit({ type: 'spent', key: this.#key, late: false })
      return reply.state
    } catch {
      // Whether it was committed is what the record says: spent, or free once this arrives.
      await this.#rollBack()
      await this.#release()
      return 'stale'
    }
  }

  #carry(pump: BodyPump, client: NonNullable<Report['client']>, outcome: Outcome): void {
    const keep = async (bytes: Uint8Array | null, cause?: unknown): Promise<void> => {
      if (bytes === null) this.#tools.emit({ type: 'body-not-kept', key: this.#key, cause })
      if (this.#subject.owner === null) return
      const body: OutcomeBody = bytes === null ? { kind: 'not-kept' } : { kind: 'kept', bytes }
      await this.#attach({ ...outcome, body })
    }
    pump.flow(client, bytes => keep(bytes)).catch(cause => keep(null, cause))
  }

  async #attach(outcome: Outcome): Promise<void> {
    const { store, guard, owed } = this.#tools
    const stored = encodeOutcome(outcome)
    const attach = () => guard.call(() => store.attachBody(this.#key, this.#owner, stored))
    try {
      await attach()
    } catch {
      owed.owe(this.#key, async () => (await attach()) !== null)
    }
  }

  async #rollBack(): Promise<void> {
    // The store forgets an open transaction by itself; the release below is what counts.
    await this.#tx?.rollback().catch(() => {})
  }

  async #release(): Promise<void> {
    if (this.#subject.owner === null) return
    const { store, guard, emit, owed } = this.#tools
    this.#lease?.end()
    const release = () => guard.call(() => store.release(this.#key, this.#owner))
    try {
      const reply = await release()
      if (reply.state === 'ok') emit({ type: 'released', key: this.#key })
    } catch {
      owed.owe(this.#key, async () => (await release()) !== null)
    }
  }
}
