/** Waiting for a POST that another call is sending already. */
import { PostAborted } from './errors.js'
import type { PostOutcome } from './outcome.js'

/**
 * A second caller waits for the same send; only its waiting ends with its signal.
 *
 * @param running - the first caller's
 * @returns the outcome; `null` where the first caller, or a hook of its, has called it off, which
 *   says nothing for the second one
 * @throws PostAborted where the second caller's signal aborts
 */
export async function sharedSend(
  running: Promise<PostOutcome>,
  signal: AbortSignal | undefined,
  link: URL,
): Promise<PostOutcome | null> {
  const ended = running.catch(() => null)
  if (signal === undefined) return await ended
  let stop = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    const state = { isUnknown: true, link: link.href, attempts: 0 }
    stop = () => reject(new PostAborted(signal.reason, state))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([ended, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
