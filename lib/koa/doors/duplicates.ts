/**
 * `once.detectDuplicates()`: requests without a name, judged by a declared identity, within a
 * window.
 *
 * Content is no intent: this is a suspicion, told as one, and never hidden. A request that names
 * itself, by a POE link or a key, is never suspected.
 */
import type { Context, Middleware, Next } from 'koa'
import { nanoid } from 'nanoid'
import { NO_STORE, NONE, refusalAnswer, seeOther } from '../../answers/answer.js'
import type { RefusedFinding } from '../../answers/findings.js'
import { resultLink, resultOf } from '../../answers/outcomes.js'
import { DOOR_REFUSALS } from '../../answers/refusals.js'
import { checkChoice, checkNumber, YEAR_MS } from '../../engine/checks.js'
import { hearFailure } from '../../engine/hear-failure.js'
import {
  OVERRIDE_FIELD,
  OVERRIDE_MEMBER,
  readOverride,
} from '../../protocols/duplicate-detection/override.js'
import { spelledJson } from '../../protocols/idempotency-key/index.js'
import type { Core } from '../core.js'
import { isLinks } from '../link-first.js'
import { publicPath } from '../link-paths.js'
import { type ContentHere, wholeContent } from '../request-content.js'
import { poeOf } from '../request-poe.js'
import { runClaimed } from '../run/run-claimed.js'
import { SAFE_METHODS } from '../safe-methods.js'
import { sendDrawn, wantsHtml } from '../send.js'
import { sentForm } from '../sent-form.js'
import { type DoorOptions, makeDoor, operationAt, type ResolvedDoor } from './door.js'
import { callersOf } from './request-identity.js'

/** What a form is drawn again with. */
export interface DuplicateReason {
  /** The result of the first request; `null` where it named none. */
  readonly result: string | null
  /** To be sent as the member `duplicate-override`, if it is meant to happen once more. */
  readonly override: string
}

/** Options of `once.detectDuplicates()`. Times are milliseconds. */
export interface DuplicateOptions extends DoorOptions {
  /**
   * What makes two requests of one caller the same: any JSON value. `null` and `undefined`: this
   * request is not judged. A batch is one request.
   */
  readonly identity: (ctx: Context) => unknown
  /** How long after the first a second one is suspected. */
  readonly windowMs: number
  /** `conflict` (default): 409. `redirect`: 303 to the first result, where there is one. */
  readonly answer?: 'conflict' | 'redirect' | undefined
  /** Draws the form again for a browser, with its fields and a button to send it all the same. */
  readonly rerender?: ((ctx: Context, why: DuplicateReason) => unknown) | undefined
}

interface Detector extends ResolvedDoor {
  readonly options: DuplicateOptions
}

const OWN = ['identity', 'windowMs', 'answer', 'rerender']

/** Makes the door. @throws TypeError or RangeError that says what to do */
export function makeDetectDuplicates(core: Core, options: DuplicateOptions): Middleware {
  const detector = { ...makeDoor(core, 'detectDuplicates', options, OWN), options }
  const { where } = detector
  if (typeof options.identity !== 'function') {
    throw new TypeError(`${where}: declare identity, for example ctx => ctx.request.body.to`)
  }
  checkNumber(where, 'windowMs', options.windowMs, 1, YEAR_MS)
  const { answer = 'conflict' } = options
  checkChoice(where, 'answer', answer, ['conflict', 'redirect'])
  return async function detectDuplicates(ctx, next) {
    await detect(detector, ctx, next)
  }
}

async function detect(detector: Detector, ctx: Context, next: Next): Promise<void> {
  const { core, responder, options, rules } = detector
  const poe = poeOf(ctx)
  const isNamed = poe.naming !== null || isLinks(core, ctx)
  if (SAFE_METHODS.has(ctx.method) || isNamed) return void (await next())
  const identity = options.identity(ctx)
  if (identity instanceof Promise) {
    hearFailure(identity)
    throw new TypeError('identity(ctx) must be synchronous')
  }
  if (identity === null || identity === undefined) return void (await next())
  const callers = callersOf(detector, ctx)
  if (callers === null) return
  const said = spelledJson(identity)
  if (said === null) return responder.refuse(ctx, 'too-deep')
  const content = await wholeContent(ctx, detector.contentLimitBytes)
  if (content === null) return
  const override = readOverride(ctx.get(OVERRIDE_FIELD), await membersOf(ctx, content))
  if (override.kind === 'malformed') return responder.refuse(ctx, 'override-malformed')
  poe.naming = 'content'
  const isOverridden = override.kind === 'given'
  const parts = [callers[0], ctx.method, said, isOverridden ? override.value : '']
  const operation = operationAt(detector, options.windowMs, callers, null, parts)
  await runClaimed({ core, ctx, operation, rules, handler: next }, async (served, end) => {
    if (typeof end !== 'string') await tell(detector, served, end, isOverridden)
  })
}

/** What a parser has made of the content; else what is read here, if it may hold an override. */
async function membersOf(ctx: Context, content: ContentHere): Promise<unknown> {
  const { body } = ctx.request as { body?: unknown }
  // Parsers leave an empty object where they have read nothing.
  if (content.kind !== 'bytes' || Object.keys(body ?? {}).length > 0) return body
  const bytes = Buffer.from(content.bytes)
  if (!bytes.includes(OVERRIDE_MEMBER)) return body
  if (!ctx.is('json', '+json')) return (await sentForm(ctx, content))?.fields
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

/** A repeat under its own override is the same request again, and gets the same answer. */
async function tell(
  { responder, options }: Detector,
  ctx: Context,
  finding: RefusedFinding,
  overridden: boolean,
): Promise<void> {
  if (finding.kind !== 'spent' || overridden) return responder.found(ctx, finding)
  const self = publicPath(ctx)
  const found = resultOf(finding.outcome, self)
  const result = found === self ? null : found
  if (options.answer === 'redirect' && result !== null) {
    return responder.send(ctx, seeOther(result, [NO_STORE]))
  }
  const problem = DOOR_REFUSALS['suspected-duplicate']
  const why = { result, override: nanoid() }
  const links = result === null ? NONE : [resultLink(result, self)]
  if (options.rerender !== undefined && wantsHtml(ctx)) {
    await options.rerender(ctx, why)
    return sendDrawn(ctx, problem.status, links)
  }
  const members = { result, extra: { override: why.override } }
  responder.refuseWith(ctx, refusalAnswer(problem, null, members, links))
}
