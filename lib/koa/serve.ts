/**
 * One request at a POE resource whose token has been judged: the method decides what happens, and
 * what was found decides the answer.
 *
 * @see POE draft 2; RFC 9110 9.3
 */
import type { Context } from 'koa'
import type { Finding, Operation } from '../engine/operation.js'
import type { Core, Resource } from './core.js'
import { drainAfterAnswer } from './drain.js'
import { retryAfter } from './fields.js'
import { fingerprintOfContent, fingerprintOfId } from './link-fingerprint.js'
import { publicPath } from './link-paths.js'
import type { RerenderReason } from './options.js'
import { answerProblem, wantsHtml } from './problem.js'
import { type Refused, refusal } from './refusals.js'
import { answerOutcome, linkResult, resultOf } from './replay.js'
import { type ContentHere, contentSoon, mayRun } from './request-content.js'
import type { AllowState } from './resource-state.js'
import { runClaimed } from './run-claimed.js'
import { SAFE_METHODS, type TokenIdentity } from './token-operation.js'
import { watchAnswer } from './watch-answer.js'

/** One request and what it is about. */
export interface Exchange {
  readonly core: Core
  readonly resource: Resource
  readonly ctx: Context
  /** The resource's other path parameters. */
  readonly params: Readonly<Record<string, string>>
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
  if (kind === 'store-down') return { kind: 'store-down', retryAfterMs: 1_000 }
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
  const content = await contentFor(exchange, identity)
  if (content === null) return
  const operation = { ...identity, fingerprint: id ?? fingerprintOfContent(ctx, content) }
  const { state } = ctx.poe
  state?.set('busy')
  const claimable = { core, ctx, operation, rules: resource.rules, handler }
  await runClaimed(claimable, {
    done: () => state?.set('spent'),
    refused: () => state?.set(unspentState(exchange)),
    threw: (_ctx, free) => state?.set(free ? unspentState(exchange) : 'busy'),
    found: async (served, finding) => {
      if (finding.kind === 'forgotten' && operation.epoch !== null) {
        await core.vault.meetWrongEpoch(operation.key, operation.epoch)
      }
      if (finding.kind === 'foreign') {
        const { key } = operation
        core.engine.emit({ type: 'unverifiable', route: resource.name, key })
      }
      await refuse({ ...exchange, ctx: served }, finding)
    },
  })
}

/** A content up to this size is read ahead, if it is here in a moment. */
const AHEAD_BYTES = 1_048_576

/**
 * Gives the content, as far as it is here. Where it is not, a client that would send it in vain is
 * told so first, and is spared the upload.
 *
 * @returns `null` where the request is over: refused, or cut off
 */
async function contentFor(exchange: Exchange, identity: Operation): Promise<ContentHere | null> {
  const { ctx } = exchange
  const here = await contentSoon(ctx, AHEAD_BYTES)
  if (here.kind === 'unread') {
    const refused = await refusalAhead(exchange, identity)
    if (refused !== null) {
      await refuse(exchange, refused)
      return null
    }
  }
  return mayRun(ctx, here) ? here : null
}

/**
 * Tells a POST's refusal as far as it is known without the content.
 *
 * @returns `null` where the handler may run
 */
export async function refusalAhead(
  exchange: Exchange,
  identity: TokenIdentity,
): Promise<Refused | null> {
  const { core, ctx, resource } = exchange
  if (typeof identity === 'string') {
    noteUnverifiable(core, ctx, resource.name, identity)
    return withoutOperation(identity)
  }
  const finding = await find(exchange, { ...identity, fingerprint: fingerprintOfId(ctx) })
  return MAY_RUN.has(finding.kind) ? null : finding
}

/** What a claim may still find free: it asks the application, or waits. */
const MAY_RUN: ReadonlySet<Finding['kind']> = new Set(['unspent', 'running', 'undecided'])

async function look(exchange: Exchange, finding: Finding): Promise<void> {
  const { core, resource, ctx } = exchange
  if (finding.kind === 'spent') {
    decide(exchange, 'spent', () => {
      answerOutcome(ctx, finding.outcome, selfOf(exchange), core.options.uriBase)
    })
    return
  }
  if (finding.kind === 'unspent' && resource.options.page !== undefined) {
    ctx.poe.state?.set('unspent-with-page')
    await resource.options.page(ctx)
    return
  }
  await refuse(exchange, finding)
}

