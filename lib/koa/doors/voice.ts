/**
 * How a door says what it found: refusals as problem documents that lead to the rules, and stored
 * answers byte for byte, marked as what they are.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.6, 2.7; RFC 9457; RFC 8631 (describedby)
 */
import type { Context } from 'koa'
import { type Outcome, recordedField } from '../../engine/outcome.js'
import type { Core } from '../core.js'
import { drainAfterAnswer } from '../drain.js'
import { addToField, retryAfter } from '../fields.js'
import { linkTo } from '../link-paths.js'
import { answerProblem, type Problem } from '../problem.js'
import { BODY_PENDING, CODING_REFUSED, type Refused, refusal } from '../refusals.js'
import { giveBack, resultOf, setFields } from '../replay.js'
import { SAFE_METHODS } from '../token-operation.js'
import { watchAnswer } from '../watch-answer.js'
import { DONE_NOT_KEPT } from './door-problems.js'

/** What a door's answers carry besides. */
export interface Accent {
  /** A field that marks a repeated answer. */
  readonly replayMark: readonly [name: string, value: string] | null
  /** A field that tells whether the request was taken. */
  readonly resultField: string | null
  /** The status for a known key with another request. */
  readonly mismatchStatus: number
  /** An `error` member and `Stripe-Should-Retry`, which such clients go by. */
  readonly speaksStripe: boolean
}

/** The accent of doors that follow no profile. */
export const PLAIN: Accent = {
  replayMark: ['Idempotent-Replayed', 'true'],
  resultField: null,
  mismatchStatus: 422,
  speaksStripe: false,
}

/** Speaks for one door. */
export class DoorVoice {
  readonly #core: Core
  readonly #documentation: string | null
  readonly #accent: Accent

  constructor(core: Core, documentation: string | null, accent: Accent = PLAIN) {
    this.#core = core
    this.#documentation = documentation
    this.#accent = accent
  }

  /** Says that the request was taken, where the profile has a field for it. */
  accept(ctx: Context): void {
    const { resultField } = this.#accent
    if (resultField !== null) ctx.set(resultField, 'accepted')
  }

  /**
   * Refuses.
   *
   * @param retryAfterMs - when to ask again, in milliseconds; `null` where that is of no use
   */
  refuse(ctx: Context, problem: Problem, retryAfterMs: number | null = null): void {
    const { resultField, speaksStripe } = this.#accent
    const { uriBase } = this.#core.options
    if (!SAFE_METHODS.has(ctx.method)) watchAnswer(this.#core, ctx)
    drainAfterAnswer(ctx)
    ctx.set('Cache-Control', 'no-store')
    if (retryAfterMs !== null) ctx.set('Retry-After', retryAfter(retryAfterMs))
    if (resultField !== null && retryAfterMs === null) ctx.set(resultField, 'rejected')
    const rules = this.#rulesFor(ctx)
    if (rules !== null) addToField(ctx.res, 'Link', `<${rules}>; rel="describedby"`)
    answerProblem(ctx, speaksStripe ? asStripe(ctx, problem, retryAfterMs) : problem, uriBase)
    ctx.poe.decision = { status: ctx.status, body: ctx.body }
  }

  /** Puts what was found at a key into words; a spent one is repeated. */
  found(ctx: Context, finding: Refused): void {
    if (finding.kind === 'spent') {
      this.repeat(ctx, finding.outcome)
      return
    }
    const about = { method: ctx.method, result: null, link: null, createForm: null }
    const { problem, retryAfterMs } = refusal(finding, about)
    const { mismatchStatus } = this.#accent
    const isMismatch = finding.kind === 'other-content'
    this.refuse(ctx, isMismatch ? { ...problem, status: mismatchStatus } : problem, retryAfterMs)
  }

  /** Gives the stored answer as it was, with its mark; where it is not kept, the way to it. */
  repeat(ctx: Context, outcome: Outcome): void {
    const { status, body } = outcome
    const located = recordedField(outcome, 'location') !== null
    const isGone = body.kind === 'pending' || body.kind === 'not-kept'
    if (isGone && !located) {
      const isPending = body.kind === 'pending'
      const problem = isPending ? BODY_PENDING : DONE_NOT_KEPT
      this.refuse(ctx, problem, problem.askAgainMs ?? null)
      return
    }
    drainAfterAnswer(ctx)
    ctx.set('Cache-Control', 'no-store')
    if (isGone) {
      ctx.body = null
      ctx.status = 303
      ctx.set('Location', resultOf(outcome, ''))
    } else if (body.kind === 'kept') {
      const isGiven = giveBack(ctx, outcome, body.bytes, status, ['location'])
      if (!isGiven) {
        this.refuse(ctx, CODING_REFUSED)
        return
      }
    } else {
      ctx.body = null
      ctx.status = status
      setFields(ctx, outcome, ['location'])
    }
    this.mark(ctx)
    ctx.poe.decision = { status: ctx.status, body: ctx.body }
  }

  /** Marks an answer as the answer to a repeat. */
  mark(ctx: Context): void {
    const { replayMark, speaksStripe } = this.#accent
    if (replayMark !== null) ctx.set(...replayMark)
    if (speaksStripe) ctx.set('Stripe-Should-Retry', 'false')
    this.accept(ctx)
  }

  /** Where the rules of this door are told. */
  #rulesFor(ctx: Context): string | null {
    if (this.#documentation !== null) return this.#documentation
    const { policy, options } = this.#core
    if (policy === null) return null
    try {
      return linkTo(ctx, policy, {}, options.publicPrefix, false)
    } catch {
      // Its router is in no use here.
      return null
    }
  }
}

/** Without an `error` member such a client takes any JSON for a success. */
function asStripe(ctx: Context, problem: Problem, retryAfterMs: number | null): Problem {
  const isRetryable = retryAfterMs !== null
  ctx.set('Stripe-Should-Retry', String(isRetryable))
  const type = problem.status >= 500 ? 'api_error' : 'idempotency_error'
  const error = { type, code: problem.type, message: problem.detail }
  return { ...problem, extra: { ...problem.extra, error } }
}
