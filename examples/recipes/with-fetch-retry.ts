/**
 * fetch-retry sends a POST again after every network error, three times. Here it asks our judgement
 * first, and waits as long as the server asks for.
 */
import fetchRetry from 'fetch-retry'
import { replyOf, TRY_MS, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const once = (...[url, init]: Parameters<typeof fetch>) => {
    // A redirect is an answer: who knows whom it leads to, and with what.
    return fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(TRY_MS) })
  }
  const retrying = fetchRetry(once, {
    retryOn: (_attempt, error, response) => tries.again(error ?? response),
    retryDelay: (_attempt, _error, response) => tries.delayMs(response),
  })
  const init = { method: 'POST', body: JSON.stringify(order), headers: JSON_TYPE }
  const response = await retrying(link, init).catch(() => null)
  return await tries.end(link, response === null ? null : await replyOf(response))
}

const JSON_TYPE = { 'content-type': 'application/json' }
