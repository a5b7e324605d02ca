/**
 * Workbox's background sync puts back only what had no answer, and takes a 503 for done. Here
 * `onSync` judges: what is to be sent again is put back, everything else is told.
 *
 *     new Queue('orders', { onSync: ({ queue }) => syncOrders(queue, tell) })
 */
import { classify } from 'post-once-exactly/client'

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

/** Told of every order that is over. */
export type Tell = (link: string, how: 'accepted' | 'refused' | 'unknown') => void

/** Sends what is queued, in order; what cannot be settled now stays for the next sync. */
export async function syncOrders(queue: OrderQueue, tell: Tell): Promise<void> {
  for (;;) {
    const entry = await queue.shiftRequest()
    if (entry === undefined) return
    const link = entry.request.url
    const metadata = (entry.metadata ?? {}) as { mayHaveArrived?: boolean }
    const answer: unknown = await fetch(entry.request.clone()).catch((error: unknown) => error)
    const judged = classify(answer, metadata)
    if (judged.action === 'retry') {
      const { mayHaveArrived } = judged
      await queue.unshiftRequest({ ...entry, metadata: { ...metadata, mayHaveArrived } })
      throw new Error('Try the sync again later')
    }
    if (judged.action === 'stop') tell(link, judged.outcome === 'gone' ? 'refused' : judged.outcome)
    else tell(link, await ask(link, answer as Response, judged.mayHaveArrived))
  }
}

/** A 405 after a try that may have arrived is a success if the link gives the result. */
async function ask(link: string, { status, headers }: Response, mayHaveArrived: boolean) {
  const isUsed = status === 405 && !/\bPOST\b/.test(headers.get('allow') ?? 'POST')
  if (!mayHaveArrived) return 'refused'
  return isUsed && (await fetch(link)).ok ? 'accepted' : 'unknown'
}
