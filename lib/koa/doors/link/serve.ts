/**
 * One request at a POE resource whose token has been judged: the method decides what happens, and
 * what was found decides the answer.
 *
 * @see POE draft 2; RFC 9110 9.3
 */
import type { Context } from 'koa'
import { linkAllow } from '../../../answers/allow.js'
import { type Answer, isRefusal, NONE, refusalAnswer } from '../../../answers/answer.js'
import { problemOf, type Refused, retryTimeOf, STORE_DOWN_NOW } from '../../../answers/findings.js'
import { resultLink, resultOf, shownOutcome } from '../../../answers/outcomes.js'
import { LINK_REFUSALS } from '../../../answers/refusals.js'
import type { Finding, Operation } from '../../../engine/operation.js'
import type { Outcome } from '../../../engine/outcome.js'
import type { Core, Resource } from '../../core.js'
import { sendRefusal } from '../../draw-refusal.js'
import type { RerenderReason } from '../../options.js'
import { type ContentHere, contentSoon, mayRun } from '../../request-content.js'
import { runClaimed } from '../../run/run-claimed.js'
import { SAFE_METHODS } from '../../safe-methods.js'
import { selfOf, send, sendDrawn, sendNoContent, wantsHtml } from '../../send.js'
import { sentFields } from '../../sent-fields.js'
import { watchAnswer } from '../../watch-answer.js'
import { fingerprintOfContent, fingerprintOfId } from './link-fingerprint.js'
import type { TokenIdentity } from './token-operation.js'

/** One request and what it is about. */
export interface Exchange {
  readonly core: Core
  readonly resource: Resource
  readonly ctx: Context
  /** The resource's other path parameters. */
  readonly params: Readonly<Record<string, string>>
  /** What is known of the content, where somebody has looked. */
  content: ContentHere | null
}

/**
 * Serves a request.
 *
 * @param exchange - the request
 * @param identity - the judged operation, or why there is none
 * @param handler - what a first POST runs
 * @throws what the handler throws
 */
export function serve(
  exchange: Exchange,
  identity: TokenIdentity,
  handler: () => Promise<unknown>,
): Promise<void> {
  if (typeof identity === 'string') {
    noteUnverifiable(exchange.core, exchange.ctx, exchange.resource.name, identity)
    return refuse(exchange, withoutOperation(identity))
  }
  switch (exchange.ctx.method) {
    case 'POST':
      return post(exchange, identity, handler)
    case 'GET':
    case 'HEAD':
      return find(exchange, identity).then(finding => look(exchange, finding))
    case 'OPTIONS':
      return find(exchange, identity).then(finding => describe(exchange, finding))
    default:
      return find(exchange, identity).then(finding => notOffered(exchange, finding))
  }
}

/** What is told where a token names no operation. */
export function withoutOperation(kind: Exclude<TokenIdentity, Operation>): Refused {
  if (kind === 'past-horizon') return { kind: 'forgotten' }
  if (kind === 'store-down') return STORE_DOWN_NOW
  return { kind: 'unverifiable' }
}

/**
 * Tells of a request that would have changed something, at a link that was never given out, or was
 * given to somebody else.
 *
 * @param route - the resource's name
 */
export function noteUnverifiable(
  core: Core,
  ctx: Context,
  route: string,
  kind: Exclude<TokenIdentity, Operation>,
): void {
  if (SAFE_METHODS.has(ctx.method)) return
  watchAnswer(core, ctx)
  if (kind === 'unverifiable') core.engine.emit({ type: 'unverifiable', route, key: null })
}

async function find(exchange: Exchange, operation: Operation): Promise<Finding> {
  const { engine, vault } = exchange.core
  const finding = await engine.look(operation)
  if (finding.kind === 'forgotten' && operation.epoch !== null) {
    await vault.meetWrongEpoch(operation.key, operation.epoch)
  }
  return finding
}

async function post(
  exchange: Exchange,
  identity: Operation,
  handler: () => Promise<unknown>,
): Promise<void> {
  const { core, resource, ctx } = exchange
  const id = fingerprintOfId(ctx)
  // Awaited only where it has to come: a promise that is not needed costs each request.
  const coming = contentSoon(ctx, AHEAD_BYTES)
  const content = coming instanceof Promise ? await coming : coming
  if (content.kind === 'unread') {
    const isRefused = await refuseEarly(exchange, { ...identity, fingerprint: id })
    if (isRefused) return
  }
  if (!mayRun(ctx, content)) return
  exchange.content = content
  const operation = { ...identity, fingerprint: id ?? fingerprintOfContent(ctx, content) }
  allow(exchange, 'running')
  const claimable = { core, ctx, operation, rules: resource.rules, handler }
  await runClaimed(claimable, (served, end) =>
    typeof end === 'string'
      ? void allow(exchange, AFTER[end])
      : tell(served === ctx ? exchange : { ...exchange, ctx: served }, operation, end),
  )
}

/** What is found at a link once its run has ended. */
const AFTER = { done: 'spent', free: 'unspent', held: 'undecided' } as const

