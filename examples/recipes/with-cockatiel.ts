/**
 * cockatiel's retry policy knows nothing of HTTP. Here it handles what our judgement wants to be
 * sent again, and its backoff is ours; breakers and bulkheads can be wrapped around it as ever.
 */
import { DelegateBackoff, handleWhenResult, retry } from 'cockatiel'
import { MOST_TRIES, replyOf, TRY_MS, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const body = JSON.stringify(order)
  // A redirect is an answer: who knows whom it leads to, and with what.
  const init = { method: 'POST', body, headers: JSON_TYPE, redirect: 'manual' } as const
  const once = () => fetch(link, { ...init, signal: AbortSignal.timeout(TRY_MS) })
  const policy = retry(
    handleWhenResult(answer => tries.again(answer)),
    { maxAttempts: MOST_TRIES, backoff: new DelegateBackoff(({ result }) => delay(tries, result)) },
  )
  const answer = await policy.execute(() => once().catch((error: unknown) => error))
  return await tries.end(link, answer instanceof Response ? await replyOf(answer) : null)
}

function delay(tries: Tries, result: object): number {
  const { value } = result as { value?: unknown }
  return tries.delayMs(value instanceof Response ? value : null)
}

const JSON_TYPE = { 'content-type': 'application/json' }
