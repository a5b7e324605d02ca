/**
 * Many deadlines on one timer: most are cleared long before they ring, so a timer for each would
 * cost more than the work it guards. Whatever has a deadline is its own entry in the list, which
 * takes it out without a search.
 */
import type { Clock } from './ports.js'

const TICK_MS = 50

/** A place in the list: between its neighbours, or by itself. */
class Link {
  next: Link = this
  previous: Link = this
}

/** Something with a deadline. */
export abstract class Alarm extends Link {
  /** When it rings, by the clock, in milliseconds. */
  atMs = 0
  /** Called once, when it is no longer set. */
  abstract ring(): void
}

class Ringing extends Alarm {
  readonly ring: () => void

  constructor(ring: () => void) {
    super()
    this.ring = ring
  }
}

/** Deadlines that ring at most 50 ms late. */
export class Alarms {
  readonly #clock: Clock
  /** Stands before the first and after the last. */
  readonly #end = new Link()
  #ticking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Sets an alarm that only rings.
   *
   * @param inMs - milliseconds from now
   * @param ring - called once, unless the alarm is cleared first
   */
  set(inMs: number, ring: () => void): Alarm {
    return this.add(new Ringing(ring), this.#clock.now() + inMs)
  }

  /**
   * Sets an alarm, or changes its time where it is set.
   *
   * @param atMs - when, by the clock, in milliseconds
   */
  add(alarm: Alarm, atMs: number): Alarm {
    alarm.atMs = atMs
    if (alarm.next !== alarm) return alarm
    const last = this.#end.previous
    alarm.previous = last
    alarm.next = this.#end
    last.next = alarm
    this.#end.previous = alarm
    if (!this.#ticking) this.#tick().catch(() => {})
    return alarm
  }

  /** Clears an alarm; harmless when it has rung. */
  clear(alarm: Alarm): void {
    const { next, previous } = alarm
    previous.next = next
    next.previous = previous
    alarm.next = alarm
    alarm.previous = alarm
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    while (this.#end.next !== this.#end) {
      await this.#clock.sleep(TICK_MS)
      for (const alarm of this.#due()) {
        // One that rang before it may have cleared it.
        if (alarm.next === alarm) continue
        this.clear(alarm)
        alarm.ring()
      }
    }
    this.#ticking = false
  }

  #due(): Alarm[] {
    const nowMs = this.#clock.now()
    const due: Alarm[] = []
    for (let link = this.#end.next; link !== this.#end; link = link.next) {
      const alarm = link as Alarm
      if (alarm.atMs <= nowMs) due.push(alarm)
    }
    return due
  }
}