async function describe(exchange: Exchange, finding: Finding): Promise<void> {
  if (stateOf(exchange, finding) === null) return await refuse(exchange, finding)
  const { ctx } = exchange
  decide(exchange, stateOf(exchange, finding), () => {
    ctx.body = null
    ctx.status = 204
  })
}

/** PUT, PATCH, DELETE and the like: never an effect, in any state. */
async function notOffered(exchange: Exchange, finding: Finding): Promise<void> {
  const state = stateOf(exchange, finding)
  if (state === null) return await refuse(exchange, finding)
  const { core, ctx } = exchange
  decide(exchange, state, () => {
    answerProblem(
      ctx,
      {
        type: 'method-not-allowed',
        status: 405,
        title: 'Not with this method',
        detail: 'This address takes one POST. The Allow field tells what it takes now.',
      },
      core.options.uriBase,
    )
  })
  drainAfterAnswer(ctx)
}

/** Answers with a refusal, and with what helps to go on. */
export async function refuse(exchange: Exchange, finding: Refused): Promise<void> {
  const { core, resource, ctx, params } = exchange
  const { uriBase } = core.options
  const self = selfOf(exchange)
  const result = finding.kind === 'spent' ? resultOf(finding.outcome, self) : null
  const createForm = resource.options.createForm ?? null
  const differs = finding.kind === 'spent' && finding.payloadMatches === false
  drainAfterAnswer(ctx)
  if (await rerender(exchange, finding, result)) return
  const link = differs ? ctx.poe.link(resource.name, params) : null
  const { problem, retryAfterMs } = refusal(finding, {
    method: ctx.method,
    result,
    link,
    createForm,
  })
  decide(exchange, stateOf(exchange, finding), () => {
    if (retryAfterMs !== null) ctx.set('Retry-After', retryAfter(retryAfterMs))
    if (result !== null) linkResult(ctx, result, self, uriBase)
    if (problem.status === 410 && createForm !== null) {
      ctx.append('Link', `<${createForm}>; rel="create-form"`)
    }
    answerProblem(ctx, problem, uriBase, self)
  })
}

/** Gives a browser that came too late its form again; tells whether it did. */
async function rerender(
  exchange: Exchange,
  finding: Refused,
  result: string | null,
): Promise<boolean> {
  const { core, resource, ctx } = exchange
  const { rerender: draw } = resource.options
  const fields = (ctx.request as { body?: unknown }).body
  if (draw === undefined || ctx.method !== 'POST' || !wantsHtml(ctx) || !isFields(fields)) {
    return false
  }
  const why = reasonOf(finding, result)
  if (why === null) return false
  await draw(ctx, fields, why)
  const { status } = refusal(finding, {
    method: 'POST',
    result,
    link: null,
    createForm: null,
  }).problem
  const { body } = ctx
  decide(exchange, stateOf(exchange, finding), () => {
    ctx.status = status
    ctx.body = body
    if (result !== null) linkResult(ctx, result, selfOf(exchange), core.options.uriBase)
  })
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

function isFields(body: unknown): body is Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
}

/** Sets an answer of ours, and holds it against routers that answer in our place. */
function decide(exchange: Exchange, state: AllowState | null, answer: () => void): void {
  const { ctx } = exchange
  ctx.poe.state?.set(state)
  answer()
  ctx.poe.decision = { status: ctx.status, body: ctx.body }
}

function stateOf(exchange: Exchange, finding: Refused): AllowState | null {
  switch (finding.kind) {
    case 'unspent':
      return unspentState(exchange)
    case 'running':
    case 'undecided':
      return 'busy'
    case 'spent':
      return 'spent'
    case 'expired':
    case 'forgotten':
      return 'over'
    default:
      return null
  }
}

function unspentState({ resource }: Exchange): AllowState {
  return resource.options.page === undefined ? 'unspent' : 'unspent-with-page'
}

/** The POE resource as the client named it, without its query, safe to be quoted in a field. */
function selfOf({ core, ctx }: Exchange): string {
  const path = core.options.publicPrefix + publicPath(ctx)
  return path.replace(/[^!#-;=?-[\]^-~]/g, encodeURIComponent)
}
