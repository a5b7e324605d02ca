/**
 * `once.actions()`: ids that the server issues, then PUT to do it and DELETE to undo it.
 *
 * An empty POST hands out an id, and nothing is stored until that is used: it is a token, as a POE
 * link has one. PUT and DELETE are answered once by the handlers, and from the record ever after.
 *
 * @see RFC 9110 9.3.4, 9.3.5; decision 0010
 */
import type { RouterContext } from '@koa/router'
import type { Context, Middleware, Next } from 'koa'
import compose from 'koa-compose'
import { ACTION_ALLOW } from '../../answers/allow.js'
import { json, NO_STORE } from '../../answers/answer.js'
import {
  type RefusedFinding,
  RUNNING_NOW,
  STORE_DOWN_NOW,
  UNDECIDED_NOW,
} from '../../answers/findings.js'
import { shownOutcome } from '../../answers/outcomes.js'
import { checkFunctions, checkNumber, YEAR_MS } from '../../engine/checks.js'
import { digestParts } from '../../engine/fingerprint.js'
import type { Operation, OtherContent, ResourceRules } from '../../engine/operation.js'
import { isSuccess } from '../../engine/outcome.js'
import { type Core, TOKEN_PARAM } from '../core.js'
import { publicPath, type RouterPort } from '../link-paths.js'
import { principalsOf } from '../principal.js'
import { contentOf, wholeContent } from '../request-content.js'
import { poeOf, type RequestPoe } from '../request-poe.js'
import { runClaimed } from '../run/run-claimed.js'
import { sendNoContent } from '../send.js'
import { type DoorOptions, type FingerprintRule, makeDoor, type ResolvedDoor } from './door.js'
import { noteUnverifiable, withoutOperation } from './link/serve.js'
import { isAtLink, tokenOperation } from './link/token-operation.js'
import { callersOf, fingerprintAt } from './request-identity.js'

/** What does or undoes an action. */
export type ActionHandler<Tx> = (
  ctx: RouterContext & { readonly poe: RequestPoe<Tx> },
  next: Next,
) => unknown

/** Options of `once.actions()`. Times are milliseconds. */
export interface ActionOptions<Tx = never> extends DoorOptions {
  /** Does it: PUT, or the POST of a client that was sent on. Runs once. */
  readonly do: ActionHandler<Tx>
  /**
   * Undoes what was done: DELETE. Runs once. Without it, what is done stays done. `ctx.poe.key` is
   * the same here as it was in `do`.
   */
  readonly undo?: ActionHandler<Tx> | undefined
  /**
   * Finds out about an undecided undoing, as `reconcile` does about `do` and no more. Both are
   * given `ctx.poe.key`.
   */
  readonly reconcileUndo?: DoorOptions['reconcile']
  /** How long an id may be used. Default: that of `poe()`. */
  readonly lifetimeMs?: number | undefined
  /** What makes a repeated PUT the same. Default `raw`. */
  readonly fingerprint?: FingerprintRule | undefined
}

interface Actions extends ResolvedDoor {
  readonly perform: Middleware
  readonly undo: Middleware | null
  readonly reconcileUndo: ResourceRules['reconcile']
}

/** Stands for the content of a cancelled action, which never had any. */
const CANCEL = digestParts(['cancel'])
const UNDO = digestParts(['undo'])
const OWN = ['do', 'undo', 'reconcileUndo', 'lifetimeMs', 'fingerprint']

/**
 * Registers the routes: POST to `path`, and everything below it.
 *
 * @param middleware - runs in front of both, outside the claim
 * @throws TypeError or RangeError that says what to do
 */
export function registerActions<Tx>(
  core: Core,
  router: RouterPort,
  path: string,
  options: ActionOptions<Tx>,
  middleware: readonly Middleware[],
): void {
  const made = makeDoor(core, 'actions', options, OWN)
  const { name, where, rules } = made
  const { undo = null, reconcileUndo = null, lifetimeMs = core.options.lifetimeMs } = options
  checkFunctions(where, options, { reconcileUndo: 'tells what became of an undoing' })
  if (typeof options.do !== 'function' || (undo !== null && typeof undo !== 'function')) {
    throw new TypeError(`${where}: give do, a handler that runs once, and undo if there is one`)
  }
  checkNumber(where, 'lifetimeMs', lifetimeMs, 1, YEAR_MS)
  const handlers = { perform: options.do as Middleware, undo: undo as Middleware | null }
  const actions = { ...made, ...handlers, reconcileUndo }
  const steps = compose([...middleware, (ctx, next) => serveAction(actions, ctx, next)])
  const door: Middleware = function actionId(ctx, next) {
    return isAtLink(ctx, ctx.params[TOKEN_PARAM]) ? steps(ctx, next) : next()
  }
  const itemPath = `${path.replace(/\/$/, '')}/:${TOKEN_PARAM}`
  const common = { name, rules, lifetimeMs, router, door, isPoe: false }
  core.register(where, { ...common, options: { name, path: itemPath } })
  router.post(path, compose([...middleware, ctx => issueAction(actions, ctx)]))
}

