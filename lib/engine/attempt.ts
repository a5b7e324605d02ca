/**
 * One granted claim, from the moment the handler may run until its outcome is recorded, or it is
 * released, or it has to be left undecided.
 */
import { PoeError } from '../errors.js'
import { BodyPump } from './body-pump.js'
import type { ClaimRecord, RecordListener, RecordResult, Released } from './claim-record.js'
import type { Deadlines } from './deadlines.js'
import { findingOfFailure } from './finding.js'
import type { Overdue } from './lease.js'
import type { PostVerdict, Report, ResourceRules, Run, StoreFinding, Work } from './operation.js'
import type { NewMessage } from './outbox/outbox-store.js'
import { isReport, type Outcome, type OutcomeBody } from './outcome.js'
import type { OnEvent } from './ports.js'
import type { StoreGuard } from './store-guard.js'
import type { Piece, Underway } from './underway.js'
import { Unsaid } from './unsaid.js'

const SOON_MS = 1_000
const AT_END = 'The handler is at its end, and has not succeeded: no effect may begin now.'
const DONE: PostVerdict = Object.freeze({ kind: 'done' })

/** What attempts of one engine share. */
export interface AttemptTools {
  readonly guard: StoreGuard
  readonly deadlines: Deadlines
  readonly emit: OnEvent
  readonly underway: Underway
  readonly bodyLimitBytes: number
  /** Called whenever a key may have been decided. */
  readonly wake: (key: string) => void
}

/** Who is told what became of an attempt: once. */
export interface AttemptListener {
  /** @param verdict - what to answer; `null` when the record tells it better */
  end(verdict: PostVerdict | null): void
  /** @param error - what nobody has foreseen */
  fail(error: unknown): void
}

/** Runs the work of one claim and settles the record; to the work, it is its claim. */
export class Attempt implements Run, Overdue, RecordListener {
  readonly key: string
  readonly #tools: AttemptTools
  readonly #rules: ResourceRules
  readonly #work: Work
  readonly #record: ClaimRecord
  #marked = false
  /** What carries a body that comes in pieces. */
  #pump: BodyPump | null = null
  #outcome: Outcome | null = null
  /** Whether its transaction may be one that was never used. */
  #mayBeEmpty: boolean
  /** The handler is at its end, and its outcome on the way to the store: that is waited for. */
  #recording = false
  /** Set once the client has been answered without the handler. */
  #abandoned: Piece | null = null
  /** Whether a mark is there. */
  #isMarkKept = false
  /** What the first one failed with: if the handler lets it pass, its effect was never begun. */
  #markFailure: unknown = null
  /** The handler ended without a success, though the store may not know it yet. */
  #isLetGo = false
  #listener: AttemptListener | null = null

  constructor(
    tools: AttemptTools,
    key: string,
    rules: ResourceRules,
    work: Work,
    record: ClaimRecord,
  ) {
    this.#tools = tools
    this.key = key
    this.#rules = rules
    this.#work = work
    this.#record = record
    this.#mayBeEmpty = rules.mayBeEmpty === true
  }

  get tx(): unknown {
    return this.#record.tx
  }

  get signal(): AbortSignal {
    return this.#record.signal
  }

  later(message: NewMessage): Promise<void> {
    return this.#record.later(message)
  }

  /**
   * Runs the work.
   *
   * No step of the usual way makes a promise of its own: a handler that succeeds is one call, and
   * so is its record.
   */
  start(listener: AttemptListener): void {
    this.#listener = listener
    this.#record.watch(this)
    try {
      const report = this.#record.enclose(() => this.#work.perform(this))
      if (report instanceof Promise) {
        report.then(
          late => this.#take(late),
          error => this.#later(this.#threw(error)),
        )
      } else this.#take(report)
    } catch (error) {
      this.#later(this.#threw(error))
    }
  }

  /** As {@link start}. */
  run(): Promise<PostVerdict | null> {
    return new Promise((resolve, reject) => this.start({ end: resolve, fail: reject }))
  }

