/** Waiting for a POST that another call is sending already. */
import { PostAborted } from './errors.js'
import type { PostOutcome } from './outcome.js'

/** A second caller waits for the same send; only its waiting ends with its signal. */
export async function sharedSend(
  running: Promise<PostOutcome>,
  signal: AbortSignal | undefined,
  link: URL,
): Promise<PostOutcome> {
  if (signal === undefined) return await running
  let stop = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    const state = { isUnknown: true, link: link.href, attempts: 0 }
    stop = () => reject(new PostAborted(signal.reason, state))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([running, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
