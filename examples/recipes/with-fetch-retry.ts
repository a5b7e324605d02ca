/**
 * fetch-retry sends a POST again after every network error, three times. Here it asks our judgement
 * first, and waits as long as the server asks for.
 */
import fetchRetry from 'fetch-retry'
import { replyOf, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const retrying = fetchRetry(fetch, {
    retryOn: (_attempt, error, response) => tries.again(error ?? response),
    retryDelay: (_attempt, _error, response) => tries.delayMs(response),
  })
  const init = { method: 'POST', body: JSON.stringify(order), headers: JSON_TYPE }
  const response = await retrying(link, init).catch(() => null)
  return await tries.end(link, response === null ? null : await replyOf(response))
}

const JSON_TYPE = { 'content-type': 'application/json' }
