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
 * @param work - gets the signal that ends it, and what it is the signal of
 * @returns what the work gives
 * @throws the parent's reason, or a `TimeoutError`
 */
export function within<T>(
  clock: ClientClock,
  ms: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal, own: AbortController) => Promise<T>,
): Promise<T> {
  const own = new AbortController()
  return inTime(
    clock,
    ms,
    parent,
    () => work(own.signal, own),
    reason => own.abort(reason),
  )
}

/**
 * As {@link within}, for work that is left to itself when its time is up; a signal is dear.
 *
 * @param onEnd - told why the work is waited for no longer
 */
export function inTime<T>(
  clock: ClientClock,
  ms: number,
  parent: AbortSignal | undefined,
  work: () => Promise<T>,
  onEnd?: (reason: unknown) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (reason: unknown) => {
      over()
      onEnd?.(reason)
      reject(reason)
    }
    const stop = () => end(parent?.reason)
    let cancel = () => {}
    const over = () => {
      cancel()
      parent?.removeEventListener('abort', stop)
    }
    if (parent?.aborted === true) {
      stop()
      return
    }
    // First: what is no signal throws here, and would throw once more in a timer.
    parent?.addEventListener('abort', stop, { once: true })
    cancel = after(clock, ms, () => {
      end(new DOMException(`No answer within ${ms} ms`, 'TimeoutError'))
    })
    work().then(
      value => {
        over()
        resolve(value)
      },
      error => {
        over()
        reject(error)
      },
    )
  })
}

function after(clock: ClientClock, ms: number, call: () => void): () => void {
  if (clock.after !== undefined) return clock.after(ms, call)
  const over = new AbortController()
  clock.sleep(ms, over.signal).then(call, () => {})
  return () => over.abort()
}
