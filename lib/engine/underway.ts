/**
 * What is under way: requests that may still come to a claim, handlers at work, bodies that are
 * being recorded. A shutdown waits for it.
 */
import type { Clock } from './ports.js'

/** A piece of work at a record, in a list of all of them: a set would be made anew now and then. */
export class Piece {
  /** The record's key. */
  readonly key: string
  /** @internal */
  next: Piece = this
  /** @internal */
  previous: Piece = this

  /** @internal */
  constructor(key: string) {
    this.key = key
  }
}

/** Knows what is under way. */
export class Underway {
  /** Stands before the first and after the last. */
  readonly #ends = new Piece('')
  #onIdle: () => void = () => {}
  #isOver = false

  /** Whether a shutdown has waited, and waits no longer: nothing is kept alive from then on. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** How many pieces of work there are. */
  get count(): number {
    let count = 0
    for (let piece = this.#ends.next; piece !== this.#ends; piece = piece.next) count += 1
    return count
  }

  /**
   * Notes that a piece of work has begun.
   *
   * @param key - the record's key
   */
  begin(key: string): Piece {
    const piece = new Piece(key)
    const last = this.#ends.previous
    piece.previous = last
    piece.next = this.#ends
    last.next = piece
    this.#ends.previous = piece
    return piece
  }

  /** Notes that a piece of work is at its end; harmless when that is known. */
  end(piece: Piece): void {
    const { next, previous } = piece
    previous.next = next
    next.previous = previous
    piece.next = piece
    piece.previous = piece
    if (this.#ends.next === this.#ends) this.#onIdle()
  }

  /**
   * Waits until nothing is under way.
   *
   * @param graceMs - for how long, in milliseconds
   * @param sleep - measures that
   * @returns the keys of what is not at its end by then
   */
  async idle(graceMs: number, sleep: Clock['sleep']): Promise<readonly string[]> {
    if (this.#ends.next !== this.#ends) {
      const idle = new AbortController()
      this.#onIdle = () => idle.abort()
      // Either it is idle, which ends the sleep, or the grace is over.
      await sleep(graceMs, idle.signal).catch(() => {})
    }
    this.#isOver = true
    const keys = new Set<string>()
    for (let each = this.#ends.next; each !== this.#ends; each = each.next) keys.add(each.key)
    return [...keys]
  }
}
