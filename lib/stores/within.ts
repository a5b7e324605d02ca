/**
 * How a store bounds a wait: by what its caller has given it, and by nothing else.
 */
import { PoeError } from '../errors.js'

/** How long a call may take where its caller does not say, in milliseconds. */
export const USUAL_MS = 850
/** A timer that fires this late fired in a process that stood still, in milliseconds. */
const STOOD_STILL_MS = 100

/**
 * Waits for a promise, but not for ever. An answer that is here already and only not yet read still
 * counts; while this process stands still nothing is sent or read, so that is not the store's time.
 *
 * @param ms - for how long
 * @param promise - what is waited for
 * @param text - says what did not come
 * @param judge - makes of a rejection what the caller gets
 * @throws PoeError `ERR_POE_STORE_DOWN` when the time is over; what the promise rejects with
 */
export function within<Result>(
  ms: number,
  promise: Promise<Result>,
  text: string,
  judge: (error: unknown) => unknown = error => error,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const dueMs = performance.now() + ms
    const giveUp = (): void => {
      setImmediate(() => reject(new PoeError('ERR_POE_STORE_DOWN', text)))
    }
    let timer = setTimeout(
      () => {
        const lateMs = performance.now() - dueMs
        if (lateMs < STOOD_STILL_MS) return giveUp()
        timer = setTimeout(giveUp, Math.min(lateMs, ms))
      },
      Math.max(ms, 1),
    )
    promise.then(
      result => {
        clearTimeout(timer)
        resolve(result)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(judge(error))
      },
    )
  })
}
