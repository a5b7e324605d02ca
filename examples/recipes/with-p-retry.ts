/**
 * p-retry knows nothing of HTTP and tries eleven times. Here only what our judgement wants to be
 * sent again is thrown, and the pause is ours.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pRetry from 'p-retry'
import { MOST_TRIES, replyOf, TRY_MS, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const body = JSON.stringify(order)
  // A redirect is an answer: who knows whom it leads to, and with what.
  const init = { method: 'POST', body, headers: JSON_TYPE, redirect: 'manual' } as const
  const once = () => fetch(link, { ...init, signal: AbortSignal.timeout(TRY_MS) })
  const send = async () => {
    const answer: unknown = await once().catch((error: unknown) => error)
    const response = answer instanceof Response ? answer : null
    if (tries.again(answer)) {
      await sleep(tries.delayMs(response))
      throw new Error('once more')
    }
    return response
  }
  const response = await pRetry(send, { retries: MOST_TRIES, minTimeout: 0, maxTimeout: 1 })
  return await tries.end(link, response === null ? null : await replyOf(response))
}

const JSON_TYPE = { 'content-type': 'application/json' }
