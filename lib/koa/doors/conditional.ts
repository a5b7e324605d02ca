/**
 * `once.conditional()`: a change that is made only while the state is the one that the client has
 * seen, the check and the change under one claim.
 *
 * What is claimed is the step out of one state of one target: each state is left once. Whoever
 * comes second finds the record of that step; if it was this very caller with the same content, the
 * condition is false because of its own change, and it is told the answer again.
 *
 * @see RFC 9110 13.1, 13.2; RFC 6585 3; decision 0010
 */
import type { Context, Middleware, Next } from 'koa'
import { type AnswerField, bare, NO_STORE, NONE, refusalAnswer } from '../../answers/answer.js'
import { type RefusedFinding, RUNNING_NOW, UNDECIDED_NOW } from '../../answers/findings.js'
import { filled } from '../../answers/refusals.js'
import { checkNumber, YEAR_MS } from '../../engine/checks.js'
import { digestParts } from '../../engine/fingerprint.js'
import { hearFailure } from '../../engine/hear-failure.js'
import type { Operation } from '../../engine/operation.js'
import {
  failedCondition,
  type GivenConditions,
  namedStates,
  readConditions,
  type Situation,
  stateOf,
  syntaxOf,
  undecidable,
} from '../../protocols/conditional-post/conditions.js'
import { canonicalJson } from '../../protocols/idempotency-key/index.js'
import { type Core, TOKEN_PARAM } from '../core.js'
import { isLinks } from '../link-first.js'
import { publicPath } from '../link-paths.js'
import { poeOf } from '../request-poe.js'
import { runClaimed } from '../run/run-claimed.js'
import { SAFE_METHODS } from '../safe-methods.js'
import {
  type DoorOptions,
  type FingerprintRule,
  makeDoor,
  operationAt,
  type ResolvedDoor,
} from './door.js'
import { otherParams } from './link/token-operation.js'
import { callersOf, fieldOf, fingerprintAt, textOf } from './request-identity.js'

/** What an application says of the target's current state. */
export interface CurrentState {
  /** The entity tag, with its quotes; `W/` in front where it is weak. */
  readonly etag?: string | null | undefined
  /** When it was last changed, in milliseconds since the Unix epoch. */
  readonly modifiedMs?: number | null | undefined
}

/** Options of `once.conditional()`. Times are milliseconds. */
export interface ConditionalOptions<Tx = never> extends DoorOptions {
  /**
   * Tells the target's current state; `null`: there is nothing yet. It is asked before the claim
   * and once more inside it, there with the transaction if the door is transactional: read through
   * `tx` then. What it throws is the answer: where the request would be 404 anyway, throw that.
   */
  readonly validator?:
    | ((ctx: Context, tx: Tx | null) => CurrentState | null | Promise<CurrentState | null>)
    | undefined
  /**
   * For `If-None-Exist`: finds what a search finds now, as URI-references. Asked as `validator` is.
   */
  readonly exists?:
    | ((
        ctx: Context,
        search: string,
        tx: Tx | null,
      ) => readonly string[] | Promise<readonly string[]>)
    | undefined
  /**
   * Names what is changed: requests with the same name leave its states one after the other.
   * Default: the parameters of the route, but for a POE link's token; the path where there are
   * none.
   */
  readonly target?: ((ctx: Context) => string) | undefined
  /** Whether a request without a condition is refused, 428. Default `false`. */
  readonly required?: boolean | undefined
  /** How long a caller's own change is told again. Default 86,400,000 (24 h). */
  readonly retentionMs?: number | undefined
  /** What makes a repeat the same request. Default `raw`. */
  readonly fingerprint?: FingerprintRule | undefined
}

interface Conditional extends ResolvedDoor {
  readonly options: ConditionalOptions<unknown>
  /** The fields that are judged. */
  readonly demanded: string
}

/** One request with conditions. */
interface Visit {
  readonly door: Conditional
  readonly ctx: Context
  readonly conditions: GivenConditions
  readonly target: string
  readonly principals: readonly [string, ...string[]]
  readonly fingerprint: string
}

