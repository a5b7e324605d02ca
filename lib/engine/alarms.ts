/**
 * Many deadlines on one timer: most are cleared long before they ring, so a timer for each would
 * cost more than the work it guards.
 */
import { isListed, List, Listed, unlist } from './listed.js'
import type { Clock } from './ports.js'

const TICK_MS = 50

/** Something with a deadline. */
export abstract class Alarm extends Listed {
  /** When it rings, by the clock, in milliseconds. */
  declare atMs: number

  constructor() {
    super()
    this.atMs = 0
  }

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
  readonly #alarms = new List<Alarm>()
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
    if (isListed(alarm)) return alarm
    this.#alarms.add(alarm)
    if (!this.#ticking) this.#tick().catch(() => {})
    return alarm
  }

  /** Clears an alarm; harmless when it has rung. */
  clear(alarm: Alarm): void {
    unlist(alarm)
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    while (!this.#alarms.isEmpty) {
      await this.#clock.sleep(TICK_MS)
      const nowMs = this.#clock.now()
      for (const alarm of this.#alarms.items()) {
        // One that rang before it may have cleared it.
        if (alarm.atMs > nowMs || !isListed(alarm)) continue
        unlist(alarm)
        alarm.ring()
      }
    }
    this.#ticking = false
  }
}