/**
 * Answers an empty POST with a fresh id: 201, `Location`, JSON `{ id, action, expires }`. Harmless
 * to repeat, and to lose.
 */
async function issueAction(actions: Actions, ctx: Context): Promise<void> {
  const { core, responder, name } = actions
  if (callersOf(actions, ctx) === null) return
  const content = await contentOf(ctx, 0)
  if (content.kind !== 'bytes') return responder.refuse(ctx, 'not-empty')
  const offered = poeOf(ctx).mintOf(core, name, ctx.params ?? {})
  if (offered === null || offered.expiresAtMs === null) {
    return responder.found(ctx, STORE_DOWN_NOW)
  }
  const { link, expiresAtMs } = offered
  const id = decodeURIComponent(link.slice(link.lastIndexOf('/') + 1))
  const made = { id, action: link, expires: new Date(expiresAtMs).toISOString() }
  responder.send(ctx, json(201, [['Location', link], NO_STORE], made))
}

async function serveAction(actions: Actions, ctx: Context, next: Next): Promise<void> {
  const { core, name } = actions
  const principals = principalsOf(ctx, core.options.principal)
  const identity = await tokenOperation(core, name, ctx, principals)
  if (typeof identity === 'string') {
    noteUnverifiable(core, ctx, name, identity)
    return tell(actions, ctx, withoutOperation(identity))
  }
  const request = new ActionRequest(actions, ctx, identity, next)
  switch (ctx.method) {
    case 'PUT':
    case 'POST':
      return await perform(request)
    case 'DELETE':
      return await cancelOrUndo(request)
    default:
      return await look(request)
  }
}

type State = keyof typeof ACTION_ALLOW

/** A request whose token names an action. A class for the reason that `LinkRequest` is one. */
class ActionRequest {
  readonly actions: Actions
  readonly ctx: Context
  readonly identity: Operation
  readonly next: Next

  constructor(actions: Actions, ctx: Context, identity: Operation, next: Next) {
    this.actions = actions
    this.ctx = ctx
    this.identity = identity
    this.next = next
  }
}

async function perform(request: ActionRequest): Promise<void> {
  const { actions, ctx, identity } = request
  // A client that was sent on repeats its POST; to us that is the same request.
  const fingerprint = await fingerprintAt(actions, ctx, { method: 'PUT' })
  if (fingerprint === null) return
  const operation = { refusesOtherContent: true, ...identity, fingerprint }
  const states = { done: doneState(actions), free: 'unused', held: 'undecided' } as const
  await run(request, operation, actions.perform, actions.rules, states)
}

/** Before its use an action is cancelled; after it, it is undone. */
async function cancelOrUndo(request: ActionRequest): Promise<void> {
  const { actions, ctx, identity, next } = request
  const { core, rules, contentLimitBytes } = actions
  if ((await wholeContent(ctx, contentLimitBytes)) === null) return
  const operation = { refusesOtherContent: true, ...identity, fingerprint: CANCEL }
  const cancel = async () => sendNoContent(core, ctx)
  // It has no effect: silence leaves the id as it was.
  const ours = { ...rules, transactional: false, marks: true, success: isSuccess, reconcile: null }
  const states = { done: 'cancelled', free: 'unused', held: 'undecided' } as const
  await run(request, operation, cancel, ours, states, (served, finding) =>
    finding.kind === 'other-content' && finding.state === 'spent'
      ? undo(new ActionRequest(actions, served, identity, next))
      : tellAt(request, served, finding),
  )
}

