/**
 * How much a purge removes at a time, and how long it rests: a claim that comes meanwhile waits for
 * one step, here and in every other process that shares the file, and sqlite queues nobody.
 */

/** A step is to last about this long, in milliseconds, whatever the disk. */
const WANTED_MS = 10
const LONGEST_REST_MS = 50
const [LEAST, FIRST, MOST] = [25, 100, 500] as const

/** The steps of one purge. */
export class PurgePace {
  /** How many records the next step may remove. */
  size: number = FIRST

  /**
   * Takes note of a step.
   *
   * @param tookMs - from when it was asked for until it was durable, in milliseconds
   * @returns how long to rest before the next one, in milliseconds: as long as it took
   */
  next(tookMs: number): number {
    if (tookMs > WANTED_MS * 2) this.size = Math.max(LEAST, this.size >> 1)
    else if (tookMs < WANTED_MS) this.size = Math.min(MOST, this.size * 2)
    return Math.min(tookMs, LONGEST_REST_MS)
  }
}
