/**
 * A clock that stands still until it is told to go on: time as an input, for tests.
 *
 * It is the engine's `Clock`; no test that uses it waits for real time to pass.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../engine/ports.js'

/** How many sleepers one `advance` may wake before it is taken for an endless loop. */
const WAKE_LIMIT = 100_000

/** A {@link Clock} under a test's control. */
export interface FakeClock extends Clock {
  /** How many sleeps are pending. */
  readonly sleeping: number
  /** When the next sleeper wakes, in milliseconds since the Unix epoch; `null` for no sleepers. */
  readonly nextWakeMs: number | null
  /**
   * Lets time pass: wakes every sleeper that is due, in the order of their times, and lets what
   * follows from each run before the next one, new sleeps included. Calls at the same time take
   * turns.
   *
   * @param ms - how far to go, 0 or more; 0 wakes those that are due now
   * @throws RangeError where `ms` is negative or not finite
   * @throws Error where sleepers follow each other without end
   */
  advance(ms: number): Promise<void>
  /**
   * Waits, in real time, until that many sleeps are pending: the code under test has got there.
   *
   * @param count - at least so many
   * @param timeoutMs - when to give up, in real milliseconds; default 5,000
   * @throws Error where it gives up
   */
  untilSleeping(count: number, timeoutMs?: number): Promise<void>
}

interface Sleeper {
  readonly wakeMs: number
  readonly wake: () => void
}

/**
 * Makes a clock that stands at a time of your choice.
 *
 * `sleep` of 0 or less also waits for the next `advance`; `sleep(Infinity)` ends by its signal
 * only.
 *
 * @param startMs - milliseconds since the Unix epoch; default 1,700,000,000,000
 * @returns the clock
 */
export function fakeClock(startMs: number = 1_700_000_000_000): FakeClock {
  const sleepers: Sleeper[] = []
  let nowMs = startMs
  let turn: Promise<void> = Promise.resolve()

  async function pass(ms: number): Promise<void> {
    const endMs = nowMs + ms
    await nextTurn()
    for (let woken = 0; ; woken += 1) {
      const first = sleepers[0]
      if (first === undefined || first.wakeMs > endMs) break
      if (woken === WAKE_LIMIT) throw new Error(`advance(${ms}) woke ${woken} sleepers: a loop?`)
      sleepers.shift()
      nowMs = Math.max(nowMs, first.wakeMs)
      first.wake()
      await nextTurn()
    }
    nowMs = endMs
  }

  return {
    now: () => nowMs,
    sleep: (ms, signal) => addSleeper(sleepers, nowMs + Math.max(ms, 0), signal),
    get sleeping() {
      return sleepers.length
    },
    get nextWakeMs() {
      return sleepers[0]?.wakeMs ?? null
    },
    advance(ms) {
      if (!Number.isFinite(ms) || ms < 0) {
        return Promise.reject(new RangeError('advance(ms) needs 0 or more milliseconds'))
      }
      const done = turn.then(() => pass(ms))
      turn = done.catch(() => {})
      return done
    },
    async untilSleeping(count, timeoutMs = 5_000) {
      const endMs = performance.now() + timeoutMs
      while (sleepers.length < count) {
        if (performance.now() > endMs) {
          throw new Error(`${sleepers.length} of ${count} sleepers after ${timeoutMs} ms`)
        }
        await nextTurn()
      }
    },
  }
}

function addSleeper(
  sleepers: Sleeper[],
  wakeMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (Number.isNaN(wakeMs)) return Promise.reject(new RangeError('sleep(ms) needs a number'))
  if (signal?.aborted === true) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const sleeper = {
      wakeMs,
      wake() {
        signal?.removeEventListener('abort', giveUp)
        resolve()
      },
    }
    function giveUp() {
      sleepers.splice(sleepers.indexOf(sleeper), 1)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', giveUp, { once: true })
    const later = sleepers.findIndex(other => other.wakeMs > wakeMs)
    sleepers.splice(later === -1 ? sleepers.length : later, 0, sleeper)
  })
}
