/**
 * undici's RetryAgent leaves POST alone, cuts `Retry-After` short, and throws where there was an
 * answer. Here POST is among its methods, and `retry` decides and waits.
 */
import { Agent, RetryAgent, request } from 'undici'
import { fieldsOf, MOST_TRIES, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const agent = new Agent()
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
  try {
    const body = JSON.stringify(order)
    const headers = { 'content-type': 'application/json' }
    const response = await request(link, { method: 'POST', body, headers, dispatcher })
    const reply = { status: response.statusCode, headers: fieldsOf(response.headers) }
    tries.again(reply)
    return await tries.end(link, { ...reply, text: await response.body.text() })
  } catch (error) {
    if (error instanceof Error && !('code' in error)) throw error
    return await tries.end(link, null)
  } finally {
    await agent.close()
  }
}

/** What undici throws for a status carries the answer's fields. */
function answerOf(error: Error) {
  const { statusCode, headers } = error as { statusCode?: number; headers?: object }
  if (statusCode === undefined) return null
  return { status: statusCode, headers: fieldsOf(headers ?? {}) }
}