async function undo(request: ActionRequest): Promise<void> {
  const { actions, ctx, identity } = request
  const { core, rules, responder, undo: handle, reconcileUndo: ask } = actions
  if (handle === null) {
    allow(ctx, 'doneForGood')
    return responder.refuse(ctx, 'cannot-undo')
  }
  await core.secrets.prepare()
  const key = core.secrets.keyBeside(identity.key, 'undo')
  if (key === null) return responder.found(ctx, STORE_DOWN_NOW)
  // What was done may be undone for as long as it is remembered.
  const expiresAtMs = identity.keepUntilMs
  const operation = { ...identity, key, fingerprint: UNDO, expiresAtMs }
  // By the record's own key nobody outside finds what the handler did under `ctx.poe.key`.
  const reconcile = ask === null ? null : () => ask(identity.key)
  const states = { done: 'done', free: 'done', held: 'undecided' } as const
  await run(request, operation, handle, { ...rules, reconcile }, states)
}

/**
 * Runs a handler once.
 *
 * @param states - the state of the action once the handler's word stands
 * @param otherwise - tells what was found that is no answer of this handler's
 */
function run(
  request: ActionRequest,
  operation: Operation,
  handle: Middleware,
  rules: ResourceRules,
  states: Readonly<Record<'done' | 'free' | 'held', State>>,
  otherwise = (served: Context, finding: RefusedFinding) => tellAt(request, served, finding),
): void | Promise<void> {
  const { actions, ctx, identity, next } = request
  const { core, responder } = actions
  const steps = ctx.poe.inside(handle)
  const handler = () => steps(ctx, next)
  const claimable = { core, ctx, operation, rules, handler, handlerKey: identity.key }
  return runClaimed(claimable, (served, end) => {
    if (typeof end === 'string') return allow(served, states[end])
    if (end.kind !== 'spent') return otherwise(served, end)
    allow(served, states.done)
    return responder.repeat(served, end.outcome)
  })
}

async function look(request: ActionRequest): Promise<void> {
  const { actions, ctx, identity } = request
  const { core, responder } = actions
  const finding = await core.engine.look({ ...identity, fingerprint: CANCEL })
  if (finding.kind === 'running') return tell(actions, ctx, RUNNING_NOW)
  if (finding.kind !== 'spent' && finding.kind !== 'unspent') {
    return await tellAt(request, ctx, finding)
  }
  const isSpent = finding.kind === 'spent'
  const isCancelled = isSpent && finding.payloadMatches !== false
  allow(ctx, isCancelled ? 'cancelled' : isSpent ? doneState(actions) : 'unused')
  const isReading = ctx.method === 'GET' || ctx.method === 'HEAD'
  if (isSpent && !isCancelled && isReading) {
    return responder.send(ctx, shownOutcome(finding.outcome, ctx, publicPath(ctx)))
  }
  if (ctx.method === 'OPTIONS') return sendNoContent(core, ctx)
  responder.refuse(ctx, isCancelled ? 'cancelled' : 'method-not-allowed')
}

/** A token of another memory of the store: what is known of that is read again. */
async function tellAt(
  { actions, identity }: ActionRequest,
  ctx: Context,
  finding: RefusedFinding,
): Promise<void> {
  const { key, epoch } = identity
  const isForgotten = finding.kind === 'forgotten' && epoch !== null
  if (isForgotten) await actions.core.secrets.meetWrongEpoch(key, epoch)
  tell(actions, ctx, finding)
}

function tell(actions: Actions, ctx: Context, finding: RefusedFinding): void {
  allow(ctx, finding.kind)
  if (finding.kind === 'other-content') tellOther(actions, ctx, finding)
  else actions.responder.found(ctx, finding)
}

/** Somebody did, or is doing, something else with this id. */
function tellOther(actions: Actions, ctx: Context, finding: OtherContent): void {
  const { responder } = actions
  const { recorded, state } = finding
  const isCancelled = recorded === CANCEL
  const hasContent = ctx.method === 'PUT' || ctx.method === 'POST'
  if (state !== 'spent' && (isCancelled || !hasContent)) {
    allow(ctx, state)
    responder.found(ctx, state === 'running' ? RUNNING_NOW : UNDECIDED_NOW)
    return
  }
  allow(ctx, isCancelled ? 'cancelled' : doneState(actions))
  responder.refuse(ctx, isCancelled ? 'cancelled' : 'action-mismatch')
}

function doneState({ undo: handle }: Actions): 'done' | 'doneForGood' {
  return handle === null ? 'doneForGood' : 'done'
}

function allow(ctx: Context, state: State | RefusedFinding['kind']): void {
  const allowed: Readonly<Partial<Record<string, string>>> = ACTION_ALLOW
  ctx.poe.state?.setAllow(allowed[state] ?? null)
}
