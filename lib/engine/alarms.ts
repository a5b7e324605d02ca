/**
 * Many deadlines on one timer: most are cleared long before they ring, so a timer for each would
 * cost more than the work it guards.
 */
import type { Clock } from './ports.js'

const TICK_MS = 50

/** A deadline that was set. */
export interface Alarm {
  readonly atMs: number
  readonly ring: () => void
}

/** Deadlines that ring at most 50 ms late. */
export class Alarms {
  readonly #clock: Clock
  readonly #set = new Set<Alarm>()
  #ticking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * @param inMs - milliseconds from now
   * @param ring - called once, unless the alarm is cleared first
   */
  set(inMs: number, ring: () => void): Alarm {
    const alarm = { atMs: this.#clock.now() + inMs, ring }
    this.#set.add(alarm)
    if (!this.#ticking) this.#tick().catch(() => {})
    return alarm
  }

  /** Clears an alarm; harmless when it has rung. */
  clear(alarm: Alarm): void {
    this.#set.delete(alarm)
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    while (this.#set.size > 0) {
      await this.#clock.sleep(TICK_MS)
      const nowMs = this.#clock.now()
      for (const alarm of this.#set) {
        if (alarm.atMs > nowMs) continue
        this.#set.delete(alarm)
        alarm.ring()
      }
    }
    this.#ticking = false
  }
}
