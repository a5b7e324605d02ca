/**
 * What is under way: requests that may still come to a claim, handlers at work, bodies that are
 * being recorded. A shutdown waits for it.
 */
import type { Clock } from './ports.js'

/** A piece of work at a record; two are the same when they are the same object. */
export interface Piece {
  /** The record's key. */
  readonly key: string
}

/** Knows what is under way. */
export class Underway {
  readonly #pieces = new Set<Piece>()
  #onIdle: () => void = () => {}
  #isOver = false

  /** Whether a shutdown has waited, and waits no longer: nothing is kept alive from then on. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** How many pieces of work there are. */
  get count(): number {
    return this.#pieces.size
  }

  /** Notes that a piece of work has begun. */
  begin(piece: Piece): void {
    this.#pieces.add(piece)
  }

  /** Notes that a piece of work is at its end. */
  end(piece: Piece): void {
    this.#pieces.delete(piece)
    if (this.#pieces.size === 0) this.#onIdle()
  }

  /**
   * Waits until nothing is under way.
   *
   * @param graceMs - for how long, in milliseconds
   * @param sleep - measures that
   * @returns the keys of what is not at its end by then
   */
  async idle(graceMs: number, sleep: Clock['sleep']): Promise<readonly string[]> {
    if (this.#pieces.size > 0) {
      const idle = new AbortController()
      this.#onIdle = () => idle.abort()
      // Either it is idle, which ends the sleep, or the grace is over.
      await sleep(graceMs, idle.signal).catch(() => {})
    }
    this.#isOver = true
    return [...new Set([...this.#pieces].map(({ key }) => key))]
  }
}
