/**
 * One POST: a claim, the run that it grants, or what to tell where there is none.
 *
 * The usual ways (a claim that is granted, a key that is spent) take no promise beside the store's
 * and the one that {@link Posting.post} gives where the store has to be waited for; everything else
 * goes on as a loop that waits.
 *
 * @see POE draft 2, appendix A
 */
import { PoeError } from '../errors.js'
import { ask } from './at-once.js'
import { Attempt, type AttemptListener, type AttemptTools } from './attempt.js'
import { type ClaimRecord, OwnedRecord, type RecordTools } from './claim-record.js'
import { findingOf, findingOfFailure } from './finding.js'
import { NoRecord } from './no-record.js'
import type {
  Finding,
  GoneSignal,
  Operation,
  PostVerdict,
  ResourceRules,
  Work,
} from './operation.js'
import type { PendingWrites } from './pending-writes.js'
import { type MakeId, publishAnswered, publishNotRun } from './ports.js'
import { Promised } from './promised.js'
import type { Reconciler } from './reconciler.js'
import type { Claim, ClaimReply, ReadReply, UndecidedRecord } from './store.js'
import { isAnswer, StoreCall } from './store-guard.js'
import type { Piece } from './underway.js'
import type { Waiters } from './waiters.js'

const STORE_RETRY_AFTER_MS = 1_000
const CAME_LATE = 'The claim came late to the store, twice.'
const STOOD_STILL = 'This process stood still until the lease of its claim was over.'

/** What is found where there is no record. */
const NO_TRACE: ReadonlySet<Finding['kind']> = new Set(['unspent', 'expired', 'forgotten'])

/** What the POSTs of one engine share. Times are milliseconds. */
export interface PostingTools extends AttemptTools, RecordTools {
  readonly makeId: MakeId
  readonly waiters: Waiters
  readonly reconciler: Reconciler
  /** Claims that were given up, to be taken back. */
  readonly disowned: PendingWrites
  readonly dangerouslyRunUnprotected: boolean
  readonly dangerouslyRetryUndecided: boolean
  /** Tells what is at a key. */
  look(operation: Operation): Finding | Promise<Finding>
  /** Called with each reply: an undecided record is told of. */
  meet(key: string, reply: ClaimReply | ReadReply): void
}

/** One POST, and its first claim. */
export class Posting extends StoreCall<ClaimReply> implements AttemptListener {
  readonly #tools: PostingTools
  readonly #operation: Operation
  readonly #rules: ResourceRules
  readonly #work: Work
  readonly #gone: GoneSignal
  readonly #claim: Claim
  readonly #piece: Piece
  readonly #end = new Promised<PostVerdict>()
  /** Of the claim that was granted. */
  #owner = ''
  /** Whether an attempt of the first claim is at work. */
  #isAtWork = false

  private constructor(
    tools: PostingTools,
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    gone: GoneSignal,
    sentMs: number,
  ) {
    super(tools.guard.timeoutMs, sentMs)
    this.#tools = tools
    this.#operation = operation
    this.#rules = rules
    this.#work = work
    this.#gone = gone
    this.#claim = makeClaim(tools, operation, rules, sentMs)
    this.#piece = tools.underway.begin(operation.key)
  }

  /** Runs the work if the key is free, else tells what is there; waits for a running twin. */
  static post(
    tools: PostingTools,
    operation: Operation,
    rules: ResourceRules,
    work: Work,
    gone: GoneSignal,
  ): PostVerdict | Promise<PostVerdict> {
    if (gone.aborted) return { kind: 'gone' }
    const posting = new Posting(tools, operation, rules, work, gone, tools.clock.now())
    tools.guard.start(posting)
    return posting.#end.wait()
  }

