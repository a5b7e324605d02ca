/**
 * One request at a POE resource whose token has been judged: the method decides what happens, and
 * what was found decides the answer.
 *
 * @see POE draft 2; RFC 9110 9.3
 */
import type { Context, Middleware, Next } from 'koa'
import { linkAllow } from '../../../answers/allow.js'
import {
  type Answer,
  isRefusal,
  NONE,
  type Problem,
  refusalAnswer,
} from '../../../answers/answer.js'
import {
  problemOf,
  type RefusedFinding,
  retryTimeOf,
  STORE_DOWN_NOW,
} from '../../../answers/findings.js'
import { asAnothers, resultLink, resultOf, shownOutcome } from '../../../answers/outcomes.js'
import { LINK_REFUSALS } from '../../../answers/refusals.js'
import { fingerprintOfContent, fingerprintOfId } from '../../../engine/link-fingerprint.js'
import type { Finding, Operation } from '../../../engine/operation.js'
import type { Outcome } from '../../../engine/outcome.js'
import type { Core, Resource } from '../../core.js'
import { sendRefusal } from '../../draw-refusal.js'
import type { RerenderReason } from '../../options.js'
import {
  AHEAD_BYTES,
  type ContentHere,
  contentSoon,
  hasFiles,
  mayRun,
} from '../../request-content.js'
import type { LinkParams } from '../../request-poe.js'
import { runClaimed } from '../../run/run-claimed.js'
import { SAFE_METHODS } from '../../safe-methods.js'
import { selfOf, send, sendDrawn, sendNoContent, wantsHtml } from '../../send.js'
import { sentForm } from '../../sent-form.js'
import { watchAnswer } from '../../watch-answer.js'
import { otherParams, type TokenIdentity } from './token-operation.js'

/**
 * One request and what it is about. A class, as is all that holds a request while a store is waited
 * for: V8 puts object literals that live so long into old space, and the whole request after them.
 */
export class LinkRequest {
  readonly core: Core
  readonly resource: Resource
  readonly ctx: Context
  /** What a first POST runs. */
  readonly handler: Middleware
  readonly next: Next
  /** What is known of the content, where somebody has looked. */
  content: ContentHere | null = null

  constructor(core: Core, resource: Resource, ctx: Context, handler: Middleware, next: Next) {
    this.core = core
    this.resource = resource
    this.ctx = ctx
    this.handler = handler
    this.next = next
  }

  /** The same with another context. */
  with(ctx: Context): LinkRequest {
    if (ctx === this.ctx) return this
    const same = new LinkRequest(this.core, this.resource, ctx, this.handler, this.next)
    same.content = this.content
    return same
  }
}

/**
 * Serves a request.
 *
 * @param exchange - the request
 * @param identity - the judged operation, or why there is none
 * @returns a promise where anything has to be waited for
 * @throws what the handler throws
 */
export function serve(exchange: LinkRequest, identity: TokenIdentity): void | Promise<void> {
  if (typeof identity === 'string') {
    noteUnverifiable(exchange.core, exchange.ctx, exchange.resource.name, identity)
    return refuse(exchange, withoutOperation(identity))
  }
  switch (exchange.ctx.req.method) {
    case 'POST':
      return post(exchange, identity)
    case 'GET':
    case 'HEAD':
      return find(exchange, withContent(identity, idOf(exchange.ctx)), look)
    case 'OPTIONS':
      return find(exchange, identity, describe)
    default:
      return find(exchange, identity, notOffered)
  }
}

/** What is told where a token names no operation. */
export function withoutOperation(kind: Exclude<TokenIdentity, Operation>): RefusedFinding {
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
  if (SAFE_METHODS.has(ctx.req.method ?? '')) return
  watchAnswer(core, ctx)
  if (kind === 'unverifiable') core.engine.emit({ type: 'unverifiable', route, key: null })
}

