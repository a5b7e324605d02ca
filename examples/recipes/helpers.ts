/**
 * The helpers as people use them, each beside its recipe: what the table and the tests run.
 */
import axios from 'axios'
import axiosRetry from 'axios-retry'
import { handleAll, retry } from 'cockatiel'
import fetchRetry from 'fetch-retry'
import got from 'got'
import ky from 'ky'
import pRetry from 'p-retry'
import { Agent, RetryAgent, request } from 'undici'
import { post as postWithAxios } from './with-axios-retry.js'
import { post as postWithCockatiel } from './with-cockatiel.js'
import { post as postWithFetchRetry } from './with-fetch-retry.js'
import { post as postWithGot } from './with-got.js'
import { postFrom as postWithKy } from './with-ky.js'
import { post as postWithPRetry } from './with-p-retry.js'
import { post as postWithUndici } from './with-undici.js'
import { type OrderQueue, type QueueEntry, syncOrders } from './with-workbox.js'

/** A helper. Pauses are shortened where there is an option; the number of tries is not changed. */
export interface Helper {
  readonly name: string
  /** Sends as the helper does by itself. */
  readonly alone: (url: string) => Promise<unknown>
  /** The same with retries of POST switched on, where they are off. */
  readonly switchedOn?: (url: string) => Promise<unknown>
  /** The recipe; gets the page, and the link that it announces. */
  readonly recipe: (link: string, page: string) => Promise<string>
}

const ORDER = { sku: 'tea' }
const INIT = { method: 'POST', body: JSON.stringify(ORDER) }

/** All of them. */
export const HELPERS: readonly Helper[] = [
  {
    name: 'fetch-retry 6',
    alone: url => fetchRetry(fetch, { retryDelay: 1 })(url, INIT),
    recipe: link => postWithFetchRetry(link, ORDER),
  },
  {
    name: 'ky 1',
    alone: url => ky.post(url, { json: ORDER, retry: { delay: () => 1 } }),
    switchedOn: url => ky.post(url, { json: ORDER, retry: { methods: ['post'], delay: () => 1 } }),
    recipe: (_link, page) => postWithKy(page, ORDER),
  },
  {
    name: 'got 14',
    alone: url => got.post(url, { json: ORDER }),
    switchedOn: url => {
      const calculateDelay = ({ computedValue }: { computedValue: number }) =>
        Math.min(1, computedValue)
      return got.post(url, { json: ORDER, retry: { methods: ['POST'], calculateDelay } })
    },
    recipe: link => postWithGot(link, ORDER),
  },
  {
    name: 'axios-retry 4',
    alone: url => {
      const api = axios.create({ adapter: 'http' })
      axiosRetry(api)
      return api.post(url, ORDER)
    },
    recipe: link => postWithAxios(link, ORDER),
  },
  {
    name: 'undici 7, RetryAgent',
    alone: url => withUndici(url, ['GET', 'PUT', 'DELETE']),
    switchedOn: url => withUndici(url, ['POST']),
    recipe: link => postWithUndici(link, ORDER),
  },
  {
    name: 'p-retry 7',
    alone: url =>
      pRetry(() => fetch(url, INIT), { minTimeout: 1, factor: 1, shouldRetry: () => true }),
    recipe: link => postWithPRetry(link, ORDER),
  },
  {
    name: 'cockatiel 3',
    alone: url => retry(handleAll, { maxAttempts: 3 }).execute(() => fetch(url, INIT)),
    recipe: link => postWithCockatiel(link, ORDER),
  },
  {
    name: 'Workbox 7, three syncs',
    alone: async url => {
      const queue = queueOf(url)
      await sync(3, () => replayAll(queue))
    },
    recipe: async link => {
      const queue = queueOf(link)
      let told = 'unknown'
      await sync(3, () => {
        return syncOrders(queue, (_link, how) => {
          told = how
        })
      })
      if (told !== 'accepted') throw new Error(told)
      const text = fetch(link).then(answer => answer.text())
      return await text.catch(() => '')
    },
  },
]

async function withUndici(url: string, methods: ('GET' | 'PUT' | 'DELETE' | 'POST')[]) {
  const agent = new Agent()
  const dispatcher = new RetryAgent(agent, { methods, minTimeout: 1, maxTimeout: 1 })
  try {
    return await request(url, { method: 'POST', body: JSON.stringify(ORDER), dispatcher })
  } finally {
    await agent.close()
  }
}

/** A queue of the shape of Workbox's, which keeps the content of its requests. */
function queueOf(url: string): OrderQueue {
  const entries: QueueEntry[] = [{ request: new Request(url, INIT) }]
  return {
    getAll: async () => [...entries],
    shiftRequest: async () => entries.shift(),
    unshiftRequest: async entry => void entries.unshift(entry),
  }
}

/** What Workbox does by itself: a request without an answer goes back, and the sync fails. */
async function replayAll(queue: OrderQueue): Promise<void> {
  for (;;) {
    const entry = await queue.shiftRequest()
    if (entry === undefined) return
    try {
      await fetch(entry.request.clone())
    } catch (error) {
      await queue.unshiftRequest(entry)
      throw error
    }
  }
}

/** The browser tries a sync that failed again, later. */
async function sync(times: number, once: () => Promise<void>): Promise<void> {
  for (let time = 0; time < times; time += 1) await once().catch(() => {})
}
