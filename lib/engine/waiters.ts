/**
 * Requests that wait for a running twin: woken in this process, polling across processes, bounded
 * a link and in all.
 *
 * @see POE draft 2 (silent on a POST that arrives while the first one runs)
 */
import type { GoneSignal } from './operation.js'
import type { Clock } from './ports.js'

const MAX_PER_KEY = 4
const MAX_IN_ALL = 1_000
const FIRST_POLL_MS = 25
const MAX_POLL_MS = 500

/** Why a wait ended: `again` asks for a new claim. */
export type Waited = 'again' | 'over' | 'gone' | 'too-many'

/** One request's place in the queue, kept over several polls. */
export interface QueuePlace {
  readonly untilMs: number
  polls: number
}

/** Holds requests back until a key may have been decided. */
export class Waiters {
  readonly #clock: Clock
  readonly #byKey = new Map<string, Set<AbortController>>()
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Takes a place for one request.
   *
   * @param waitMs - how long it is willing to wait in all
   * @param fromMs - since when, by the clock; now by default
   */
  place(waitMs: number, fromMs: number = this.#clock.now()): QueuePlace {
    return { untilMs: fromMs + waitMs, polls: 0 }
  }

  /**
   * Waits until the key may have changed.
   *
   * @param key - the record's key
   * @param place - from {@link Waiters.place}
   * @param gone - aborts when the client has left
   */
  async wait(key: string, place: QueuePlace, gone: GoneSignal): Promise<Waited> {
    const leftMs = place.untilMs - this.#clock.now()
    if (gone.aborted) return 'gone'
    if (leftMs <= 0) return 'over'
    const queue = this.#byKey.get(key) ?? new Set()
    if (queue.size >= MAX_PER_KEY || this.#count >= MAX_IN_ALL) return 'too-many'
    const waiter = new AbortController()
    const leave = () => waiter.abort()
    queue.add(waiter)
    this.#byKey.set(key, queue)
    this.#count += 1
    gone.addEventListener('abort', leave)
    const pollMs = Math.min(leftMs, FIRST_POLL_MS * 2 ** place.polls, MAX_POLL_MS)
    place.polls += 1
    try {
      await this.#clock.sleep(pollMs, waiter.signal)
    } catch {
      // Woken, or the client left: told apart below.
    } finally {
      gone.removeEventListener('abort', leave)
      this.#count -= 1
      queue.delete(waiter)
      if (queue.size === 0) this.#byKey.delete(key)
    }
    return gone.aborted ? 'gone' : 'again'
  }

  /** Wakes all who wait for a key in this process. */
  wake(key: string): void {
    const queue = this.#byKey.get(key)
    if (queue !== undefined) for (const waiter of queue) waiter.abort()
  }
}
