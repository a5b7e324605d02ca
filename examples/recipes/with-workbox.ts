/**
 * Workbox's background sync puts back only what had no answer, and takes a 503 for done. Here
 * `onSync` judges: an order leaves the queue when it is settled and told, and not before.
 *
 *     new Queue('orders', { onSync: ({ queue }) => syncOrders(queue, tell) })
 */
import { classify } from 'post-once-exactly/client/browser'
import { askLink, replyOf, saysOwn, TRY_MS } from './ask-link.js'

/** An entry of Workbox's queue, as workbox-background-sync 7 has it. */
export interface QueueEntry {
  readonly request: Request
  readonly timestamp?: number
  readonly metadata?: object
}

/** What is used of Workbox's queue. */
export interface OrderQueue {
  getAll(): Promise<readonly QueueEntry[]>
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
    // It stays there: a worker is stopped without a word, and would take the order with it.
    const [entry] = await queue.getAll()
    if (entry === undefined) return
    const how = await send(entry.request.clone())
    if (how === null) throw new Error('Try the sync again later')
    await tell(entry.request.url, how)
    await remove(queue, entry)
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
  const response = answer as Response
  const reply = await replyOf(response)
  const asked = await askLink(link, response)
  if (asked.kind === 'spent') {
    // Only a 405 says by whom: the next sync is answered by one.
    const isOwn = judged.action === 'prove' ? saysOwn(reply, true) : null
    return isOwn === null ? null : isOwn ? 'accepted' : 'refused'
  }
  const { status } = response
  if (asked.kind === 'unclear' || status < 400 || status >= 500 || status === 401) return null
  // What is not said of the order itself may be said beside an earlier try that is on its way.
  return OF_CONTENT.has(status) ? 'refused' : 'unknown'
}

/** Said of the order itself, whenever it comes. */
const OF_CONTENT = new Set([400, 413, 415, 422])

/** Takes the order out, unless another worker has done so. */
async function remove(queue: OrderQueue, { request, timestamp }: QueueEntry): Promise<void> {
  const first = await queue.shiftRequest()
  const isIt = first?.request.url === request.url && first.timestamp === timestamp
  if (first !== undefined && !isIt) await queue.unshiftRequest(first)
}
