/**
 * How long a message waits after an attempt that failed: twice as long each time, up to a limit,
 * and half of it by chance, so that those that failed together do not come back together.
 */

/** Bounds of the wait, in milliseconds. */
export interface BackOffRules {
  readonly firstRetryMs: number
  readonly longestRetryMs: number
}

/**
 * Tells how long to wait.
 *
 * @param attempt - the one that failed, from 1
 * @param random - at least 0, below 1
 * @returns milliseconds, from half of what is due to all of it
 */
export function backOffMs(
  attempt: number,
  { firstRetryMs, longestRetryMs }: BackOffRules,
  random: number,
): number {
  const wholeMs = Math.min(firstRetryMs * 2 ** (attempt - 1), longestRetryMs)
  return Math.ceil(wholeMs * (0.5 + random / 2))
}
