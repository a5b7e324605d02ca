/**
 * What a handler throws: a failure that it reports in its own name, or a surprise, which must look
 * neither like a success nor like a refusal.
 *
 * @see decision 0012
 */
import { STATUS_CODES } from 'node:http'
import httpErrors from 'http-errors'
import type { Context } from 'koa'
import { hearFailure } from '../../engine/hear-failure.js'
import type { ResourceRules } from '../../engine/operation.js'
import { isReport } from '../../engine/outcome.js'
import { sizeOf } from '../request-content.js'
import { statusOfUnread } from './unread-content.js'

/** Which of the errors that are no answers an application calls refusals. */
export type IsRefusal = (error: unknown) => boolean

/**
 * Whether an error is a failure that the handler reports: an answer that it made, or an error that
 * the application has declared to be a refusal. An error of somebody else's is none, whatever
 * `status` it carries: client libraries put there what their own server said.
 *
 * @param error - what was thrown
 * @param rules - of the resource or door
 */
export function isReportedFailure(error: unknown, rules: ResourceRules): boolean {
  const status = answeredStatus(error)
  if (status !== null && isReport(status, rules.reports)) return true
  return isDeclared(error, rules.isRefusal)
}

/**
 * The status of an error that was made as an HTTP answer, as `ctx.throw` makes it, or that a body
 * parser of Koa's has made for content that it cannot read; `null` for any other error.
 *
 * @param error - what was thrown
 */
export function answeredStatus(error: unknown): number | null {
  const said = isObject(error) ? SAID.get(error) : undefined
  if (said !== undefined) return said
  const isAnswer = httpErrors.isHttpError(error) && !hadStatus(error) && !isMissingFile(error)
  return isAnswer ? failureOf(error) : null
}

/** Whether a file is missing. What sends files makes 404 of it, though the handler may be done. */
function isMissingFile(error: unknown): boolean {
  return isObject(error) && /^(?:ENOENT|ENOTDIR|ENAMETOOLONG)$/.test(String(error.code))
}

/**
 * Whether http-errors was given an error that had a status already, as a client library's has what
 * its server said: it keeps that one, whatever is said beside it, and only adds what is missing.
 */
function hadStatus(error: object): boolean {
  const names = Object.keys(error)
  const added = names.indexOf('expose')
  return names.indexOf('status') < added !== names.indexOf('statusCode') < added
}

/** The types of raw-body's errors. Koa's parsers read by it, and handlers any other stream. */
const OF_RAW_BODY: ReadonlySet<unknown> = new Set([
  ...['entity.too.large', 'request.aborted', 'request.size.invalid'],
  ...['encoding.unsupported', 'stream.encoding.set', 'stream.not.readable'],
])

/**
 * Errors whose status is another than the one that they show: none where they tell of what another
 * server has said; the one that the handler gave beside it; that of a parser's refusal.
 */
const SAID = new WeakMap<object, number | null>()

/**
 * Notes what a parser's error says: of this request's content it is an answer; of another's, such
 * as a gateway's answer, it is none. Nor is it after the handler's mark, for what has come before
 * may have been acted upon.
 *
 * @param error - what was thrown
 * @param isRead - whether this request's content had been read before
 * @param isMarked - whether the handler has called `pointOfNoReturn()`
 */
export function noteParsers(
  ctx: Context,
  error: unknown,
  isRead: boolean,
  isMarked: boolean,
): void {
  if (!isObject(error)) return
  const isAnswer = httpErrors.isHttpError(error)
  // A parser may be told to give its error to `ctx.throw`, which has found a status on it.
  const isOpen = isAnswer ? SAID.get(error) === null : !SAID.has(error)
  const unread = isOpen ? statusOfUnread(ctx, error, isRead || isUnread(ctx.req)) : null
  if (unread !== null) SAID.set(error, isMarked ? null : unread)
  if (!isAnswer || SAID.has(error)) return
  const { type } = error
  const isOthers = isMarked || isRead || isReadBefore(ctx, error) || isElsewhere(ctx, error)
  const isOfParser = OF_RAW_BODY.has(type) || (isMarked && type === 'entity.parse.failed')
  const isNone = isOthers ? isOfParser : type === 'request.aborted' && !isOwnCut(ctx)
  if (isNone) SAID.set(error, null)
}

/** Whether the handler had read this request's content itself when another one failed. */
function isReadBefore(
  { req }: Context,
  { type, received }: Readonly<Record<string, unknown>>,
): boolean {
  if (!req.readableEnded || req.headers['content-encoding'] !== undefined) return false
  // The byte that is too much may be the last one, whose end is told at once: then it has stopped
  // reading there, and has counted all.
  const size = sizeOf(req)
  const isLast = req.readableFlowing === false && (Number.isNaN(size) || received === size)
  return type !== 'entity.too.large' || !isLast
}

/** Whether nobody has begun to read this request, and its own fields are not what was refused. */
function isElsewhere(
  { req }: Context,
  { received, length, encoding }: Readonly<Record<string, unknown>>,
): boolean {
  if (!isUnread(req)) return false
  const { 'content-length': size, 'content-type': type = '' } = req.headers
  if (encoding !== undefined) return !type.toLowerCase().includes(String(encoding).toLowerCase())
  return received !== undefined || (length !== undefined && String(length) !== size)
}

