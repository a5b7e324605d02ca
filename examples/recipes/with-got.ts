/**
 * got never sends a POST again by default. Here it may, and `calculateDelay` decides each time.
 */
import got, { HTTPError, type RequestError } from 'got'
import { fieldsOf, MOST_TRIES, type Reply, TRY_MS, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const sent = got.post(link, {
    json: order,
    followRedirect: false,
    timeout: { request: TRY_MS },
    retry: {
      limit: MOST_TRIES,
      methods: ['POST'],
      // Else got 15 and later ask only about statuses of a list of their own.
      enforceRetryRules: false,
      calculateDelay: ({ error }) => {
        const reply = replyOf(error)
        return tries.again(reply ?? error) ? tries.delayMs(reply) : 0
      },
    },
  })
  try {
    const { body, statusCode, headers } = await sent
    tries.again({ status: statusCode, headers: fieldsOf(headers) })
    return await tries.end(link, { status: statusCode, headers: fieldsOf(headers), text: body })
  } catch (error) {
    return await tries.end(link, replyOf(error as RequestError))
  }
}

function replyOf(error: RequestError): Reply | null {
  if (!(error instanceof HTTPError)) return null
  const { statusCode, headers, body } = error.response
  return { status: statusCode, headers: fieldsOf(headers), text: String(body) }
}
