/**
 * For the time of a change-over: keys that another solution keeps. Put it behind the door, so that
 * what was begun there is not begun here again, and the other way round.
 */
import httpErrors from 'http-errors'
import type { Context, Middleware } from 'koa'

/** What the other solution has kept. */
export interface OldAnswer {
  readonly status: number
  readonly body: unknown
}

/** The other solution's table, or its adapter. */
export interface OldKeys {
  /** Takes a key that is new, in one step; else tells what is there. */
  begin(key: string): Promise<'new' | 'running' | OldAnswer>
  finish(key: string, answer: OldAnswer): Promise<void>
  forget(key: string): Promise<void>
}

/** Makes the middleware. */
export function alsoIn(old: OldKeys): Middleware {
  return async function oldKeys(ctx, next) {
    const key = ctx.get('Idempotency-Key')
    const found = await old.begin(key)
    if (found === 'running') return ctx.throw(409, 'Still being carried out')
    if (found !== 'new') {
      ctx.body = found.body
      ctx.status = found.status
      return
    }
    try {
      await next()
    } catch (error) {
      // A failure that is reported is over. Silence is left as it is, here and there: the status of
      // an error that a client library throws is somebody else's, and stays its own when that is
      // passed on, as by ctx.throw(500, error).
      const isMade = httpErrors.isHttpError(error) && !Object.hasOwn(error, 'status')
      if (isMade && isReport(error.status)) await old.forget(key)
      throw error
    }
    if (isSuccess(ctx)) await old.finish(key, { status: ctx.status, body: ctx.body })
    else if (isReport(ctx.status) && isSaid(ctx)) await old.forget(key)
  }
}

function isSuccess({ status }: Context): boolean {
  return status >= 200 && status < 300
}

function isReport(status: number): boolean {
  return (status >= 400 && status < 500) || status === 501 || status === 503
}

/** Koa says 404 where nobody has said anything. */
function isSaid({ status, body }: Context): boolean {
  return status !== 404 || body != null
}
