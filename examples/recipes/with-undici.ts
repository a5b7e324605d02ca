/**
 * undici's RetryAgent leaves POST alone, cuts `Retry-After` short, and throws where there was an
 * answer. Here POST is among its methods, and `retry` decides and waits.
 */
import { Agent, RetryAgent, request } from 'undici'
import { fieldsOf, MOST_TRIES, type Reply, TRY_MS, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const agent = new Agent({ headersTimeout: TRY_MS, bodyTimeout: TRY_MS })
  const dispatcher = new RetryAgent(agent, {
    methods: ['POST'],
    maxRetries: MOST_TRIES,
    statusCodes: [408, 409, 425, 429, 502, 503, 504],
    throwOnError: false,
    retry: (error, _context, done) => {
      const answer = answerOf(error)
      if (!tries.again(answer ?? error)) return done(error)
      setTimeout(() => done(null), tries.delayMs(answer))
    },
  })
  const body = JSON.stringify(order)
  const headers = { 'content-type': 'application/json' }
  let reply: Reply | null = null
  try {
    const response = await request(link, { method: 'POST', body, headers, dispatcher })
    const text = await response.body.text().catch(() => null)
    reply = { status: response.statusCode, headers: fieldsOf(response.headers), text }
    tries.again(reply)
  } catch {
    // It was judged by `retry` already.
  } finally {
    await agent.close()
  }
  return await tries.end(link, reply)
}

/** What undici throws for a status carries the answer's fields. */
function answerOf(error: Error) {
  const { statusCode, headers } = error as { statusCode?: number; headers?: object }
  if (statusCode === undefined) return null
  return { status: statusCode, headers: fieldsOf(headers ?? {}) }
}
