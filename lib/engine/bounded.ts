/** Questions to the application that have to be answered in time. */
import { PoeError } from '../errors.js'
import type { Clock } from './ports.js'

/**
 * Asks, and waits for the answer for so long only; what is asked is not stopped.
 *
 * @param name - of what is asked, as in `reconcile`
 * @param ms - milliseconds
 * @throws {PoeError} `ERR_POE_RUN_TOO_LONG` when the time is up
 */
export async function bounded<Answer>(
  clock: Clock,
  name: string,
  ms: number,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const timer = new AbortController()
  const overdue = clock.sleep(ms, timer.signal).then(() => {
    throw new PoeError('ERR_POE_RUN_TOO_LONG', `${name} gave no answer in ${ms} ms.`)
  })
  overdue.catch(() => {})
  try {
    return await Promise.race([ask(), overdue])
  } finally {
    timer.abort()
  }
}
