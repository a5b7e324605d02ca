/**
 * How the shop says no: a problem document (RFC 9457), or a readable page for a browser. Nothing
 * that a request can send ends in a bare status or a stack trace.
 */
import { STATUS_CODES } from 'node:http'
import type { Context, Next } from 'koa'
import { problemPage, sendPage } from './pages.js'

/** A problem document's own members; `type` is `about:blank`, its title the status text. */
export interface Problem {
  readonly title?: string
  readonly detail?: string
  readonly [member: string]: unknown
}

/**
 * Tells whether the caller would rather read a page than JSON. JSON is preferred when both are
 * as welcome, so that a plain `curl` gets JSON.
 */
export function wantsHtml(ctx: Context): boolean {
  return ctx.accepts('json', 'html') === 'html'
}

/** Answers with a problem, in the form that the caller prefers. */
export function sendProblem(ctx: Context, status: number, problem: Problem = {}): void {
  const title = problem.title ?? STATUS_CODES[status] ?? 'Problem'
  ctx.status = status
  if (wantsHtml(ctx)) {
    sendPage(ctx, problemPage(title, problem.detail ?? ''))
    return
  }
  ctx.body = JSON.stringify({ type: 'about:blank', status, ...problem, title })
  ctx.type = 'application/problem+json'
}

/**
 * Middleware around everything: turns what was thrown, and bare error statuses, into problems.
 * Fields that are set already stay, `Allow` and `Retry-After` above all.
 */
export async function problems(ctx: Context, next: Next): Promise<void> {
  try {
    await next()
  } catch (thrown) {
    const error = asHttpError(thrown)
    if (error.status >= 500) ctx.app.emit('error', thrown, ctx)
    if (error.headers !== undefined) ctx.set({ ...error.headers })
    sendProblem(ctx, error.status, error.expose ? { detail: error.message } : {})
    return
  }
  const bare = ctx.body === undefined || ctx.body === null
  if (ctx.status >= 400 && bare && ctx.respond !== false && !ctx.res.headersSent) {
    sendProblem(ctx, ctx.status)
  }
}

/** Reads from the books; while they cannot be reached, the answer is 503. */
export async function reading<T>(ctx: Context, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    ctx.app.emit('error', cause, ctx)
    const headers = { 'Retry-After': '5' }
    return ctx.throw(503, 'The books cannot be reached right now.', { headers, expose: true })
  }
}

interface HttpErrorLike {
  readonly status: number
  readonly expose: boolean
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

function asHttpError(thrown: unknown): HttpErrorLike {
  const error = thrown as Partial<HttpErrorLike> | null
  const status = error?.status
  if (typeof status !== 'number' || status < 400 || status > 599) {
    return { status: 500, expose: false, message: '' }
  }
  return {
    status,
    expose: error?.expose ?? status < 500,
    message: error?.message ?? '',
    ...(error?.headers === undefined ? {} : { headers: error.headers }),
  }
}
