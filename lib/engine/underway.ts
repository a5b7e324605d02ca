/**
 * What is under way: requests that may still come to a claim, handlers at work, bodies that are
 * being recorded. A shutdown waits for it.
 */
import { List, Listed, unlist } from './listed.js'
import type { Clock } from './ports.js'

/** A piece of work at a record. */
export class Piece extends Listed {
  /** The record's key. */
  readonly key: string

  /** @internal */
  constructor(key: string) {
    super()
    this.key = key
  }
}

/** Knows what is under way. */
export class Underway {
  readonly #pieces = new List<Piece>()
  #onIdle: () => void = () => {}
  #isOver = false

  /** Whether a shutdown has waited, and waits no longer: nothing is kept alive from then on. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** How many pieces of work there are. */
  get count(): number {
    return this.#pieces.items().length
  }

  /**
   * Notes that a piece of work has begun.
   *
   * @param key - the record's key
   */
  begin(key: string): Piece {
    const piece = new Piece(key)
    this.#pieces.add(piece)
    return piece
  }

  /** Notes that a piece of work is at its end; harmless when that is known. */
  end(piece: Piece): void {
    unlist(piece)
    if (this.#pieces.isEmpty) this.#onIdle()
  }

  /**
   * Waits until nothing is under way.
   *
   * @param graceMs - for how long, in milliseconds
   * @param sleep - measures that
   * @returns the keys of what is not at its end by then
   */
  async idle(graceMs: number, sleep: Clock['sleep']): Promise<readonly string[]> {
    if (!this.#pieces.isEmpty) {
      const idle = new AbortController()
      this.#onIdle = () => idle.abort()
      // Either it is idle, which ends the sleep, or the grace is over.
      await sleep(graceMs, idle.signal).catch(() => {})
    }
    this.#isOver = true
    return [...new Set(this.#pieces.items().map(({ key }) => key))]
  }
}
