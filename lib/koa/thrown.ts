/**
 * What a handler throws, as Koa will answer it: a failure that it reports, or a surprise, which
 * must neither look like a success nor say that there is nothing here.
 */
import { STATUS_CODES } from 'node:http'
import type { Context } from 'koa'

/**
 * Whether an error is an answer that the handler chose: it names the status of a failure.
 *
 * @param error - what was thrown
 */
export function isReportedFailure(error: unknown): boolean {
  const status = statusOf(error)
  return status !== null && status >= 400 && status <= 599
}

/**
 * Gives what is to be thrown on, so that Koa answers 500 to a surprise. Left to itself it would
 * send a success where the error carries the status of somebody else's answer, 404 where a file
 * is missing, and nothing at all for `null`.
 *
 * @param error - what was thrown
 * @returns the same error, or one with it as its cause
 */
export function answerable(error: unknown): unknown {
  if (isReportedFailure(error)) return error
  const isMissingFile = isObject(error) && error.code === 'ENOENT'
  const isPlain = error !== null && error !== undefined && statusOf(error) === null
  if (isPlain && !isMissingFile) return error
  return new Error('The handler threw something that reports no failure.', { cause: error })
}

/**
 * Sets what is thrown as the answer, as Koa words it: so it can be recorded, and repeated word for
 * word. A surprise is 500 and tells nothing.
 *
 * @param error - what was thrown
 */
export function answerThrown(ctx: Context, error: unknown): void {
  const isReported = isReportedFailure(error)
  const { headers, expose, message } = (isReported ? error : {}) as Thrown
  const status = isReported ? Number(statusOf(error)) : 500
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

/**
 * The status of an error, as Koa finds it; `null` where it has none.
 *
 * @param error - what was thrown
 */
export function statusOf(error: unknown): number | null {
  if (!isObject(error)) return null
  const status = error.status || error.statusCode
  return typeof status === 'number' ? status : null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
