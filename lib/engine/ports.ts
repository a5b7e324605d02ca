/**
 * What the engine takes from outside, so that time and chance are inputs: a clock, random ids and
 * a listener for events.
 */
import { channel } from 'node:diagnostics_channel'
import type { PoeError } from '../errors.js'
import { hearFailure } from './hear-failure.js'
import type { Finding, PostVerdict } from './operation.js'
import type { OutboxEvent } from './outbox/outbox-events.js'

/** Time as an input. All values are milliseconds. */
export interface Clock {
  /** Milliseconds since the Unix epoch, by this process. */
  now(): number
  /**
   * Waits, without keeping the process alive.
   *
   * @throws the signal's reason, as soon as it aborts
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Gives a new random id of at least 122 bits. */
export type MakeId = () => string

/**
 * What happened, for logs and metrics. `key` names the record: the route and the link's nonce,
 * from which no link can be made. No event carries a token, a secret, a field or a body.
 */
export type PoeEvent =
  /**
   * The handler is about to run. An undecided record whose `owner` no process has ever told of here
   * is a claim that arrived when nobody waited for it any more: no handler ran for it.
   */
  | { readonly type: 'claimed'; readonly key: string; readonly owner: string }
  /** The outcome is recorded. `late`: after the lease had lapsed, or after the answer was sent. */
  | { readonly type: 'spent'; readonly key: string; readonly late: boolean }
  /** The handler reported a failure; the link can be used again. */
  | { readonly type: 'released'; readonly key: string }
  /** `pointOfNoReturn()` is recorded: from here on silence means doubt. */
  | { readonly type: 'marked'; readonly key: string }
  /** The body of a stream is recorded, after its outcome. */
  | { readonly type: 'body-kept'; readonly key: string }
  /**
   * The owner fell silent at `sinceMs` (store time, milliseconds). Told by the owner's own process,
   * then with a `cause` if there is one, or else by each that meets the record afterwards; once for
   * a record and process. See `reconcile` and `settle` for the ways out.
   */
  | {
      readonly type: 'undecided'
      readonly key: string
      readonly owner: string
      readonly sinceMs: number
      readonly cause?: unknown
    }
  /** The lease could not be kept, or `maxRunMs` is over; `ctx.poe.signal` has aborted. */
  | { readonly type: 'lease-lost'; readonly key: string; readonly cause: PoeError }
  /** A completion came from an owner that is not the owner any more: perhaps a second effect. */
  | { readonly type: 'stale-completion'; readonly key: string }
  /** A success could not be recorded for `recordForMs`; its answer was sent all the same. */
  | { readonly type: 'unrecorded'; readonly key: string; readonly cause: unknown }
  /** The answer's body could not be turned into bytes; the success stands without it. */
  | { readonly type: 'body-unreadable'; readonly key: string; readonly cause: unknown }
  /** The answer's body was too large, or its stream broke; the success stands without it. */
  | { readonly type: 'body-not-kept'; readonly key: string; readonly cause?: unknown }
  /** `reconcile` was asked about an undecided link. */
  | {
      readonly type: 'reconciled'
      readonly key: string
      readonly verdict: 'happened' | 'did-not-happen' | 'unknown'
      readonly cause?: unknown
    }
  /** An undecided link was decided by `once.settle()`. */
  | {
      readonly type: 'settled'
      readonly key: string
      readonly verdict: 'happened' | 'did-not-happen'
    }
  /** The store stopped answering; POSTs are refused until it is back. */
  | { readonly type: 'store-down'; readonly cause: unknown }
  /** The store answers again. */
  | { readonly type: 'store-back' }
  /** A newer release wrote a record that this one cannot read; it is answered 503 and not run. */
  | { readonly type: 'record-unreadable'; readonly cause: unknown }
  /** The secrets that the store keeps are none: nothing is minted, no link is verified. */
  | { readonly type: 'secrets-unreadable'; readonly cause: unknown }
  /** The store's memory is another one than before: links that were handed out are void. */
  | { readonly type: 'epoch-changed' }
  /** `dangerouslyRunUnprotected`: the handler runs although the store is down. */
  | { readonly type: 'unprotected'; readonly key: string; readonly cause: unknown }
  /** `dangerouslyRetryUndecided`: an undecided link is freed without knowing. */
  | { readonly type: 'undecided-retried'; readonly key: string }
  /**
   * Middleware outside has made another answer of the one that was decided: a success of a failure,
   * a failure of a success, or anything else of a refusal of ours. `key` is
   * `null` where no key was known.
   */
  | {
      readonly type: 'answer-changed'
      readonly key: string | null
      /** The status that was decided. */
      readonly said: number
      /** The status that the client got. */
      readonly sent: number
    }
  /**
   * A POST, or its like, to a link that was never given out, or was given to somebody else; it got
   * 404. The key is known only where the application names it.
   */
  | { readonly type: 'unverifiable'; readonly route: string; readonly key: string | null }
  /** The application's own page for a refusal could not be drawn; ours was sent. */
  | { readonly type: 'refusal-not-drawn'; readonly kind: string; readonly cause: unknown }
  /**
   * A statement of the handler was still under way, or began, when its transaction was over, and
   * has done nothing: an `await` is missing in the handler.
   */
  | { readonly type: 'unawaited-statement'; readonly key: string }
  /**
   * A handler of a transactional resource succeeded and never used its transaction: what it wrote,
   * if anything, is outside, and a throw would not have undone it.
   */
  | { readonly type: 'transaction-unused'; readonly key: string }
  /** A handler's transaction was open longer than `txMaxMs`, and was undone. */
  | { readonly type: 'transaction-timeout'; readonly key: string }
  /** A write that is pending for the store was given up: too many, for too long, or at `close`. */
  | { readonly type: 'pending-write-dropped'; readonly key: string }
  /** `close` waits no longer for a handler, and keeps its claim no longer: it will lapse. */
  | { readonly type: 'unfinished'; readonly key: string }
  | OutboxEvent

/** Receives events; what it throws, or rejects with, is ignored. */
export type OnEvent = (event: PoeEvent) => void

/** The `diagnostics_channel` that every event of every `poe()` of the process is published on. */
export const EVENTS_CHANNEL = 'post-once-exactly'

/**
 * What is published there. Some are on the channel only: clients can make any number of them, and a
 * log would be full of them.
 */
export type ChannelEvent =
  | PoeEvent
  /** A POST ran nothing, because of what was found at its key: of a repeat `spent`, as a rule. */
  | { readonly type: 'not-run'; readonly key: string; readonly found: Finding['kind'] }
  /**
   * The request that had claimed the key has its answer. `lost`: its claim was another's by then.
   */
  | {
      readonly type: 'answered'
      readonly key: string
      readonly owner: string
      readonly verdict: PostVerdict['kind'] | 'lost'
    }

const events = channel(EVENTS_CHANNEL)

/**
 * Calls a listener so that its failure is its own, and publishes to the channel while somebody
 * subscribes there.
 *
 * @param onEvent - the listener, if there is one
 * @returns a function that never throws
 */
export function safeEmitter(onEvent: OnEvent | undefined): OnEvent {
  return event => {
    // Node tells of what a subscriber throws as an uncaught exception, and goes on.
    if (events.hasSubscribers) events.publish(event)
    if (onEvent === undefined) return
    try {
      hearFailure(onEvent(event))
    } catch {
      // A broken log must not decide what becomes of a POST.
    }
  }
}

/** Publishes that a POST ran nothing, and what was found at its key. */
export function publishNotRun(key: string, found: Finding['kind']): void {
  if (events.hasSubscribers) events.publish({ type: 'not-run', key, found } satisfies ChannelEvent)
}

/** Publishes that the request which had claimed a key has its answer. */
export function publishAnswered(key: string, owner: string, verdict: PostVerdict | null): void {
  if (!events.hasSubscribers) return
  const kind = verdict?.kind ?? 'lost'
  events.publish({ type: 'answered', key, owner, verdict: kind } satisfies ChannelEvent)
}
