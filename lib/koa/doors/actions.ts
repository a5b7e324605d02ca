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
import {
  type RefusedFinding,
  RUNNING_NOW,
  STORE_DOWN_NOW,
  UNDECIDED_NOW,
} from '../../answers/findings.js'
import { shownOutcome } from '../../answers/outcomes.js'
import { checkNumber } from '../../engine/checks.js'
import { digestParts } from '../../engine/fingerprint.js'
import type { Operation, OtherContent, ResourceRules } from '../../engine/operation.js'
import { isSuccess } from '../../engine/outcome.js'
import { checkFingerprint } from '../../engine/request-fingerprint.js'
import { type Core, TOKEN_PARAM } from '../core.js'
import { mustBeginWithSlash, publicPath, type RouterPort } from '../link-paths.js'
import { YEAR_MS } from '../options.js'
import { principalsOf } from '../principal.js'
import { isWhole } from '../request-content.js'
import type { RequestPoe } from '../request-poe.js'
import { runClaimed } from '../run/run-claimed.js'
import { sendNoContent } from '../send.js'
import { issueAction } from './action-ids.js'
import { type DoorOptions, resolveDoor } from './door-options.js'
import { noteUnverifiable, withoutOperation } from './link/serve.js'
import { isAtLink, tokenOperation } from './link/token-operation.js'
import { type ContentReader, type FingerprintRule, fingerprintAt } from './request-identity.js'
import { Responder } from './responder.js'

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
  /** How long an id may be used. Default: that of `poe()`. */
  readonly lifetimeMs?: number | undefined
  /** What makes a repeated PUT the same. Default `raw`. */
  readonly fingerprint?: FingerprintRule | undefined
}

interface Actions extends ContentReader {
  readonly name: string
  readonly rules: ResourceRules
  readonly perform: Middleware
  readonly undo: Middleware | null
}

/** Stands for the content of a cancelled action, which never had any. */
const CANCEL = digestParts(['cancel'])
const UNDO = digestParts(['undo'])
const OWN = ['do', 'undo', 'lifetimeMs', 'fingerprint']

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
  const resolved = resolveDoor(core, 'actions', options, OWN, core.options.waitMs)
  const { name, where, rules, documentation } = resolved
  const { undo = null, fingerprint = 'raw', lifetimeMs = core.options.lifetimeMs } = options
  if (typeof options.do !== 'function' || (undo !== null && typeof undo !== 'function')) {
    throw new TypeError(`${where}: give do, a handler that runs once, and undo if there is one`)
  }
  if (core.resources.has(name)) throw new TypeError(`There is a resource named ${name} already`)
  checkNumber(where, 'lifetimeMs', lifetimeMs, 1, YEAR_MS)
  checkFingerprint(where, fingerprint)
  const itemPath = `${path.replace(/\/$/, '')}/:${TOKEN_PARAM}`
  core.mustBeFree(router, { name, path: itemPath })
  const actions: Actions = {
    ...resolved,
    core,
    fingerprint,
    responder: new Responder(core, documentation),
    perform: options.do as Middleware,
    undo: undo as Middleware | null,
  }
  const steps = compose([...middleware, (ctx, next) => serveAction(actions, ctx, next)])
  const door: Middleware = function actionId(ctx, next) {
    return isAtLink(ctx, ctx.params[TOKEN_PARAM]) ? steps(ctx, next) : next()
  }
  router.post(
    path,
    compose([...middleware, ctx => issueAction(core, actions.responder, name, ctx)]),
  )
  router.all(itemPath, door)
  mustBeginWithSlash(where, { router, door })
  const common = { name, rules, lifetimeMs, router, door, isPoe: false }
  core.resources.set(name, { ...common, options: { name, path: itemPath } })
}

async function serveAction(actions: Actions, ctx: Context, next: Next): Promise<void> {
  const { core, name } = actions
  const principals = principalsOf(ctx, core.options.principal)
  const operation = await tokenOperation(core, name, ctx, principals)
  if (typeof operation === 'string') {
    noteUnverifiable(core, ctx, name, operation)
    return await tell(actions, ctx, withoutOperation(operation))
  }
  switch (ctx.method) {
    case 'PUT':
    case 'POST':
      return await perform(actions, ctx, operation, next)
    case 'DELETE':
      return await cancelOrUndo(actions, ctx, operation, next)
    default:
      return await look(actions, ctx, operation)
  }
}

async function perform(
  actions: Actions,
  ctx: Context,
  identity: Operation,
  next: Next,
): Promise<void> {
  const { core, rules, responder } = actions
  // A client that was sent on repeats its POST; to us that is the same request.
  const fingerprint = await fingerprintAt(actions, ctx, { method: 'PUT' })
  if (fingerprint === null) return
  const operation = { refusesOtherContent: true, ...identity, fingerprint }
  const steps = ctx.poe.inside(actions.perform)
  const handler = () => steps(ctx, next)
  await runClaimed({ core, ctx, operation, rules, handler }, (served, end) => {
    if (end === 'done') return allow(ctx, doneState(actions))
    if (typeof end === 'string') return allow(ctx, end === 'free' ? 'unused' : 'busy')
    if (end.kind !== 'spent') return tell(actions, served, end)
    allow(served, doneState(actions))
    return responder.repeat(served, end.outcome)
  })
}

