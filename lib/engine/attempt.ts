/**
 * One granted claim, from the moment the handler may run until its outcome is recorded, or it is
 * released, or it has to be left undecided.
 */
import { PoeError } from '../errors.js'
import type { Alarms } from './alarms.js'
import { BodyPump } from './body-pump.js'
import type { ClaimRecord, Released } from './claim-record.js'
import type { Lease } from './lease.js'
import type { Report, ResourceRules, Run, Verdict, Work } from './operation.js'
import type { Outcome, OutcomeBody } from './outcome.js'
import type { OnEvent } from './ports.js'
import type { StoreGuard } from './store-guard.js'

const SOON_MS = 1_000

/** What attempts of one engine share. */
export interface AttemptTools {
  readonly guard: StoreGuard
  readonly alarms: Alarms
  readonly emit: OnEvent
  /** The longest that a claim outlives `maxRunMs`, in milliseconds. */
  readonly leaseMs: number
  readonly bodyLimitBytes: number
}

/** What one attempt is about. */
export interface AttemptSubject {
  readonly key: string
  readonly rules: ResourceRules
  readonly work: Work
  readonly record: ClaimRecord
  /** `null` where there is no claim: the run is not protected. */
  readonly lease: Lease | null
}

/** Runs the work of one claim and settles the record. */
export class Attempt {
  readonly #tools: AttemptTools
  readonly #subject: AttemptSubject
  #marked = false
  /** What pointOfNoReturn() threw: if the handler lets it pass, its effect was never begun. */
  #markFailure: unknown = null

  constructor(tools: AttemptTools, subject: AttemptSubject) {
    this.#tools = tools
    this.#subject = subject
  }

