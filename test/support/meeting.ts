/** How tests wait for each other's half without sleeping. */
import { setTimeout as pause } from 'node:timers/promises'

/** A door that is opened once. */
export interface Latch {
  readonly opened: Promise<void>
  readonly isOpen: boolean
  open(): void
}

/** Makes a door that is shut. */
export function latch(): Latch {
  let isOpen = false
  let resolve: () => void = () => {}
  const opened = new Promise<void>(done => {
    resolve = done
  })
  return {
    opened,
    get isOpen() {
      return isOpen
    },
    open() {
      isOpen = true
      resolve()
    },
  }
}

/**
 * What has a time-out of some hundred milliseconds is over by then, on a machine that is slow and
 * busy as well; what has none lasts until its test is given up.
 */
export const BOUNDED_MS = 20_000

/**
 * Waits in real time until something is so.
 *
 * @param isSo - looked at every few milliseconds
 * @param what - for the message
 * @param timeoutMs - when to give up
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const giveUpMs = performance.now() + timeoutMs
  while (!(await isSo())) {
    if (performance.now() > giveUpMs) throw new Error(`Not so in ${timeoutMs} ms: ${what}`)
    await pause(3)
  }
}

/** Numbers from 0 to below 1 that a seed brings back. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