async function tell(exchange: Exchange, operation: Operation, finding: Refused): Promise<void> {
  const { core, resource } = exchange
  const { key, epoch } = operation
  if (finding.kind === 'forgotten' && epoch !== null) await core.vault.meetWrongEpoch(key, epoch)
  if (finding.kind === 'foreign') {
    core.engine.emit({ type: 'unverifiable', route: resource.name, key })
  }
  await refuse(exchange, finding)
}

/** A content up to this size is read ahead, if it is here in a moment. */
const AHEAD_BYTES = 1_048_576

/**
 * Refuses a request whose content is not here, if it can be refused without it: a client that would
 * send it in vain is told so first, and is spared the upload.
 *
 * @returns whether it is refused
 */
async function refuseEarly(exchange: Exchange, operation: Operation): Promise<boolean> {
  const finding = await find(exchange, operation)
  if (MAY_RUN.has(finding.kind)) return false
  await refuse(exchange, finding)
  return true
}

/** What a claim may still find free: it asks the application, or waits. */
const MAY_RUN: ReadonlySet<Finding['kind']> = new Set(['unspent', 'running', 'undecided'])

async function look(exchange: Exchange, finding: Finding): Promise<void> {
  const { core, resource, ctx } = exchange
  if (finding.kind === 'spent') {
    allow(exchange, 'spent')
    const self = selfOf(core, ctx)
    const shown = shownOutcome(finding.outcome, ctx, self, core.options.uriBase)
    return await answer(exchange, shown, finding.outcome)
  }
  if (finding.kind !== 'unspent' || resource.options.page === undefined) {
    return await refuse(exchange, finding)
  }
  allow(exchange, 'unspent')
  await resource.options.page(ctx)
}

async function describe(exchange: Exchange, finding: Finding): Promise<void> {
  if (allow(exchange, finding.kind)) sendNoContent(exchange.core, exchange.ctx)
  else await refuse(exchange, finding)
}

async function notOffered(exchange: Exchange, finding: Finding): Promise<void> {
  const isKnown = allow(exchange, finding.kind)
  if (isKnown) await answer(exchange, refusalAnswer(LINK_REFUSALS['method-not-allowed']), null)
  else await refuse(exchange, finding)
}

/** Answers with a refusal, and with what helps to go on. */
async function refuse(exchange: Exchange, finding: Refused): Promise<void> {
  const { core, resource, ctx, params } = exchange
  const problem = problemOf(finding, ctx.method)
  allow(exchange, finding.kind)
  if (finding.kind !== 'spent') {
    if (await rerender(exchange, finding, null)) return
    const { createForm = null } = resource.options
    const isOver = problem.status === 410 && createForm !== null
    const members = isOver ? { createForm } : null
    const links = isOver ? [`<${createForm}>; rel="create-form"`] : NONE
    const refusal = refusalAnswer(problem, retryTimeOf(finding), members, links)
    return await answer(exchange, refusal, null)
  }
  const { payloadMatches } = finding
  const self = selfOf(core, ctx)
  const result = resultOf(finding.outcome, self)
  if (await rerender(exchange, finding, result)) return
  const link = payloadMatches === false ? ctx.poe.link(resource.name, params) : null
  const createForm = payloadMatches === true ? null : (resource.options.createForm ?? null)
  const members = { result, payloadMatches, link, createForm }
  const links = [resultLink(result, self, core.options.uriBase)]
  await answer(exchange, refusalAnswer(problem, null, members, links), finding.outcome)
}

/** Sends an answer; a refusal is drawn for a person, and only that has to be waited for. */
function answer(exchange: Exchange, given: Answer, outcome: Outcome | null): void | Promise<void> {
  const { core, resource, ctx, params, content } = exchange
  if (!isRefusal(given)) return send(core, ctx, given)
  if (!wantsHtml(ctx)) return send(core, ctx, given, null)
  const { name, options } = resource
  return sendRefusal(core, ctx, given, { name, params, draw: options.refusal, outcome, content })
}

/** Gives a browser that came too late its form again; tells whether it did. */
async function rerender(
  exchange: Exchange,
  finding: Refused,
  result: string | null,
): Promise<boolean> {
  const { core, resource, ctx } = exchange
  const { uriBase } = core.options
  const { rerender: draw } = resource.options
  if (draw === undefined || ctx.method !== 'POST' || !wantsHtml(ctx)) return false
  const why = reasonOf(finding, result)
  if (why === null) return false
  const fields = await sentFields(ctx, exchange.content)
  if (fields === null) return false
  await draw(ctx, fields, why)
  const links = result === null ? NONE : [resultLink(result, selfOf(core, ctx), uriBase)]
  sendDrawn(ctx, problemOf(finding, 'POST').status, links)
  return true
}

function reasonOf(finding: Refused, result: string | null): RerenderReason | null {
  if (finding.kind === 'spent') {
    const { payloadMatches } = finding
    return payloadMatches === true ? null : { state: 'spent', result, payloadMatches }
  }
  if (finding.kind === 'expired' || finding.kind === 'forgotten') {
    return { state: finding.kind, result }
  }
  return null
}

/**
 * Notes what `Allow` says of a state.
 *
 * @returns whether that is known
 */
function allow({ resource, ctx }: Exchange, kind: Refused['kind']): boolean {
  const allowed = linkAllow(kind, resource.options.page !== undefined)
  ctx.poe.state?.setAllow(allowed)
  return allowed !== null
}
