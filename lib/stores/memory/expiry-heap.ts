/**
 * Which record may go next: a binary heap by `keepUntilMs`, so that neither a full store nor a
 * purge has to look at every record.
 *
 * A record that goes before its time (a release) stays in the heap as a dead entry; when the dead
 * outnumber the living, the heap is built anew. So it is bounded by twice the living.
 */

/** What the heap needs to know of an entry. */
export interface Expiring {
  readonly keepUntilMs: number
  /** Whether the store has let go of it. */
  readonly gone: boolean
}

/** Gives the entries in the order of their `keepUntilMs`. */
export class ExpiryHeap<Entry extends Expiring> {
  #entries: Entry[] = []
  #dead = 0

  /** How many entries it holds, dead ones among them. */
  get size(): number {
    return this.#entries.length
  }

  /** Adds an entry. */
  push(entry: Entry): void {
    this.#entries.push(entry)
    this.#rise(this.#entries.length - 1)
  }

  /** Looks at the living entry that may go first. */
  peek(): Entry | undefined {
    let first = this.#entries[0]
    while (first?.gone) {
      this.#removeFirst()
      this.#dead -= 1
      first = this.#entries[0]
    }
    return first
  }

  /** Takes the first entry out; call {@link peek} before. */
  pop(): void {
    this.#removeFirst()
  }

  /** Tells that an entry inside has just become `gone`. */
  noteGone(): void {
    this.#dead += 1
    if (this.#dead <= 64 || this.#dead * 2 <= this.#entries.length) return
    this.#entries = this.#entries.filter(entry => !entry.gone)
    this.#dead = 0
    for (let index = (this.#entries.length >> 1) - 1; index >= 0; index -= 1) this.#sink(index)
  }

  #removeFirst(): void {
    const last = this.#entries.pop()
    if (last === undefined || this.#entries.length === 0) return
    this.#entries[0] = last
    this.#sink(0)
  }

  #until(index: number): number {
    return this.#entries[index]?.keepUntilMs ?? Number.POSITIVE_INFINITY
  }

  #rise(from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#until(parent) <= this.#until(index)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  #sink(from: number): void {
    let index = from
    while (true) {
      const left = index * 2 + 1
      if (left >= this.#entries.length) return
      const child = this.#until(left + 1) < this.#until(left) ? left + 1 : left
      if (this.#until(index) <= this.#until(child)) return
      this.#swap(index, child)
      index = child
    }
  }

  #swap(one: number, other: number): void {
    const first = this.#entries[one]
    const second = this.#entries[other]
    if (first === undefined || second === undefined) return
    this.#entries[one] = second
    this.#entries[other] = first
  }
}
