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
    ctx.state.bodyProblem = asProblem(error)
  },
})

/** Middleware that sets `ctx.request.body`, or `ctx.state.bodyProblem`. */
export async function readBody(ctx: Context, next: Next): Promise<void> {
  // Without content there is no type to complain about; the handler misses the members then.
  if (ctx.request.length !== 0 && ctx.is('json', 'urlencoded') === false) {
    ctx.state.bodyProblem = problem(415, 'The content must be application/json or a form.')
  }
  await parse(ctx, next)
}

/** What the parser says, as an error that becomes an answer; never a 500. */
function asProblem(error: Error & { status?: number }): Error {
  switch (error.status) {
    case 413:
      return problem(413, 'At most 64 kB are taken.')
    case 415:
      return problem(415, 'The content coding is not supported; gzip, deflate and br are.')
    default:
      // Broken compression carries no status of its own.
      return problem(400, `The content cannot be read: ${error.message}`)
  }
}

function problem(status: number, message: string): Error {
  return Object.assign(new Error(message), { status, expose: true })
}
