/**
 * Writes that wait for the store: tried again in the background until they are answered.
 *
 * A success that could not be recorded, or a claim that was given up, must reach the store as soon
 * as it is back. Bounded in number, in bytes and in time, so that a long outage does not fill the
 * memory.
 */
import { setMaxListeners } from 'node:events'
import type { Clock, OnEvent } from './ports.js'

const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000
const MAX_OWED = 10_000
const MAX_BYTES = 32 * 1_024 * 1_024
const MAX_AGE_MS = 24 * 60 * 60 * 1_000

/** Keeps trying writes in the background. */
export class PendingWrites {
  readonly #clock: Clock
  readonly #emit: OnEvent
  readonly #closing = new AbortController()
  /** Each becomes the key of a write that was dropped, or `null`. */
  readonly #tries = new Set<Promise<string | null>>()
  #bytes = 0

  constructor(clock: Clock, emit: OnEvent) {
    this.#clock = clock
    this.#emit = emit
    // Each write listens while it pauses; that many are no leak.
    setMaxListeners(0, this.#closing.signal)
  }

  /** How many writes are pending now. */
  get count(): number {
    return this.#tries.size
  }

  /** Whether a write that holds so many bytes would be taken: what can be left out then is. */
  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= MAX_BYTES
  }

  /**
   * Tries until `write` says that it is done; a rejection means "again".
   *
   * @param key - the record's key, for the event when it is given up
   * @param write - tries once, and tells whether the write is settled
   * @param bytes - how many it holds in memory
   */
  add(key: string, write: () => Promise<boolean>, bytes = 0): void {
    const isFull = this.count >= MAX_OWED || !this.hasRoomFor(bytes)
    if (isFull || this.#closing.signal.aborted) {
      this.#emit({ type: 'pending-write-dropped', key })
      return
    }
    this.#bytes += bytes
    const tries = this.#tryOn(key, write).finally(() => {
      this.#bytes -= bytes
      this.#tries.delete(tries)
    })
    this.#tries.add(tries)
  }

  /**
   * Tries each write once more, and drops those that are pending even then. What comes later is
   * dropped at once.
   *
   * @returns the keys of what was pending and is dropped
   */
  async close(): Promise<readonly string[]> {
    this.#closing.abort()
    const dropped = await Promise.all(this.#tries)
    return dropped.filter(key => key !== null)
  }

  async #tryOn(key: string, write: () => Promise<boolean>): Promise<string | null> {
    const giveUpMs = this.#clock.now() + MAX_AGE_MS
    let pauseMs = FIRST_PAUSE_MS
    let isLast = false
    while (!isLast && this.#clock.now() < giveUpMs) {
      // Closing ends the pause, and then there is one more try.
      await this.#clock.sleep(pauseMs, this.#closing.signal).catch(() => {
        isLast = true
      })
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      if (await write().catch(() => false)) return null
    }
    this.#emit({ type: 'pending-write-dropped', key })
    return key
  }
}
