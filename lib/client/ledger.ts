/**
 * The POSTs of this client that are under way or were left open: one send for each link at a time,
 * and no other content before the first one is settled.
 */
import { isSamePayload, type Payload } from './body.js'
import { ClientError, PostAborted } from './errors.js'
import type { PostOutcome } from './outcome.js'

/** How many open ends are remembered; the oldest go first. */
const MOST_OPEN = 1_000

interface Line {
  readonly payload: Payload
  /** `null`: it ended without being settled. */
  readonly running: Promise<PostOutcome> | null
}

/** What the ledger knows of a link or key. */
export interface Precedent {
  /** The same POST, if it is under way. */
  readonly running: Promise<PostOutcome> | null
  /** An earlier call may have sent it. */
  readonly isOpen: boolean
}

/** The ledger of a client. */
export class Ledger {
  readonly #lines = new Map<string, Line>()

  /**
   * Looks up what was sent to a link, or with a key, before.
   *
   * @throws ClientError `ERR_POE_LINK_BUSY` where that was other content and is not settled
   */
  precedent(name: string, payload: Payload): Precedent {
    const line = this.#lines.get(name)
    if (line === undefined) return { running: null, isOpen: false }
    if (isSamePayload(line.payload, payload)) return { running: line.running, isOpen: true }
    const state = line.running === null ? 'it is not known how that ended' : 'that is under way'
    throw new ClientError(
      'ERR_POE_LINK_BUSY',
      `Other content was sent to the same link, and ${state}. Send the first content again to ` +
        'settle it, or get another link.',
    )
  }

  /** Notes that a POST is under way, until it is settled or left open. */
  enter(name: string, payload: Payload, running: Promise<PostOutcome>): void {
    const line = { payload, running }
    this.#lines.set(name, line)
    const leave = (isOpen: boolean) => {
      if (this.#lines.get(name) !== line) return
      this.#lines.delete(name)
      if (isOpen) this.#leaveOpen(name, payload)
    }
    running.then(
      outcome => leave(!isSettled(outcome)),
      error => leave(!provesNothingSent(error)),
    )
  }

  #leaveOpen(name: string, payload: Payload): void {
    this.#lines.set(name, { payload, running: null })
    if (this.#lines.size <= MOST_OPEN) return
    for (const [oldest, { running }] of this.#lines) {
      if (running !== null) continue
      this.#lines.delete(oldest)
      break
    }
  }
}

/** What is thrown before the first byte leaves. */
const BEFORE = new Set(['ERR_POE_JOURNAL', 'ERR_POE_BODY_ONCE', 'ERR_POE_BODY_TOO_LARGE'])

/** Whether what sending threw says that it did not take effect; what a hook threw says nothing. */
export function provesNothingSent(error: unknown): boolean {
  if (error instanceof PostAborted) return error.outcome === 'not-sent'
  return error instanceof ClientError && BEFORE.has(error.code)
}

/**
 * Whether there is nothing more to do about a POST.
 *
 * @returns `false` where the same may be sent again to learn more
 */
export function isSettled(outcome: PostOutcome): boolean {
  return outcome.outcome !== 'unknown' || outcome.isFinal
}