  /** @internal */
  override send(withinMs: number): ClaimReply | Promise<ClaimReply> {
    const { store } = this.#tools
    return ask(store, store.claim, this.#operation.key, this.#claim, withinMs)
  }

  /** @internal */
  override onReply(reply: ClaimReply): void {
    try {
      switch (reply.state) {
        case 'claimed':
          if (this.#isLapsed(this.sentMs)) {
            this.onFailure(new PoeError('ERR_POE_STORE_BUSY', STOOD_STILL))
            break
          }
          this.#isAtWork = true
          this.#attempt(this.#granted(this.#claim.owner, this.sentMs)).start(this)
          break
        case 'running':
        case 'undecided':
        case 'late':
          this.#later(this.#goOn(reply))
          break
        default:
          this.end(this.#notRun(findingOf(reply, this.#operation)))
      }
    } catch (error) {
      this.fail(error)
    }
  }

  /** @internal */
  override onFailure(cause: unknown): void {
    this.#disown(this.#claim)
    this.#later(this.#withoutStore(cause))
  }

  /** @internal */
  end(verdict: PostVerdict | null): void {
    if (this.#isAtWork) publishAnswered(this.#operation.key, this.#claim.owner, verdict)
    this.#isAtWork = false
    if (verdict === null) {
      this.#later(this.#fromRecord())
      return
    }
    this.#tools.underway.end(this.#piece)
    this.#end.resolve(verdict)
  }

  /** @internal */
  fail(error: unknown): void {
    this.#tools.underway.end(this.#piece)
    this.#end.reject(error)
  }

  #later(verdict: Promise<PostVerdict | null>): void {
    verdict.then(
      late => this.end(late),
      error => this.fail(error),
    )
  }

  #notRun(finding: Finding): Finding {
    publishNotRun(this.#operation.key, finding.kind)
    return finding
  }

  #granted(owner: string, sentMs: number): ClaimRecord {
    const { key } = this.#operation
    this.#owner = owner
    this.#tools.emit({ type: 'claimed', key, owner })
    return new OwnedRecord(this.#tools, key, owner, this.#rules, sentMs)
  }

  #attempt(record: ClaimRecord): Attempt {
    return new Attempt(this.#tools, this.#operation.key, this.#rules, this.#work, record)
  }

  /** Waits, asks, and claims again, until there is something to tell. */
  async #goOn(first: ClaimReply): Promise<PostVerdict | null> {
    const [operation, rules, gone] = [this.#operation, this.#rules, this.#gone]
    const { guard, clock, waiters, meet } = this.#tools
    const place = waiters.place(rules.waitMs, this.sentMs)
    let reply = first
    let [asked, late] = [false, false]
    let { owner } = this.#claim
    let { sentMs } = this
    for (;;) {
      if (reply.state === 'late') {
        if (late) return await this.#withoutStore(new Error(CAME_LATE))
        // Our idea of the store's time was off; the reply has put it right.
        late = true
      } else {
        late = false
        meet(operation.key, reply)
        if (reply.state === 'claimed') {
          const verdict = await this.#attempt(this.#granted(owner, sentMs)).run()
          publishAnswered(operation.key, owner, verdict)
          return verdict
        }
        const finding = findingOf(reply, operation)
        let again = false
        if (reply.state === 'running' && finding.kind === 'running') {
          const waited = await waiters.wait(operation.key, place, gone)
          if (waited === 'gone') return { kind: 'gone' }
          again = waited === 'again'
        }
        if (reply.state === 'undecided' && finding.kind === 'undecided' && !asked) {
          asked = true
          again = await this.#wayOut(reply)
        }
        if (!again) return this.#notRun(finding)
      }
      if (gone.aborted) return { kind: 'gone' }
      sentMs = clock.now()
      const claim = makeClaim(this.#tools, operation, rules, sentMs)
      owner = claim.owner
      try {
        const send = (ms: number) => this.#tools.store.claim(operation.key, claim, ms)
        reply = await guard.call(send, guard.timeoutMs, sentMs)
        if (reply.state === 'claimed' && this.#isLapsed(sentMs)) {
          throw new PoeError('ERR_POE_STORE_BUSY', STOOD_STILL)
        }
      } catch (cause) {
        this.#disown(claim)
        return await this.#withoutStore(cause)
      }
    }
  }

  /** Whether a claim is so old that somebody may have decided what its silence means. */
  #isLapsed(sentMs: number): boolean {
    const { clock, guard, leaseMs } = this.#tools
    // A lease may be shorter than what a store that is merely slow may take.
    return clock.now() >= sentMs + Math.max(leaseMs, guard.timeoutMs)
  }

  /**
   * Takes back a claim that was given up. It may still be on its way to the store, so a release
   * counts only when it was answered after the time at which the store refuses the claim.
   */
  #disown({ owner, claimByMs }: Claim): void {
    const { disowned, guard, store } = this.#tools
    const { key } = this.#operation
    disowned.add(key, async () => {
      const reply = await guard.call(ms => store.release(key, owner, ms))
      return reply.nowMs > claimByMs
    })
  }

  /**
   * What to tell the owner of a claim that was lost: what the record says, but no go-ahead, and no
   * "it did not happen" after a handler that may have done it.
   */
  async #fromRecord(): Promise<Finding> {
    const [operation, rules] = [this.#operation, this.#rules]
    const { look, guard, store } = this.#tools
    const finding = await look(operation)
    if (finding.kind === 'spent') {
      // It may be its own, which could not be learnt a moment ago: that is not told as used.
      const confirm = (ms: number) => store.confirm(operation.key, this.#owner, ms)
      const reply = await guard.call(confirm).catch(() => null)
      return reply?.state === 'stale' ? finding : findingOfFailure(reply)
    }
    if (rules.transactional) {
      if (finding.kind !== 'unspent') return finding
      return { kind: 'running', retryAfterMs: STORE_RETRY_AFTER_MS }
    }
    if (!NO_TRACE.has(finding.kind)) return finding
    return { kind: 'undecided', sinceMs: guard.now() }
  }

  /** Tries to decide an undecided key; tells whether claiming again is worthwhile. */
  async #wayOut(record: UndecidedRecord): Promise<boolean> {
    const { store, guard, reconciler, emit, dangerouslyRetryUndecided } = this.#tools
    const [operation, rules] = [this.#operation, this.#rules]
    const { key } = operation
    if (rules.reconcile !== null) {
      if (await reconciler.ask(key, record.owner, rules.reconcile)) return true
    }
    if (!dangerouslyRetryUndecided) return false
    emit({ type: 'undecided-retried', key })
    const reply = await guard
      .call(ms => store.settle(key, record.owner, 'free', ms))
      .catch(() => null)
    return reply !== null
  }

  async #withoutStore(cause: unknown): Promise<PostVerdict | null> {
    const { deadlines, leaseMs, emit, dangerouslyRunUnprotected } = this.#tools
    const [operation, rules] = [this.#operation, this.#rules]
    const isDown = !isAnswer(cause)
    if (!dangerouslyRunUnprotected || rules.transactional || !isDown) {
      return this.#notRun(findingOfFailure(cause))
    }
    emit({ type: 'unprotected', key: operation.key, cause })
    // Where there is no record, none tells it better.
    return await this.#attempt(new NoRecord(deadlines, rules.maxRunMs + leaseMs)).run()
  }
}

/** @internal */
export function makeClaim(
  tools: PostingTools,
  operation: Operation,
  rules: Pick<ResourceRules, 'transactional' | 'marks'>,
  sentMs: number,
): Claim {
  const { guard, leaseMs } = tools
  return {
    owner: tools.makeId(),
    epoch: operation.epoch,
    leaseMs,
    claimByMs: guard.now(sentMs) + guard.timeoutMs,
    tokenExpiresMs: operation.expiresAtMs,
    keepUntilMs: operation.keepUntilMs ?? guard.timeIn(operation.keepForMs ?? null),
    onSilence: rules.transactional || rules.marks ? 'free' : 'undecided',
    fingerprint: operation.fingerprint,
    principal: operation.principals[0],
    replaces: operation.replaces ?? null,
  }
}