/** Asks the store, and goes on with what was found. */
function find(
  exchange: LinkRequest,
  operation: Operation,
  then: (exchange: LinkRequest, finding: Finding) => void | Promise<void>,
): void | Promise<void> {
  const { engine, secrets } = exchange.core
  const go = (finding: Finding): void | Promise<void> => {
    if (finding.kind !== 'forgotten' || operation.epoch === null) return then(exchange, finding)
    return secrets
      .meetWrongEpoch(operation.key, operation.epoch)
      .then(() => then(exchange, finding))
  }
  const finding = engine.look(operation)
  return finding instanceof Promise ? finding.then(go) : go(finding)
}

function post(exchange: LinkRequest, identity: Operation): void | Promise<void> {
  const content = contentSoon(exchange.ctx, AHEAD_BYTES)
  // Waited for only where it has to come: a promise that is not needed costs each request.
  if (content instanceof Promise) return content.then(late => postWith(exchange, identity, late))
  return postWith(exchange, identity, content)
}

function postWith(
  exchange: LinkRequest,
  identity: Operation,
  content: ContentHere,
): void | Promise<void> {
  if (content.kind !== 'unread') return run(exchange, identity, content)
  const operation = withContent(identity, idOf(exchange.ctx))
  // A client that would send it in vain is told so first, and is spared the upload.
  return find(exchange, operation, (_, finding) =>
    MAY_RUN.has(finding.kind) ? run(exchange, identity, content) : refuse(exchange, finding),
  )
}

function run(
  exchange: LinkRequest,
  identity: Operation,
  content: ContentHere,
): void | Promise<void> {
  const { core, resource, ctx, handler, next } = exchange
  if (!mayRun(ctx, content)) return
  exchange.content = content
  const operation = withContent(identity, idOf(ctx) ?? contentIdOf(ctx, content))
  allow(exchange, 'running')
  const steps = ctx.poe.inside(handler)
  const { rules } = resource
  const claimable = { core, ctx, operation, rules, handler: () => steps(ctx, next) }
  return runClaimed(claimable, (served, end) =>
    typeof end === 'string'
      ? void allow(exchange, AFTER[end])
      : tell(exchange.with(served), operation, end),
  )
}

function idOf(ctx: Context): string | null {
  return fingerprintOfId(ctx.req.headers['idempotency-key'])
}

function contentIdOf(ctx: Context, content: ContentHere): string | null {
  if (content.kind !== 'bytes' && content.kind !== 'parsed') return null
  const { 'content-type': type = '' } = ctx.req.headers
  return fingerprintOfContent(type, content, () => hasFiles(ctx))
}

function withContent(identity: Operation, fingerprint: string | null): Operation {
  return { ...identity, fingerprint }
}

/** What is found at a link once its run has ended. */
const AFTER = { done: 'spent', free: 'unspent', held: 'undecided' } as const

function tell(
  exchange: LinkRequest,
  { key, epoch }: Operation,
  finding: RefusedFinding,
): void | Promise<void> {
  const { core, resource } = exchange
  if (finding.kind === 'forgotten' && epoch !== null) {
    return core.secrets.meetWrongEpoch(key, epoch).then(() => refuse(exchange, finding))
  }
  if (finding.kind === 'foreign') {
    core.engine.emit({ type: 'unverifiable', route: resource.name, key })
  }
  return refuse(exchange, finding)
}

/** What a claim may still find free: it asks the application, or waits. */
const MAY_RUN: ReadonlySet<Finding['kind']> = new Set(['unspent', 'running', 'undecided'])

function look(exchange: LinkRequest, finding: Finding): void | Promise<void> {
  const { core, resource, ctx } = exchange
  if (finding.kind === 'spent') {
    allow(exchange, 'spent')
    const self = selfOf(core, ctx)
    const { outcome, payloadMatches } = finding
    const shown = shownOutcome(outcome, ctx, self)
    return answer(exchange, payloadMatches === false ? asAnothers(shown, self) : shown, outcome)
  }
  if (finding.kind !== 'unspent' || resource.options.page === undefined) {
    return refuse(exchange, finding)
  }
  allow(exchange, 'unspent')
  return resource.options.page(ctx) as Promise<void>
}

