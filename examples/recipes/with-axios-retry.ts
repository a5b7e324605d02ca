/**
 * axios-retry sends a POST again after every network error, three times and without a pause. Here
 * `retryCondition` asks our judgement, and `retryDelay` waits.
 */
import axios, { type AxiosError, type AxiosResponse } from 'axios'
import axiosRetry from 'axios-retry'
import { fieldsOf, MOST_TRIES, type Reply, Tries } from './tries.js'

/** Posts JSON to a link, once. */
export async function post(link: string, order: object): Promise<string> {
  const tries = new Tries()
  const api = axios.create({ maxRedirects: 0, responseType: 'text', adapter: 'http' })
  axiosRetry(api, {
    retries: MOST_TRIES,
    retryCondition: error => tries.again(replyOf(error.response) ?? error),
    retryDelay: (_count, error) => tries.delayMs(replyOf(error.response)),
  })
  try {
    const reply = replyOf(await api.post(link, order))
    tries.again(reply)
    return await tries.end(link, reply)
  } catch (error) {
    if (!axios.isAxiosError(error)) throw error
    return await tries.end(link, replyOf((error as AxiosError).response))
  }
}

function replyOf(response: AxiosResponse | undefined): Reply | null {
  if (response === undefined) return null
  const { status, headers, data } = response
  return { status, headers: fieldsOf(headers), text: String(data) }
}
