/** Randomness from one seed, in streams that do not disturb each other. */
import { seededRandom } from '../../support/meeting.js'

/** A stream of random choices that its seed brings back. */
export class Random {
  readonly #seed: number
  readonly #next: () => number

  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#next = seededRandom(this.#seed)
  }

  /** A number from 0 to below 1. */
  next(): number {
    return this.#next()
  }

  /** A whole number, both ends included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.#next() * (most - least + 1))
  }

  /** `true` in that share of the cases. */
  chance(share: number): boolean {
    return this.#next() < share
  }

  /** One of a list that is not empty. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.whole(0, items.length - 1)]
    if (item === undefined) throw new RangeError('there is nothing to pick from')
    return item
  }

  /** A stream of its own; the same for the same label, however much was taken from this one. */
  fork(label: string): Random {
    let hash = this.#seed ^ 0x811c9dc5
    for (const char of label) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
    // Labels that differ in their last character must not give neighbouring seeds.
    return new Random(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d))
  }
}