  onOverdue(): void {
    if (this.#recording) return
    const wake = (): void => this.#tools.wake(this.key)
    this.#abandon()
      .finally(wake)
      .then(
        verdict => this.#tell(verdict),
        error => this.#tellError(error),
      )
  }

  /** @internal What became of the outcome, as the record tells it. */
  onRecorded(recorded: RecordResult): void {
    const pump = this.#pump
    if (recorded === 'ok') {
      this.#end(this.#done(pump))
      return
    }
    this.#later(
      this.#isCertain(recorded).then(isCertain => {
        if (isCertain) return this.#done(pump)
        pump?.drop()
        return null
      }),
    )
  }

  /** @internal What the commit failed with. */
  onUnrecorded(error: unknown): void {
    this.#later(this.#threw(error))
  }

  #take(report: Report): void {
    const pump = this.#pumpOf(report)
    this.#pump = pump
    if (pump === null) {
      this.#judge(report)
      return
    }
    pump.start().then(
      () => this.#judge(report),
      error => this.#later(this.#threw(error)),
    )
  }

  #judge(report: Report): void {
    try {
      if (report.toldInside === true || !this.#rules.success(report)) {
        this.#later(this.#unsuccessful(report))
        return
      }
      this.#outcome = this.#outcomeOf(report)
      this.#mayBeEmpty ||= report.hasTransactionInside === true
      this.#recording = true
      this.#record.settle()
      this.#record.complete(this.#outcome, this.#record.lost, this)
    } catch (error) {
      this.#later(this.#threw(error, false))
    }
  }

  async #unsuccessful(report: Report): Promise<PostVerdict | null> {
    const pump = this.#pump
    try {
      const isFree = this.#isFree(report)
      // Whoever gets that takes it for a success, and has nowhere to go.
      const isMistake = isFree && leadsNowhere(report)
      if (!isMistake && this.#keepsRefusal(report)) return await this.#kept(report, pump)
      if (!isFree) return await this.#silent(report, pump)
      return await (isMistake ? this.#threw(unled(report)) : this.#refused(pump))
    } catch (error) {
      return await this.#threw(error, false)
    }
  }

  /** What has to be waited for. */
  #later(verdict: Promise<PostVerdict | null>): void {
    verdict.then(
      late => this.#end(late),
      error => {
        this.#over()
        this.#tellError(error)
      },
    )
  }

  #end(verdict: PostVerdict | null): void {
    this.#over()
    this.#tell(verdict)
  }

  #over(): void {
    this.#record.over()
    if (this.#abandoned !== null) this.#tools.underway.end(this.#abandoned)
    this.#tools.wake(this.key)
  }

  #tell(verdict: PostVerdict | null): void {
    const listener = this.#listener
    this.#listener = null
    listener?.end(verdict)
  }

  #tellError(error: unknown): void {
    const listener = this.#listener
    this.#listener = null
    listener?.fail(error)
  }

  /** The handler is still at work long after its time: the client gets an answer, it goes on. */
  async #abandon(): Promise<PostVerdict> {
    // The request is over soon; a shutdown waits for the handler nevertheless.
    this.#abandoned = this.#tools.underway.begin(this.key)
    // A body that has not begun by now never will.
    this.#pump?.drop()
    if (this.#record.tx === null) {
      return { kind: 'undecided', sinceMs: this.#tools.guard.now() }
    }
    await this.#release()
    return { kind: 'running', retryAfterMs: SOON_MS }
  }

  /** The outcome is recorded, or will be. */
  #done(pump: BodyPump | null): PostVerdict {
    if (pump !== null && this.#outcome !== null) this.#carry(pump, this.#outcome)
    if (!this.#record.isUnused || this.#mayBeEmpty) return DONE
    this.#tools.emit({ type: 'transaction-unused', key: this.key })
    return { kind: 'done', unused: true }
  }

  /** Whether an answer may be a success whose record is in doubt. */
  async #isCertain(recorded: 'stale' | 'unrecorded'): Promise<boolean> {
    // Unrecorded and without a mark, the link may run again: its answer must not be a success.
    if (recorded === 'unrecorded' && !this.#lacksMark) return true
    // What is recorded may be this very outcome, of which only the reply was lost.
    return await this.#record.confirm()
  }

  get isMarked(): boolean {
    return this.#marked
  }

  /** As the handler asks for it. */
  async pointOfNoReturn(): Promise<void> {
    if (!this.#rules.marks) {
      throw new TypeError('pointOfNoReturn() needs a resource with marks: true')
    }
    this.#mustHold()
    this.#marked = true
    try {
      await this.#record.mark()
      this.#mustHold()
      this.#isMarkKept = true
      this.#markFailure = null
    } catch (cause) {
      // Between two of them there may have been an effect.
      if (!this.#isMarkKept) this.#markFailure = cause
      throw cause
    }
  }

  #mustHold(): void {
    if (this.#isLetGo) throw new PoeError('ERR_POE_LEASE_LOST', AT_END)
  }

  /** Whether the store may take this owner's silence for "nothing happened", for want of a mark. */
  get #lacksMark(): boolean {
    return this.#rules.marks && (!this.#marked || this.#markFailure !== null)
  }

  /** Whether a handler has passed on what its mark failed with; it may as well throw nothing. */
  #isMarkFailure(error: unknown): boolean {
    return this.#markFailure !== null && error === this.#markFailure
  }

  #pumpOf({ body, client }: Report): BodyPump | null {
    if (body.kind !== 'stream') return null
    return new BodyPump(body.source, client, this.#tools.bodyLimitBytes)
  }

  #keepsRefusal({ status, toldInside }: Report): boolean {
    return toldInside !== true && this.#rules.keepsRefusal?.(status) === true
  }

  /** Whether nothing has happened under an answer that is no success. */
  #isFree({ status, hasLocation, passedOn, toldInside }: Report): boolean {
    const rules = this.#rules
    const record = this.#record
    if (toldInside === true || record.tx !== null || (rules.marks && !this.#marked)) return true
    return passedOn !== true && isReport(status, rules.reports, hasLocation)
  }

  async #refused(pump: BodyPump | null): Promise<PostVerdict | null> {
    // The key was another's: "it did not happen" may be wrong by now, and the record knows.
    if ((await this.#release()) === 'stale') {
      pump?.drop()
      return null
    }
    this.#pass(pump)
    return { kind: 'refused' }
  }

  /** An answer that may have come after the effect, or be somebody else's. */
  async #silent(report: Report, pump: BodyPump | null): Promise<PostVerdict> {
    const answer = `The handler answered ${report.status}, which reports no failure.`
    await this.#fallSilent(leadsNowhere(report) ? unled(report) : new Error(answer))
    this.#pass(pump)
    return { kind: 'silent' }
  }

  /** A refusal that every repeat is told as well. */
  async #kept(report: Report, pump: BodyPump | null): Promise<PostVerdict | null> {
    const record = this.#record
    const outcome = this.#outcomeOf(report)
    this.#isLetGo = true
    this.#recording = true
    record.settle()
    if ((await record.keepRefusal(outcome, record.lost)) === 'stale') {
      pump?.drop()
      return null
    }
    if (pump !== null) this.#carry(pump, outcome)
    return { kind: 'refused' }
  }

  /** @param isHandlers - `false`: it came after the handler's end, which had thrown nothing */
  async #threw(error: unknown, isHandlers = true): Promise<PostVerdict | null> {
    this.#pump?.drop()
    const rules = this.#rules
    const record = this.#record
    const free =
      record.tx !== null ||
      (rules.releaseOnThrow && isHandlers && !(error instanceof Unsaid)) ||
      (rules.marks && (!this.#marked || this.#isMarkFailure(error))) ||
      this.#work.isReported(error)
    if (!free) {
      await this.#fallSilent(error)
      return { kind: 'threw', error, free }
    }
    const isReported = this.#work.isReported(error)
    const released = await this.#release()
    // The key is another's by now: the record tells what to answer.
    if (released === 'stale' && isReported) return null
    if (error instanceof PoeError && error.code === 'ERR_POE_LEASE_LOST') return null
    if (record.tx !== null) {
      // Its transaction was taken from it when its time was over: that is what it fails with.
      return this.#abandoned !== null && !isReported ? null : this.#undone(error)
    }
    const verdict = this.#isMarkFailure(error) ? storeVerdict(error, false) : null
    return verdict ?? { kind: 'threw', error, free }
  }

  /** A handler threw, and its transaction is undone. */
  #undone(error: unknown): PostVerdict {
    const { failure } = this.#record
    // A tool may have put an error of its own in the place of the store's.
    const isBehind = failure !== null && !(error instanceof PoeError)
    const cause = isBehind && !this.#work.isReported(error) ? failure : error
    if (cause instanceof PoeError && cause.code === 'ERR_POE_TX_TIMEOUT') {
      this.#tools.emit({ type: 'transaction-timeout', key: this.key })
      return { kind: 'transaction-timeout', retryAfterMs: SOON_MS, error }
    }
    const verdict = storeVerdict(cause, true)
    if (verdict === null) return { kind: 'threw', error, free: true }
    // A conflict is nobody's fault; of all else no event tells, and its client is told no reason.
    const isConflict = error instanceof PoeError && error.code === 'ERR_POE_TX_CONFLICT'
    return isConflict ? verdict : { ...verdict, error }
  }

  async #release(): Promise<Released> {
    this.#isLetGo = true
    this.#record.end()
    return await this.#record.release()
  }

  async #fallSilent(cause: unknown): Promise<void> {
    this.#isLetGo = true
    this.#record.end()
    await this.#record.fallSilent(this.#lacksMark, cause)
  }

  #outcomeOf(report: Report): Outcome {
    const { status, fields } = report
    return { status, fields, body: this.#bodyOf(report) }
  }

  #bodyOf({ body }: Report): OutcomeBody {
    const { guard, emit, bodyLimitBytes } = this.#tools
    const { key } = this
    switch (body.kind) {
      case 'none':
        return { kind: 'none' }
      case 'bytes':
        if (body.bytes.byteLength <= bodyLimitBytes) return { kind: 'kept', bytes: body.bytes }
        emit({ type: 'body-not-kept', key })
        return { kind: 'not-kept' }
      case 'stream':
        return { kind: 'pending', untilMs: guard.now() + this.#rules.maxRunMs }
      case 'unreadable':
        emit({ type: 'body-unreadable', key, cause: body.cause })
        return { kind: 'not-kept' }
      case 'elsewhere':
        return { kind: 'not-kept' }
    }
  }

  #carry(pump: BodyPump, outcome: Outcome): void {
    const { key } = this
    const record = this.#record
    const { underway } = this.#tools
    const piece = underway.begin(this.key)
    const keep = async (bytes: Uint8Array | null, cause?: unknown): Promise<void> => {
      if (bytes === null) this.#tools.emit({ type: 'body-not-kept', key, cause })
      const body: OutcomeBody = bytes === null ? { kind: 'not-kept' } : { kind: 'kept', bytes }
      await record.attach({ ...outcome, body })
    }
    this.#flow(pump, bytes => keep(bytes))
      .catch(cause => keep(null, cause))
      .finally(() => underway.end(piece))
  }

  /** Carries the body of an answer that is no outcome. */
  #pass(pump: BodyPump | null): void {
    if (pump === null) return
    pump.keepNothing()
    this.#flow(pump, async () => {}).catch(() => {})
  }

  /** The body is a part of the run, and ends with it at the latest. */
  async #flow(pump: BodyPump, keep: (bytes: Uint8Array | null) => Promise<void>): Promise<void> {
    const { deadlines } = this.#tools
    const { maxRunMs } = this.#rules
    const deadline = deadlines.set(maxRunMs, () => {
      const text = `The body took over ${maxRunMs} ms.`
      pump.end(new PoeError('ERR_POE_RUN_TOO_LONG', text))
    })
    await pump.flow(keep).finally(() => deadlines.clear(deadline))
  }
}

/**
 * What to answer when the handler let an error of the store pass, after its effect was undone or
 * before it was begun: the store's outage is not the handler's failure.
 *
 * @returns `null` when the error says nothing of the kind
 */
function storeVerdict(error: unknown, undone: boolean): StoreFinding | null {
  if (!(error instanceof PoeError)) return null
  switch (error.code) {
    case 'ERR_POE_STORE_DOWN':
    case 'ERR_POE_STORE_BUSY':
    case 'ERR_POE_STORE_FULL':
    case 'ERR_POE_STORE_CONFIG':
    case 'ERR_POE_STORE_SCHEMA':
    case 'ERR_POE_STORE_CLOSED':
    case 'ERR_POE_TX_CONFLICT':
      return { ...findingOfFailure(error), undone }
    default:
      return null
  }
}

/** A redirection that its handler has sent on without saying where to. */
function leadsNowhere({ status, hasLocation, toldInside }: Report): boolean {
  return status >= 301 && status <= 303 && !hasLocation && toldInside !== true
}

function unled({ status }: Report): Error {
  return new Error(`The handler answered ${status} without a Location: say where its result is.`)
}