function describe(exchange: LinkRequest, finding: Finding): void | Promise<void> {
  if (!allow(exchange, finding.kind)) return refuse(exchange, finding)
  sendNoContent(exchange.core, exchange.ctx)
}

function notOffered(exchange: LinkRequest, finding: Finding): void | Promise<void> {
  if (!allow(exchange, finding.kind)) return refuse(exchange, finding)
  return answer(exchange, refusalAnswer(LINK_REFUSALS['method-not-allowed']), null)
}

/**
 * Answers with a refusal, and with what helps to go on; or gives a browser that came too late its
 * form again.
 */
function refuse(exchange: LinkRequest, finding: RefusedFinding): void | Promise<void> {
  const { core, resource, ctx } = exchange
  allow(exchange, finding.kind)
  const { method } = ctx.req
  const problem = problemOf(finding, method ?? '')
  const isSpent = finding.kind === 'spent'
  const self = isSpent ? selfOf(core, ctx) : ''
  const result = isSpent ? resultOf(finding.outcome, self) : null
  const links = result === null ? NONE : [resultLink(result, self)]
  const { rerender } = resource.options
  if (rerender === undefined || method !== 'POST' || !wantsHtml(ctx)) {
    return answerRefusal(exchange, finding, problem, result, links)
  }
  const draw = async () => {
    const why = reasonOf(finding, result)
    const sent = why === null ? null : await sentForm(ctx, exchange.content)
    if (why === null || sent === null) {
      return answerRefusal(exchange, finding, problem, result, links)
    }
    await rerender(ctx, sent.fields, why)
    sendDrawn(ctx, problem.status, links)
  }
  return draw()
}

function answerRefusal(
  exchange: LinkRequest,
  finding: RefusedFinding,
  problem: Problem,
  result: string | null,
  links: readonly string[],
): void | Promise<void> {
  const { core, resource, ctx } = exchange
  const { createForm = null } = resource.options
  if (finding.kind !== 'spent') {
    const isOver = problem.status === 410 && createForm !== null
    const members = isOver ? { createForm } : null
    const form = isOver ? [`<${createForm}>; rel="create-form"`] : NONE
    return answer(exchange, refusalAnswer(problem, retryTimeOf(finding), members, form), null)
  }
  const { payloadMatches, outcome } = finding
  const isOther = payloadMatches === false
  const fresh = isOther ? ctx.poe.mintOf(core, resource.name, paramsOf(ctx)) : null
  const link = fresh?.link ?? null
  const form = payloadMatches === true ? null : createForm
  const members = { result, payloadMatches, link, createForm: form }
  return answer(exchange, refusalAnswer(problem, null, members, links), outcome)
}

/** Sends an answer; a refusal is drawn for a person, and only that has to be waited for. */
function answer(
  exchange: LinkRequest,
  given: Answer,
  outcome: Outcome | null,
): void | Promise<void> {
  const { core, resource, ctx, content } = exchange
  if (!isRefusal(given)) return send(core, ctx, given)
  if (!wantsHtml(ctx)) return send(core, ctx, given, null)
  const { name, options } = resource
  const params = paramsOf(ctx)
  return sendRefusal(core, ctx, given, { name, params, draw: options.refusal, outcome, content })
}

function paramsOf(ctx: Context): LinkParams {
  return Object.fromEntries(otherParams(ctx))
}

function reasonOf(finding: RefusedFinding, result: string | null): RerenderReason | null {
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
function allow({ resource, ctx }: LinkRequest, kind: RefusedFinding['kind']): boolean {
  const allowed = linkAllow(kind, resource.options.page !== undefined)
  ctx.poe.state?.setAllow(allowed)
  return allowed !== null
}