/** Before its use an action is cancelled; after it, it is undone. */
async function cancelOrUndo(
  actions: Actions,
  ctx: Context,
  identity: Operation,
  next: Next,
): Promise<void> {
  const { core, rules, responder, contentLimitBytes } = actions
  if (!(await isWhole(ctx, contentLimitBytes))) return
  const operation = { refusesOtherContent: true, ...identity, fingerprint: CANCEL }
  const steps = ctx.poe.inside(async () => sendNoContent(core, ctx))
  const cancel = () => steps(ctx, next)
  // It has no effect: silence leaves the id as it was.
  const ours = { ...rules, transactional: false, marks: true, success: isSuccess, reconcile: null }
  await runClaimed({ core, ctx, operation, rules: ours, handler: cancel }, (served, end) => {
    if (end === 'done') return allow(ctx, 'cancelled')
    if (typeof end === 'string') return
    if (end.kind === 'spent') {
      allow(served, 'cancelled')
      return responder.repeat(served, end.outcome)
    }
    return isDone(end) ? undo(actions, served, identity, next) : tell(actions, served, end)
  })
}

async function undo(
  actions: Actions,
  ctx: Context,
  identity: Operation,
  next: Next,
): Promise<void> {
  const { core, rules, responder, undo: handle } = actions
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
  const steps = ctx.poe.inside(handle)
  const handler = () => steps(ctx, next)
  await runClaimed(
    { core, ctx, operation, rules, handler, handlerKey: identity.key },
    (served, end) => {
      if (typeof end === 'string') return allow(ctx, end === 'held' ? 'busy' : 'done')
      if (end.kind !== 'spent') return tell(actions, served, end)
      allow(served, 'done')
      return responder.repeat(served, end.outcome)
    },
  )
}

async function look(actions: Actions, ctx: Context, identity: Operation): Promise<void> {
  const { core, responder } = actions
  const operation = { refusesOtherContent: true, ...identity, fingerprint: CANCEL }
  const finding = await core.engine.look(operation)
  const isReading = ctx.method === 'GET' || ctx.method === 'HEAD'
  if (isDone(finding) && isReading) return await show(actions, ctx, identity)
  const isCancelled = finding.kind === 'spent'
  if (isCancelled) allow(ctx, 'cancelled')
  else if (isDone(finding)) allow(ctx, doneState(actions))
  else if (finding.kind === 'unspent') allow(ctx, 'unused')
  else return await tell(actions, ctx, finding)
  if (ctx.method === 'OPTIONS') sendNoContent(core, ctx)
  else responder.refuse(ctx, isCancelled ? 'cancelled' : 'method-not-allowed')
}

/** Whether the content of an action was carried out, and not only its cancelling. */
function isDone(finding: RefusedFinding): boolean {
  return finding.kind === 'other-content' && finding.state === 'spent'
}

/** What was answered when it was done. */
async function show(actions: Actions, ctx: Context, identity: Operation): Promise<void> {
  const { core, responder } = actions
  const finding = await core.engine.look(identity)
  if (finding.kind !== 'spent') return await tell(actions, ctx, finding)
  allow(ctx, doneState(actions))
  responder.send(ctx, shownOutcome(finding.outcome, ctx, publicPath(ctx)))
}

async function tell(actions: Actions, ctx: Context, finding: RefusedFinding): Promise<void> {
  const { core, responder } = actions
  allow(ctx, STATES[finding.kind] ?? null)
  if (finding.kind === 'forgotten') await meetWrongEpoch(core, ctx, actions.name)
  if (finding.kind === 'other-content') tellOther(actions, ctx, finding)
  else responder.found(ctx, finding)
}

const STATES: Partial<Record<RefusedFinding['kind'], keyof typeof ACTION_ALLOW>> = {
  running: 'busy',
  undecided: 'busy',
  expired: 'over',
  forgotten: 'over',
}

/** Somebody did, or is doing, something else with this id. */
function tellOther(actions: Actions, ctx: Context, finding: OtherContent): void {
  const { responder } = actions
  const { recorded, state } = finding
  const isCancelled = recorded === CANCEL
  const hasContent = ctx.method === 'PUT' || ctx.method === 'POST'
  if (state !== 'spent' && (isCancelled || !hasContent)) {
    allow(ctx, 'busy')
    responder.found(ctx, state === 'running' ? RUNNING_NOW : UNDECIDED_NOW)
    return
  }
  allow(ctx, isCancelled ? 'cancelled' : doneState(actions))
  responder.refuse(ctx, isCancelled ? 'cancelled' : 'action-mismatch')
}

/** A token of another memory of the store: what is known of that is read again. */
async function meetWrongEpoch(core: Core, ctx: Context, name: string): Promise<void> {
  const principals = principalsOf(ctx, core.options.principal)
  const operation = await tokenOperation(core, name, ctx, principals)
  if (typeof operation === 'string' || operation.epoch === null) return
  await core.secrets.meetWrongEpoch(operation.key, operation.epoch)
}

function doneState({ undo: handle }: Actions): 'done' | 'doneForGood' {
  return handle === null ? 'doneForGood' : 'done'
}

function allow(ctx: Context, state: keyof typeof ACTION_ALLOW | null): void {
  ctx.poe.state?.setAllow(state === null ? null : ACTION_ALLOW[state])
}
