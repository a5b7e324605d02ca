/**
 * Reads the content of an order or its like, JSON or a form. What is wrong with it is kept for the
 * handler to say: the link's own answer comes first, so that a spent link answers 405 to anything,
 * and a refusal by the handler leaves the link open.
 */
import { bodyParser } from '@koa/bodyparser'
import type { Context, Next } from 'koa'

const LIMIT = '64kb'

const parse = bodyParser({
  enableTypes: ['json', 'form'],
  jsonLimit: LIMIT,
  formLimit: LIMIT,
  onError(error, ctx) {
    ctx.state.bodyProblem = problemOf(error)
  },
})

/** Middleware that sets `ctx.request.body`, or keeps what {@link refuseUnread} says. */
export async function readBody(ctx: Context, next: Next): Promise<void> {
  // Without content there is no type to complain about; the handler misses the members then.
  if (ctx.request.length !== 0 && ctx.is('json', 'urlencoded') === false) {
    const text = 'The content must be application/json or a form.'
    ctx.state.bodyProblem = { status: 415, text }
  }
  await parse(ctx, next)
}

/** Says what was wrong with the content, as a failure that is reported: the link stays open. */
export function refuseUnread(ctx: Context): void {
  const found = ctx.state.bodyProblem as BodyProblem | undefined
  if (found !== undefined) ctx.throw(found.status, found.text)
}

interface BodyProblem {
  readonly status: number
  readonly text: string
}

/** What the parser says; never a 500. */
function problemOf(error: Error & { status?: number }): BodyProblem {
  switch (error.status) {
    case 413:
      return { status: 413, text: 'At most 64 kB are taken.' }
    case 415:
      return { status: 415, text: 'The content coding is not supported; gzip, deflate and br are.' }
    default:
      // Broken compression carries no status of its own.
      return { status: 400, text: `The content cannot be read: ${error.message}` }
  }
}
