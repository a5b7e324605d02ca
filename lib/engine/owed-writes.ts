/**
 * Writes that are owed to the store: tried again in the background until they are answered.
 *
 * A success that could not be recorded, or a claim that was given up, must reach the store as soon
 * as it is back. Bounded in number and in time, so that a long outage does not fill the memory.
 */
import { setMaxListeners } from 'node:events'
import type { Clock, OnEvent } from './ports.js'

const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000
const MAX_OWED = 10_000
const MAX_AGE_MS = 24 * 60 * 60 * 1_000

/** Keeps trying writes in the background. */
export class OwedWrites {
  readonly #clock: Clock
  readonly #emit: OnEvent
  readonly #closing = new AbortController()
  #count = 0

  constructor(clock: Clock, emit: OnEvent) {
    this.#clock = clock
    this.#emit = emit
    // Each write listens while it pauses; that many are no leak.
    setMaxListeners(0, this.#closing.signal)
  }

  /** How many writes are owed now. */
  get count(): number {
    return this.#count
  }

  /**
   * Tries until `write` says that it is done; a rejection means "again".
   *
   * @param key - the record's key, for the event when it is given up
   * @param write - tries once, and tells whether the write is settled
   */
  owe(key: string, write: () => Promise<boolean>): void {
    if (this.#count >= MAX_OWED || this.#closing.signal.aborted) {
      this.#emit({ type: 'owed-write-dropped', key })
      return
    }
    this.#count += 1
    this.#tryOn(key, write)
      .catch(() => this.#emit({ type: 'owed-write-dropped', key }))
      .finally(() => {
        this.#count -= 1
      })
  }

  /** Stops; what is still owed is dropped. */
  close(): void {
    this.#closing.abort()
  }

  async #tryOn(key: string, write: () => Promise<boolean>): Promise<void> {
    const giveUpMs = this.#clock.now() + MAX_AGE_MS
    let pauseMs = FIRST_PAUSE_MS
    while (this.#clock.now() < giveUpMs) {
      await this.#clock.sleep(pauseMs, this.#closing.signal)
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      if (await write().catch(() => false)) return
    }
    this.#emit({ type: 'owed-write-dropped', key })
  }
}
