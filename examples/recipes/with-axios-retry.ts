/**
 * axios-retry sends a POST again after every network error, three times and without a pause. Here
 * `retryCondition` asks our judgement, and `retryDelay` waits.
 */
import axios, { type AxiosError, type AxiosResponse } from 'axios'
import axiosRetry from 'axios-retry'
import { fieldsOf, MOST_TRIES, type Reply, TRY_MS, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const api = axios.create({
    maxRedirects: 0,
    responseType: 'text',
    adapter: 'http',
    timeout: TRY_MS,
  })
  axiosRetry(api, {
    retries: MOST_TRIES,
    shouldResetTimeout: true,
    retryCondition: error => tries.again(replyOf(error.response) ?? error),
    retryDelay: (_count, error) => tries.delayMs(replyOf(error.response)),
  })
  const last = await api.post(link, order).then(
    response => {
      tries.again(replyOf(response))
      return response
    },
    (error: AxiosError) => error.response,
  )
  return await tries.end(link, replyOf(last))
}

function replyOf(response: AxiosResponse | undefined): Reply | null {
  if (response === undefined) return null
  const { status, headers, data } = response
  // There is none where the content broke off.
  return { status, headers: fieldsOf(headers), text: typeof data === 'string' ? data : null }
}
