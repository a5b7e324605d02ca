/**
 * Which undecided records this process has told of: each is announced once, however often its link
 * is asked for. Bounded; what was forgotten is announced again, which is better than never.
 */
import type { OnEvent } from './ports.js'

const MOST_REMEMBERED = 10_000

/** An undecided record, as an event tells of it. */
export interface Undecided {
  readonly key: string
  readonly owner: string
  /** Store time, milliseconds. */
  readonly sinceMs: number
  /** Why, where this process was the owner. */
  readonly cause?: unknown
}

/** Announces undecided records. */
export class UndecidedSeen {
  readonly #emit: OnEvent
  /** The silent owner of each key; another owner's silence is another record. */
  readonly #owners = new Map<string, string>()

  constructor(emit: OnEvent) {
    this.#emit = emit
  }

  /** Emits `undecided`, unless that was done for this record. */
  announce({ key, owner, sinceMs, cause }: Undecided): void {
    if (this.#owners.get(key) === owner) return
    if (this.#owners.size >= MOST_REMEMBERED) {
      const [oldest] = this.#owners.keys()
      if (oldest !== undefined) this.#owners.delete(oldest)
    }
    this.#owners.set(key, owner)
    this.#emit({ type: 'undecided', key, owner, sinceMs, ...(cause !== undefined && { cause }) })
  }
}