/** Whether nobody has begun to read a content, but for what looks at it ahead of all others. */
function isUnread({ readableFlowing, readableEnded }: Context['req']): boolean {
  return readableFlowing === null && !readableEnded
}

/** Whether this request was cut off, and somebody had begun to read it. */
function isOwnCut({ req }: Context): boolean {
  return req.aborted && !isUnread(req)
}

/** The prototypes of applications' contexts whose `throw` is heard. */
const heard = new WeakSet<object>()

/**
 * Lets every context of an application tell which errors are made answers. An error that carries a
 * status keeps it, whatever the handler says beside it: `ctx.throw(500, error)` would answer with
 * what the server said that the handler had asked, and free what that server may have done.
 */
export function hearThrow(ctx: Context): void {
  const shared = Object.getPrototypeOf(ctx) as { throw: (...given: unknown[]) => never }
  if (heard.has(shared)) return
  heard.add(shared)
  const { throw: make } = shared
  shared.throw = function hear(...given: unknown[]): never {
    const error = given.find(one => one instanceof Error)
    const isTold = error === undefined || (statusOf(error) === null && !isMissingFile(error))
    if (!isTold && answeredStatus(error) === null) {
      const [status] = given
      SAID.set(error, failureOf({ status }))
    }
    return make.apply(this, given)
  }
}

/**
 * Gives what is to be thrown on, so that Koa answers 500 to a surprise. Left to itself it would
 * answer with the status of somebody else's answer, 404 where a file is missing, and nothing at all
 * for `null`.
 *
 * @param error - what was thrown
 * @param free - whether nothing has happened for certain: then any failure may be told
 * @returns the same error, or one with it as its cause
 */
export function answerable(error: unknown, free: boolean): unknown {
  const answered = answeredStatus(error)
  if (answered !== null && answered !== statusOf(error)) {
    return tellingOf(error, httpErrors(answered, { cause: error }))
  }
  if (answered !== null || (free && failureOf(error) !== null)) return error
  const isPlain = error !== null && error !== undefined && statusOf(error) === null
  if (isPlain && !isMissingFile(error)) return error
  const made = new Error(
    'The handler threw an error that reports no failure. Where nothing has happened, answer 4xx, ' +
      'throw an error of http-errors (on Koa ctx.throw(422)), or accept this one with isRefusal. ' +
      'Where it was done, return the answer: a redirect that is thrown is none.',
    { cause: error },
  )
  return tellingOf(error, made)
}

/**
 * Lets the log tell what was thrown as well: Koa writes an error's stack, and not its cause.
 *
 * @param made - the error that is logged in its place
 */
function tellingOf<Made extends Error>(cause: unknown, made: Made): Made {
  const { stack = `something with status ${statusOf(cause)}` } = (cause ?? {}) as Partial<Error>
  made.stack = `${made.stack}\nCaused by ${stack}`
  return made
}

/**
 * The status that an error is answered with where its answer is kept: its own where it is a report
 * or an answer that the handler made, else 500.
 *
 * @param error - what was thrown
 * @param rules - of the resource or door
 */
export function statusToKeep(error: unknown, rules: ResourceRules): number {
  const answered = answeredStatus(error)
  if (answered !== null) return answered
  return (isDeclared(error, rules.isRefusal) ? failureOf(error) : null) ?? 500
}

/**
 * Sets what is thrown as the answer, as Koa words it: so it can be recorded, and repeated word for
 * word. A surprise is 500 and tells nothing.
 *
 * @param error - what was thrown
 * @param rules - of the resource or door
 */
export function answerThrown(ctx: Context, error: unknown, rules: ResourceRules): void {
  const isOwn = answeredStatus(error) !== null || isReportedFailure(error, rules)
  const { headers, expose, message } = (isOwn ? error : {}) as Thrown
  const status = statusToKeep(error, rules)
  if (error instanceof Error) ctx.app.emit('error', error, ctx)
  ctx.body = expose === true ? String(message) : STATUS_CODES[status]
  ctx.status = status
  ctx.type = 'text'
  ctx.set({ ...headers })
}

interface Thrown {
  readonly headers?: Readonly<Record<string, string>>
  readonly expose?: unknown
  readonly message?: unknown
}

/** Only a plain yes counts: a judgement that fails, or is a promise, must not free a link. */
function isDeclared(error: unknown, isRefusal: IsRefusal | null): boolean {
  try {
    const told: unknown = isRefusal?.(error)
    hearFailure(told)
    return told === true
  } catch {
    return false
  }
}

/** The status of an error where it is that of a failure. */
function failureOf(error: unknown): number | null {
  const status = statusOf(error)
  return status !== null && status >= 400 && status <= 599 ? status : null
}

/** The status of an error, as Koa finds it; `null` where it has none. */
function statusOf(error: unknown): number | null {
  if (!isObject(error)) return null
  const status = error.status || error.statusCode
  return typeof status === 'number' ? status : null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