const OWN = ['validator', 'exists', 'target', 'required', 'retentionMs', 'fingerprint']
const RETENTION_MS = 86_400_000
/** The state moved on that often between the look and the claim: it is told so. */
const MOST_LOOKS = 5

/** Makes the door. @throws TypeError or RangeError that says what to do */
export function makeConditional<Tx>(core: Core, given: ConditionalOptions<Tx>): Middleware {
  const options = given as ConditionalOptions<unknown>
  const made = makeDoor(core, 'conditional', options, OWN)
  const { validator, exists, retentionMs = RETENTION_MS } = options
  if (typeof validator !== 'function' && typeof exists !== 'function') {
    throw new TypeError(`${made.where}: give validator, or exists for If-None-Exist, or both`)
  }
  checkNumber(made.where, 'retentionMs', retentionMs, 1_000, 10 * YEAR_MS)
  const fields = [
    ...(validator === undefined ? [] : ['If-Match', 'If-Unmodified-Since', 'If-None-Match']),
    ...(exists === undefined ? [] : ['If-None-Exist']),
  ]
  const door: Conditional = { ...made, options, demanded: fields.join(' or ') }
  return async function conditional(ctx, next) {
    const poe = poeOf(ctx)
    if (SAFE_METHODS.has(ctx.method)) return await next()
    const isInside = poe.held?.isBehindLink === true
    if (!isInside && (poe.state !== null || isLinks(core, ctx))) {
      // A POE resource: a spent link is told first, and the condition belongs to its handler.
      poe.runInside((inside, more) => pass(door, inside as Context, more))
      return await next()
    }
    return await pass(door, ctx, next)
  }
}

async function pass(door: Conditional, ctx: Context, next: Next): Promise<void> {
  const { responder, options, demanded } = door
  const conditions = readConditions(name => fieldOf(ctx, name), {
    validators: options.validator !== undefined,
    search: options.exists !== undefined,
  })
  switch (conditions.kind) {
    case 'malformed': {
      const { field } = conditions
      return responder.refuse(ctx, filled('precondition-malformed', field, syntaxOf(field)))
    }
    case 'unjudged':
      return responder.refuse(ctx, filled('precondition-unjudged', conditions.field, demanded))
    case 'none':
      if (options.required !== true) return void (await next())
      return responder.refuse(ctx, filled('precondition-required', demanded))
  }
  const principals = callersOf(door, ctx)
  if (principals === null) return
  const target = targetOf(door, ctx)
  const path = options.target === undefined ? pathWithoutToken(ctx) : target
  const made = await fingerprintAt(door, ctx, { path })
  if (made === null) return
  ctx.poe.naming ??= 'condition'
  const fingerprint = digestParts([principals[0], made, conditions.text])
  await decide({ door, ctx, conditions, target, principals, fingerprint }, next)
}

/** Not the path, where there are parameters: that has many spellings, and perhaps a token in it. */
function targetOf({ options }: Conditional, ctx: Context): string {
  if (options.target !== undefined) return textOf('target', options.target(ctx))
  const { params } = ctx as { params?: Readonly<Record<string, string>> }
  const isLink = ctx.poe.naming === 'link'
  const named = isLink ? otherParams(ctx) : Object.entries(params ?? {})
  if (isLink || named.length > 0) return canonicalJson(Object.fromEntries(named))
  return canonicalJson({ path: asRouted(publicPath(ctx)) })
}

/** One spelling for those that a router, here or in the framework, takes for one path. */
function asRouted(path: string): string {
  try {
    return decodeURIComponent(path).toLowerCase().replace(/\/$/, '')
  } catch {
    return path
  }
}

/** The path that a repeat has as well: of two links to one thing each has a token of its own. */
function pathWithoutToken(ctx: Context): string {
  const path = publicPath(ctx)
  return ctx.poe.naming === 'link' ? path.replace(ctx.params[TOKEN_PARAM] ?? '', '') : path
}

async function decide(visit: Visit, next: Next): Promise<void> {
  const { door, ctx, conditions } = visit
  let replaces: string | null = null
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const situation = await situationOf(visit, null)
    const unclear = undecidable(conditions, situation)
    if (unclear !== null) {
      const judged = 'If-Match or If-None-Match'
      return door.responder.refuse(ctx, filled('precondition-unjudged', unclear, judged))
    }
    const failed = failedCondition(conditions, situation)
    if (failed !== null) return await tellFailed(visit, situation, failed)
    const again = await claim(visit, situation, replaces, next)
    if (again === null) return
    replaces = again.replaces
  }
  door.responder.found(ctx, RUNNING_NOW)
}