  /**
   * Runs the work.
   *
   * @param wake - called whenever the key may have been decided, also late
   * @returns what to answer; `null` when the record tells it better
   */
  run(wake: () => void): Promise<Verdict | null> {
    const { alarms, leaseMs } = this.#tools
    const { lease, rules } = this.#subject
    return new Promise((resolve, reject) => {
      const overdue = alarms.set(rules.maxRunMs + leaseMs, () => {
        this.#abandon().finally(wake).then(resolve, reject)
      })
      const end = (): void => {
        lease?.end()
        wake()
        alarms.clear(overdue)
      }
      this.#perform().then(
        verdict => {
          end()
          resolve(verdict)
        },
        (error: unknown) => {
          end()
          reject(error)
        },
      )
    })
  }

  /** The handler is still at work long after its time: the client gets an answer, it goes on. */
  async #abandon(): Promise<Verdict> {
    if (this.#subject.record.tx === null) {
      return { kind: 'undecided', sinceMs: this.#tools.guard.now() }
    }
    await this.#release()
    return { kind: 'running', retryAfterMs: SOON_MS }
  }

  async #perform(): Promise<Verdict | null> {
    const { rules, work } = this.#subject
    try {
      const report = await work.perform(new ClaimedRun(this.#subject, () => this.#mark()))
      const pump = this.#pumpOf(report)
      await pump?.start()
      if (!rules.success(report)) {
        const keeps = rules.keepsRefusal?.(report.status) === true
        return keeps ? await this.#kept(report, pump) : await this.#refused(pump)
      }
      return await this.#succeeded(report, pump)
    } catch (error) {
      return await this.#threw(error)
    }
  }

  async #mark(): Promise<void> {
    if (!this.#subject.rules.marks) {
      throw new TypeError('pointOfNoReturn() needs a resource with marks: true')
    }
    this.#marked = true
    try {
      await this.#subject.record.mark()
      this.#markFailure = null
    } catch (cause) {
      this.#markFailure = cause
      throw cause
    }
  }

  /** Whether the store may take this owner's silence for "nothing happened", for want of a mark. */
  get #lacksMark(): boolean {
    return this.#subject.rules.marks && (!this.#marked || this.#markFailure !== null)
  }

  #pumpOf({ body, client }: Report): BodyPump | null {
    if (body.kind !== 'stream') return null
    return new BodyPump(body.source, client, this.#tools.bodyLimitBytes)
  }

  async #refused(pump: BodyPump | null): Promise<Verdict | null> {
    // The key was another's: "it did not happen" may be wrong by now, and the record knows.
    if ((await this.#release()) === 'stale') {
      pump?.drop()
      return null
    }
    pump?.flow(async () => {}).catch(() => {})
    return { kind: 'refused' }
  }

  /** A refusal that every repeat is told as well. */
  async #kept(report: Report, pump: BodyPump | null): Promise<Verdict | null> {
    const { lease, record } = this.#subject
    const outcome = this.#outcomeOf(report)
    lease?.settle()
    if ((await record.keepRefusal(outcome, lease?.lost ?? false)) === 'stale') {
      pump?.drop()
      return null
    }
    if (pump !== null) this.#carry(pump, outcome)
    return { kind: 'refused' }
  }

  async #threw(error: unknown): Promise<Verdict | null> {
    const { rules, work, record } = this.#subject
    const free =
      record.tx !== null ||
      rules.releaseOnThrow ||
      (rules.marks && (!this.#marked || error === this.#markFailure)) ||
      work.isReported(error)
    if (!free) {
      await this.#fallSilent(error)
      return { kind: 'threw', error, free }
    }
    const released = await this.#release()
    // The key is another's by now: the record tells what to answer.
    if (released === 'stale' && work.isReported(error)) return null
    if (error instanceof PoeError && error.code === 'ERR_POE_LEASE_LOST') return null
    if (record.tx === null && error !== this.#markFailure) return { kind: 'threw', error, free }
    return storeVerdict(error) ?? { kind: 'threw', error, free }
  }

  async #release(): Promise<Released> {
    this.#subject.lease?.end()
    return await this.#subject.record.release()
  }

  async #fallSilent(cause: unknown): Promise<void> {
    this.#subject.lease?.end()
    await this.#subject.record.fallSilent(this.#lacksMark, cause)
  }

  async #succeeded(report: Report, pump: BodyPump | null): Promise<Verdict | null> {
    const { lease, record } = this.#subject
    const outcome = this.#outcomeOf(report)
    lease?.settle()
    const recorded = await record.complete(outcome, lease?.lost ?? false)
    // Unrecorded and without a mark, the link may run again: its answer must not be a success.
    if (recorded === 'stale' || (recorded === 'unrecorded' && this.#lacksMark)) {
      pump?.drop()
      return null
    }
    if (pump !== null) this.#carry(pump, outcome)
    return { kind: 'done' }
  }

  #outcomeOf(report: Report): Outcome {
    const { status, fields } = report
    return { status, fields, body: this.#bodyOf(report) }
  }

  #bodyOf({ body }: Report): OutcomeBody {
    const { guard, emit, bodyLimitBytes } = this.#tools
    const { key, rules } = this.#subject
    switch (body.kind) {
      case 'none':
        return { kind: 'none' }
      case 'bytes':
        if (body.bytes.byteLength <= bodyLimitBytes) return { kind: 'kept', bytes: body.bytes }
        emit({ type: 'body-not-kept', key })
        return { kind: 'not-kept' }
      case 'stream':
        return { kind: 'pending', untilMs: guard.now() + rules.maxRunMs }
      case 'unreadable':
        emit({ type: 'body-unreadable', key, cause: body.cause })
        return { kind: 'not-kept' }
      case 'elsewhere':
        return { kind: 'not-kept' }
    }
  }

  #carry(pump: BodyPump, outcome: Outcome): void {
    const { key, record } = this.#subject
    const keep = async (bytes: Uint8Array | null, cause?: unknown): Promise<void> => {
      if (bytes === null) this.#tools.emit({ type: 'body-not-kept', key, cause })
      const body: OutcomeBody = bytes === null ? { kind: 'not-kept' } : { kind: 'kept', bytes }
      await record.attach({ ...outcome, body })
    }
    pump.flow(bytes => keep(bytes)).catch(cause => keep(null, cause))
  }
}

/** What a handler has of its claim. A getter of a class: one made for each run would be dear. */
class ClaimedRun implements Run {
  readonly tx: unknown
  readonly pointOfNoReturn: () => Promise<void>
  readonly #lease: Lease | null

  constructor({ lease, record }: AttemptSubject, pointOfNoReturn: () => Promise<void>) {
    this.tx = record.tx
    this.pointOfNoReturn = pointOfNoReturn
    this.#lease = lease
  }

  get signal(): AbortSignal {
    return this.#lease?.signal ?? new AbortController().signal
  }
}

/**
 * What to answer when the handler let an error of the store pass, after its effect was undone or
 * before it was begun: the store's outage is not the handler's failure.
 *
 * @returns `null` when the error says nothing of the kind
 */
function storeVerdict(error: unknown): Verdict | null {
  if (!(error instanceof PoeError)) return null
  switch (error.code) {
    case 'ERR_POE_STORE_DOWN':
    case 'ERR_POE_TX_CONFLICT':
      return { kind: 'store-down', retryAfterMs: SOON_MS }
    case 'ERR_POE_STORE_FULL':
      return { kind: 'store-full', retryAfterMs: SOON_MS }
    default:
      return null
  }
}
