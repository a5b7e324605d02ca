/**
 * What the engine is told about one POST, and the rules of the resource that it goes to.
 */
import type { Writable } from 'node:stream'
import type { Produced } from './capture.js'
import type { NewMessage } from './outbox/outbox-store.js'
import type { Outcome, RecordedField } from './outcome.js'

/** The identity of one POST, fixed before the handler runs; nothing the handler does changes it. */
export interface Operation {
  /** The record's key. */
  readonly key: string
  /** The epoch of the token; `null` where the app names the key. */
  readonly epoch: string | null
  /** Store time, milliseconds; `null` where the link has no end. */
  readonly expiresAtMs: number | null
  /**
   * Store time, milliseconds, until which the record answers retries; `null` for as long after the
   * claim as `keepForMs` says.
   */
  readonly keepUntilMs: number | null
  /**
   * Milliseconds; default `null`, for ever. The claim makes a time of it: what this process takes
   * for the store's time before that may be hours behind, where the machine has slept.
   */
  readonly keepForMs?: number | null
  /** Digests that name the caller; the first one claims. At least one. */
  readonly principals: readonly [string, ...string[]]
  /** Whether an existing record must be one of `principals`' (a token has proved it already). */
  readonly comparePrincipal: boolean
  /** The content's fingerprint, or `null` where it is not known yet. */
  readonly fingerprint: string | null
  /** Whether a repeat with another fingerprint is refused, in whatever state; default `false`. */
  readonly refusesOtherContent?: boolean
  /** The mark of a spent record whose place is taken; default `null`. */
  readonly replaces?: string | null
}

/** What an application answers when it is asked about an undecided key. */
export type Reconciled =
  | { readonly verdict: 'happened'; readonly outcome: ReconciledOutcome }
  | { readonly verdict: 'did-not-happen' }
  | { readonly verdict: 'unknown' }

/** The outcome that an application knows of an undecided key. */
export interface ReconciledOutcome {
  /** Status code; 201 by default with a `location`, else 200. */
  readonly status?: number
  /** Where the result is: a URI-reference. */
  readonly location?: string
  readonly contentType?: string
  readonly body?: string | Uint8Array
}

/** The rules of one resource, complete. Times are milliseconds. */
export interface ResourceRules {
  /** The whole effect is in the store's transaction. */
  readonly transactional: boolean
  /** A success that never used its transaction is meant so; default `false`. */
  readonly mayBeEmpty?: boolean
  /** The handler calls `pointOfNoReturn()`; silence before it frees the key. */
  readonly marks: boolean
  /** Any throw means that nothing happened. */
  readonly releaseOnThrow: boolean
  readonly waitMs: number
  readonly maxRunMs: number
  readonly success: SuccessRule
  /** Further statuses, 5xx, by which the handler says that nothing happened. */
  readonly reports: readonly number[]
  /** Which thrown errors say so that were not made as answers; `null` for none. */
  readonly isRefusal: ((error: unknown) => boolean) | null
  /**
   * Which refusals are an outcome too: recorded, and told to every repeat; `null` for none. What a
   * refusing handler wrote in its transaction is undone all the same.
   */
  readonly keepsRefusal: ((status: number) => boolean) | null
  readonly reconcile: ((key: string) => Reconciled | Promise<Reconciled>) | null
}

/** Tells whether an answer means that the POST took effect. */
export type SuccessRule = (answer: {
  readonly status: number
  readonly hasLocation: boolean
  /** The fields that are recorded, names in lower case, `location` among them. */
  readonly fields: readonly RecordedField[]
}) => boolean

/** What the handler did, told by the layer that ran it. */
export interface Report {
  readonly status: number
  /** The representation fields that may be recorded. */
  readonly fields: readonly RecordedField[]
  readonly hasLocation: boolean
  /** Whether the status is another server's, and so no word of the handler's. */
  readonly passedOn?: boolean
  /** Whether another operation inside tells what happened: this one keeps nothing. */
  readonly toldInside?: boolean
  /** Whether another operation inside had a transaction, so that this one's may be empty. */
  readonly hasTransactionInside?: boolean
  readonly body: Produced
  /** Where a streamed body goes. */
  readonly client: Writable | null
}

/** What the engine gives to the work that it runs. */
export interface Run {
  /** Aborts when the lease is lost or `maxRunMs` is over. */
  readonly signal: AbortSignal
  /** The store's transaction; `null` where the resource is not transactional. */
  readonly tx: unknown
  /** Whether that was noted, or tried to be. */
  readonly isMarked: boolean
  /** Durably notes that silence from here on means doubt. */
  pointOfNoReturn(): Promise<void>
  /** Writes a message in the transaction. @throws TypeError where that is not possible */
  later(message: NewMessage): Promise<void>
}

/**
 * The work of one POST. It throws what the handler throws.
 *
 * `isReported` tells whether such an error is a failure that the handler reports.
 */
export interface Work {
  perform(run: Run): Report | Promise<Report>
  isReported(error: unknown): boolean
}

/** Whether the client has left, as an `AbortSignal` tells it. */
export interface GoneSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** What became of a POST, or what a GET finds. Times are milliseconds. */
export type PostVerdict =
  /**
   * This attempt took effect; its answer is to be sent. `unused`: in a transaction that its handler
   * never used, so that what it did is perhaps not in it.
   */
  | { readonly kind: 'done'; readonly unused?: true }
  /** The handler reported a failure by its answer; the link can be used again. */
  | { readonly kind: 'refused' }
  /** The handler answered, and its answer does not tell whether anything happened. */
  | { readonly kind: 'silent' }
  /** The handler threw; `free`: the link can be used again. */
  | { readonly kind: 'threw'; readonly error: unknown; readonly free: boolean }
  | Finding

/** What is found at a key when nothing was run. */
export type Finding =
  | { readonly kind: 'unspent' }
  | { readonly kind: 'running'; readonly retryAfterMs: number }
  | {
      readonly kind: 'spent'
      readonly outcome: Outcome
      /** Whether the repeat has the same content; `null` where that cannot be told. */
      readonly payloadMatches: boolean | null
      /** Names this outcome among all that the key ever has. */
      readonly mark: string
    }
  | { readonly kind: 'undecided'; readonly sinceMs: number }
  | OtherContent
  | { readonly kind: 'expired' | 'forgotten' | 'foreign' }
  | StoreFinding
  /** The handler's transaction lasted too long, and was undone; `error` is what it threw. */
  | {
      readonly kind: 'transaction-timeout'
      readonly retryAfterMs: number
      readonly error?: unknown
    }
  /** The client left while it waited; there is nobody to answer. */
  | { readonly kind: 'gone' }

/** The store cannot be reached or is full; nothing was run, unless it was undone. */
export interface StoreFinding {
  readonly kind: 'store-down' | 'store-full'
  readonly retryAfterMs: number
  /** Whether the handler was at work, and what it wrote in its transaction was undone. */
  readonly undone?: boolean
  /** What the handler threw, where the store's failure is behind it. */
  readonly error?: unknown
}

/** The key is in use for other content, where that is refused. */
export interface OtherContent {
  readonly kind: 'other-content'
  readonly state: 'running' | 'spent' | 'undecided'
  /** The fingerprint of the content that the key is in use for. */
  readonly recorded: string
}
