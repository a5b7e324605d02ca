/**
 * Bounding work in time, and ending it when the caller asks for that.
 */
import type { ClientClock } from './clock.js'

/**
 * Runs work that ends when its time is up or its parent aborts, whether or not the work listens.
 *
 * @param clock - the time
 * @param ms - how long it may take, in milliseconds
 * @param parent - the caller's signal
 * @param work - gets the signal that ends it
 * @returns what the work gives
 * @throws the parent's reason, or a `TimeoutError`
 */
export async function within<T>(
  clock: ClientClock,
  ms: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController()
  const over = new AbortController()
  const stop = () => own.abort(parent?.reason)
  if (parent?.aborted === true) stop()
  parent?.addEventListener('abort', stop, { once: true })
  clock.sleep(ms, over.signal).then(
    () => own.abort(new DOMException(`No answer within ${ms} ms`, 'TimeoutError')),
    () => {},
  )
  try {
    return await Promise.race([aborted(own.signal, over.signal), work(own.signal)])
  } finally {
    over.abort()
    parent?.removeEventListener('abort', stop)
  }
}

/** Rejects with the first signal's reason, until the second one says that it is over. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    over.addEventListener('abort', () => signal.removeEventListener('abort', stop), { once: true })
  })
}
