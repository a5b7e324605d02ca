/**
 * How a door tells what it found: refusals that lead to the rules, and stored answers byte for
 * byte, marked as what they are.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.6, 2.7; RFC 8631 (describedby)
 */
import type { Context } from 'koa'
import { type Answer, NONE, type Problem, refusalAnswer } from '../../answers/answer.js'
import { type Dialect, refusalIn } from '../../answers/dialects.js'
import { type RefusedFinding, refusalOf } from '../../answers/findings.js'
import { repeatedOutcome } from '../../answers/outcomes.js'
import type { DoorRefusal } from '../../answers/refusal-kinds.js'
import { DOOR_REFUSALS } from '../../answers/refusals.js'
import type { Outcome } from '../../engine/outcome.js'
import type { Core } from '../core.js'
import { linkTo } from '../link-paths.js'
import { SAFE_METHODS } from '../safe-methods.js'
import { send } from '../send.js'
import { watchAnswer } from '../watch-answer.js'

/** Answers for one door. */
export class Responder {
  readonly #core: Core
  readonly #documentation: string | null
  readonly #dialect: Dialect

  constructor(core: Core, documentation: string | null, dialect: Dialect) {
    this.#core = core
    this.#documentation = documentation
    this.#dialect = dialect
  }

  /** Sends an answer as it is. */
  send(ctx: Context, answer: Answer): void {
    send(this.#core, ctx, answer)
  }

  /** Refuses. */
  refuse(ctx: Context, what: DoorRefusal | Problem): void {
    const problem = typeof what === 'string' ? DOOR_REFUSALS[what] : what
    this.refuseWith(ctx, refusalAnswer(problem))
  }

  /** Refuses with more than the words. */
  refuseWith(ctx: Context, refusal: Answer): void {
    if (!SAFE_METHODS.has(ctx.method)) watchAnswer(this.#core, ctx)
    this.send(ctx, refusalIn(this.#dialect, refusal, this.#rulesFor(ctx)))
  }

  /** Puts what was found at a key into words; a spent one is repeated. */
  found(ctx: Context, finding: RefusedFinding): void {
    if (finding.kind === 'spent') this.repeat(ctx, finding.outcome)
    else this.refuseWith(ctx, refusalOf(finding, ctx.method))
  }

  /** Gives the stored answer as it was, with its mark; where it is not kept, the way to it. */
  repeat(ctx: Context, outcome: Outcome): void {
    const answer = repeatedOutcome(outcome, ctx, this.#dialect.repeated)
    if ('detail' in answer) this.refuse(ctx, answer)
    else this.send(ctx, answer)
  }

  /** Marks an answer of the application's, for clients that read whether it is the first. */
  mark(ctx: Context, as: 'accepted' | 'repeated'): void {
    for (const [name, value] of this.#dialect[as]) ctx.set(name, value)
  }

  /** Where the rules of this door are told. */
  #rulesFor(ctx: Context): string | null {
    if (this.#documentation !== null) return this.#documentation
    const { policy, options } = this.#core
    if (policy === null) return null
    try {
      return linkTo(ctx, policy, null, NONE, options.publicPrefix, false)
    } catch {
      // Its router is in no use here.
      return null
    }
  }
}
