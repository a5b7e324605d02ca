/**
 * Many deadlines on one timer: most are cleared long before they are due, so a timer for each would
 * cost more than the work it guards.
 */
import { isListed, List, Listed, unlist } from './listed.js'
import type { Clock } from './ports.js'

const TICK_MS = 50

/** Something with a deadline. */
export abstract class Deadline extends Listed {
  /** When it is due, by the clock, in milliseconds. */
  declare atMs: number

  constructor() {
    super()
    this.atMs = 0
  }

  /** Called once, when it is no longer set. */
  abstract onDeadline(): void
}

class Callback extends Deadline {
  readonly onDeadline: () => void

  constructor(onDeadline: () => void) {
    super()
    this.onDeadline = onDeadline
  }
}

/** Deadlines that are told at most 50 ms late. */
export class Deadlines {
  readonly #clock: Clock
  readonly #deadlines = new List<Deadline>()
  #ticking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Sets a deadline that only calls.
   *
   * @param inMs - milliseconds from now
   * @param call - called once, unless the deadline is cleared first
   */
  set(inMs: number, call: () => void): Deadline {
    return this.add(new Callback(call), this.#clock.now() + inMs)
  }

  /**
   * Sets a deadline, or changes its time where it is set.
   *
   * @param atMs - when, by the clock, in milliseconds
   */
  add(deadline: Deadline, atMs: number): Deadline {
    deadline.atMs = atMs
    if (isListed(deadline)) return deadline
    this.#deadlines.add(deadline)
    if (!this.#ticking) this.#tick().catch(() => {})
    return deadline
  }

  /** Clears a deadline; harmless when it is over. */
  clear(deadline: Deadline): void {
    unlist(deadline)
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    while (!this.#deadlines.isEmpty) {
      await this.#clock.sleep(TICK_MS)
      const nowMs = this.#clock.now()
      for (const deadline of this.#deadlines.items()) {
        // One that was due before it may have cleared it.
        if (deadline.atMs > nowMs || !isListed(deadline)) continue
        unlist(deadline)
        deadline.onDeadline()
      }
    }
    this.#ticking = false
  }
}
