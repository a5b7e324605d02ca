/**
 * Workbox's background sync puts back only what had no answer, and takes a 503 for done. Here
 * `onSync` judges: an order leaves the queue when it is settled and told, and not before.
 *
 *     new Queue('orders', { onSync: ({ queue }) => syncOrders(queue, tell) })
 */
import { classify } from 'post-once-exactly/client'
import { askLink, TRY_MS } from './tries.js'

/** An entry of Workbox's queue, as workbox-background-sync 7 has it. */
export interface QueueEntry {
  readonly request: Request
  readonly timestamp?: number
  readonly metadata?: object
}

/** What is used of Workbox's queue. */
export interface OrderQueue {
  shiftRequest(): Promise<QueueEntry | undefined>
  unshiftRequest(entry: QueueEntry): Promise<void>
}

/** How an order ended. */
export type Told = 'accepted' | 'refused' | 'unknown'

/** Told of every order that is over; of one twice where the worker was stopped in between. */
export type Tell = (link: string, how: Told) => void | Promise<void>

/** Sends what is queued, in order; what cannot be settled now stays for the next sync. */
export async function syncOrders(queue: OrderQueue, tell: Tell): Promise<void> {
  for (;;) {
    const entry = await queue.shiftRequest()
    if (entry === undefined) return
    // Back at once: a worker is stopped without a word, and would take the order with it.
    await queue.unshiftRequest(entry)
    const how = await send(entry.request.clone())
    if (how === null) throw new Error('Try the sync again later')
    await tell(entry.request.url, how)
    await remove(queue, entry.request.url)
  }
}

/** `null` where another try, or another look, can tell more. */
async function send(request: Request): Promise<Told | null> {
  const link = request.url
  const init = { redirect: 'manual', signal: AbortSignal.timeout(TRY_MS) } as const
  const answer: unknown = await fetch(request, init).catch((error: unknown) => error)
  // What is queued had no answer before, so it may have arrived.
  const judged = classify(answer, { mayHaveArrived: true })
  if (judged.action === 'retry') return null
  if (judged.action === 'stop') return judged.outcome === 'gone' ? 'unknown' : judged.outcome
  const { status } = answer as Response
  const asked = await askLink(link, answer as Response)
  if (asked.kind === 'spent') return 'accepted'
  // An unspent link takes the order again; only what was said about the order itself ends it.
  return asked.kind === 'unspent' && status >= 400 && status < 500 ? 'refused' : null
}

/** Takes the order out, unless another worker has done so. */
async function remove(queue: OrderQueue, link: string): Promise<void> {
  const first = await queue.shiftRequest()
  if (first !== undefined && first.request.url !== link) await queue.unshiftRequest(first)
}
