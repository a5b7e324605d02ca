/**
 * The POSTs of this client that are under way or were left open: one send for each link at a time,
 * and no other content before the first one is settled.
 */
import { isSamePayload, type Payload } from './body.js'
import { wasNeverRun } from './core.js'
import { ClientError, isLeftOpen, PostAborted } from './errors.js'
import { isLogin } from './journal.js'
import type { ResolvedClientOptions } from './options.js'
import type { PostOutcome } from './outcome.js'
import type { Order } from './sending.js'

/** How many open ends are remembered; the oldest go first. */
const MOST_OPEN = 1_000
/** How much of their content is kept, in bytes; that of the last one always is. */
const MOST_OPEN_BYTES = 67_108_864

/** A POST as the ledger knows it. */
export type SentPost = Pick<Order, 'link' | 'payload' | 'headers' | 'idempotencyKey'>

interface Line {
  /** `null`: it was too large to be kept beside the others. */
  readonly sent: SentPost | null
  /** `null`: it ended without being settled. */
  readonly running: Promise<PostOutcome> | null
  /** It ended as unknown for good, or it was never run. */
  readonly isLost: boolean
}

/** What the ledger knows of a link or key. */
export interface Precedent {
  /** What is to be sent: what was sent before, byte by byte. */
  readonly sent: SentPost
  /** The same POST, if it is under way. */
  readonly running: Promise<PostOutcome> | null
  /** An earlier call may have sent it, and what the server says now may be about that. */
  readonly isOpen: boolean
  /** The same, but what the server says now may as well be about somebody else's POST. */
  readonly isLost: boolean
}

/** The ledger of a client. */
export class Ledger {
  readonly #lines = new Map<string, Line>()
  /** A function may give the login of whoever calls, which is not seen here. */
  readonly #isForOne: boolean

  /** @param options - of the client */
  constructor({ headers }: Pick<ResolvedClientOptions, 'headers'>) {
    this.#isForOne = typeof headers !== 'function'
  }

  /**
   * Looks up what was sent to a link, or with a key, before.
   *
   * @throws ClientError `ERR_POE_LINK_BUSY` where that was other content and is not settled
   */
  precedent(sent: SentPost): Precedent {
    const line = this.#lines.get(nameOf(sent))
    if (line === undefined) return { sent, running: null, isOpen: false, isLost: false }
    const { sent: before, running, isLost } = line
    // It may be the same or not: no word of the server's is about this one for sure.
    if (before === null) return { sent, running, isOpen: false, isLost: true }
    if (isSamePayload(typed(before), typed(sent))) {
      const shared = this.#isForOne && mayShare(before, sent) ? running : null
      return { sent: asBefore(before, sent), running: shared, isOpen: !isLost, isLost }
    }
    const state = running === null ? 'it is not known how that ended' : 'that is under way'
    throw new ClientError(
      'ERR_POE_LINK_BUSY',
      `Other content was sent to the same link, and ${state}. Send the first content again to ` +
        'settle it, or get another link.',
    )
  }

  /**
   * Notes that a POST is under way, until it is settled or left open.
   *
   * @returns how it ends
   */
  enter(sent: SentPost, running: Promise<PostOutcome>): Promise<PostOutcome> {
    const name = nameOf(sent)
    const before = this.#lines.get(name)
    const line = { sent, running, isLost: false }
    this.#lines.set(name, line)
    const leave = (isOpen: boolean, isLost: boolean, orElse?: Line) => {
      if (this.#lines.get(name) !== line) return
      this.#lines.delete(name)
      const end = isOpen ? { sent, running: null, isLost } : orElse
      if (end?.running === null) this.#leaveOpen(name, end)
    }
    running.then(
      outcome => leave(outcome.outcome === 'unknown', isSettled(outcome) || wasNeverRun(outcome)),
      // A call that has sent nothing says nothing of those before it.
      error => leave(!provesNothingSent(error), wasNeverRun(Object(error)), before),
    )
    return running
  }

  #leaveOpen(name: string, line: Line): void {
    this.#lines.set(name, line)
    const open = [...this.#lines].filter(([, { running }]) => running === null).reverse()
    let left = MOST_OPEN_BYTES
    for (const [index, [each, { sent, ...more }]] of open.entries()) {
      left -= sent?.payload.content?.length ?? 0
      if (index >= MOST_OPEN) this.#lines.delete(each)
      else if (index > 0 && left < 0) this.#lines.set(each, { sent: null, ...more })
    }
  }
}

/** A link names one POST; a key one at one URL, of whoever is logged in. */
function nameOf({ link, idempotencyKey, headers }: SentPost): string {
  if (idempotencyKey === null) return link.href
  const logins = Object.entries(headers).filter(([name]) => isLogin(name))
  return JSON.stringify([link.href, idempotencyKey, ...logins.toSorted()])
}

/** Its content with the type that it goes with. */
function typed({ payload, headers }: SentPost): Payload {
  return { ...payload, type: headers['content-type'] ?? payload.type }
}

/** A form was written with another boundary, and whoever compares bytes takes it for another. */
function asBefore({ payload, headers }: SentPost, sent: SentPost): SentPost {
  const type = headers['content-type']
  const own = type === undefined ? {} : { 'content-type': type }
  return { ...sent, payload, headers: { ...sent.headers, ...own } }
}

/**
 * Any field may say who is asking, and whose a key is: then the server has to tell them apart. A
 * link is whose it is; a login says who asks for the answer.
 */
function mayShare(one: SentPost, other: SentPost): boolean {
  const isAnyones = other.idempotencyKey === null
  const fieldsOf = ({ headers }: SentPost) => {
    const fields = Object.entries(headers).filter(([name]) => !isAnyones || isLogin(name))
    return JSON.stringify(fields.toSorted())
  }
  return fieldsOf(one) === fieldsOf(other)
}

/** What is thrown before the first byte leaves. */
const BEFORE = new Set(['ERR_POE_JOURNAL', 'ERR_POE_BODY_ONCE', 'ERR_POE_BODY_TOO_LARGE'])

/** Whether what sending threw says that it did not take effect; what a hook threw says nothing. */
export function provesNothingSent(error: unknown): boolean {
  // A hook may send as well, and throw what says so of its own POST.
  if (!(error instanceof ClientError) || isLeftOpen(error)) return false
  return error instanceof PostAborted ? error.outcome === 'not-sent' : BEFORE.has(error.code)
}

/**
 * Whether there is nothing more to do about a POST.
 *
 * @returns `false` where the same may be sent again to learn more
 */
export function isSettled(outcome: PostOutcome): boolean {
  return outcome.outcome !== 'unknown' || outcome.isFinal
}