/**
 * Claims the step out of this state, and looks again once it is claimed.
 *
 * @param replaces - whose record of an earlier step is known to be from before this state came back
 * @returns `null` where the request is answered; else what to try again with: the state was another
 *   by then, or the step is taken, though the state is here (again)
 */
async function claim(
  visit: Visit,
  situation: Situation,
  replaces: string | null,
  next: Next,
): Promise<{ readonly replaces: string | null } | null> {
  const { door, ctx, conditions } = visit
  const { core, rules } = door
  const state = stateOf(conditions, situation)
  const operation = { replaces, ...stepFrom(visit, state) }
  let again: { readonly replaces: string | null } | null = null
  // Until the handler is called nothing has happened, whatever is thrown.
  let isCalled = false
  const handler = async () => {
    const now = await situationOf(visit, rules.transactional ? ctx.poe.tx : null)
    // The same search, or the same second, may find something else by now.
    const holds = failedCondition(conditions, now) === null
    if (!holds || stateOf(conditions, now) !== state) throw MOVED
    isCalled = true
    await next()
  }
  const isRefusal = (error: unknown) => !isCalled || rules.isRefusal?.(error) === true
  const claimable = { core, ctx, operation, rules: { ...rules, isRefusal }, handler }
  try {
    await runClaimed(claimable, (served, found) => {
      if (typeof found === 'string') return
      if (found.kind !== 'spent') return door.responder.found(served, found)
      // What has run is not run again, though its record is gone and the state is here (again).
      const hasRun = isCalled && !rules.transactional
      if (!hasRun) again = { replaces: found.mark }
      else door.responder.found(served, found.payloadMatches === true ? found : UNDECIDED_NOW)
    })
  } catch (error) {
    if (error !== MOVED) throw error
    again = { replaces: null }
  }
  return again
}

const MOVED = new Error('The state has moved on')

function stepFrom({ door, target, principals, fingerprint }: Visit, state: string): Operation {
  const keepForMs = door.options.retentionMs ?? RETENTION_MS
  return operationAt(door, keepForMs, principals, fingerprint, [target, state])
}

async function situationOf({ door, ctx, conditions }: Visit, tx: unknown): Promise<Situation> {
  const { validator, exists } = door.options
  const { search } = conditions
  const current = validator === undefined ? undefined : await validator(ctx, tx)
  hearFailure(current?.etag)
  const found = search === null || exists === undefined ? null : await exists(ctx, search, tx)
  return { current: current ?? null, found, search }
}

/** A condition that this caller's own change has made false is no failure. RFC 9110 13.2.2 */
async function tellFailed(visit: Visit, situation: Situation, failed: string): Promise<void> {
  const { ctx, conditions } = visit
  const { responder } = visit.door
  for (const state of namedStates(conditions)) {
    const own = await ownChange(visit, state)
    if (own !== null) return responder.found(ctx, own)
  }
  const [only, ...others] = situation.found ?? []
  if (failed === 'If-None-Exist' && only !== undefined && others.length === 0) {
    return responder.send(ctx, bare(200, [['Location', only], NO_STORE]))
  }
  const refusal = refusalAnswer(filled('precondition-failed', failed))
  const etag = situation.current?.etag
  const tags: readonly AnswerField[] = typeof etag === 'string' ? [['ETag', etag]] : NONE
  responder.refuseWith(ctx, { ...refusal, fields: [...tags, ...refusal.fields] })
}

/** What became of this caller's own request in a state that is over; `null`: it left no trace. */
async function ownChange(visit: Visit, state: string): Promise<RefusedFinding | null> {
  const { core, rules } = visit.door
  const operation = { refusesOtherContent: true, ...stepFrom(visit, state) }
  const finding = await core.engine.lookAndAsk(operation, rules)
  return finding.kind === 'unspent' || finding.kind === 'other-content' ? null : finding
}
