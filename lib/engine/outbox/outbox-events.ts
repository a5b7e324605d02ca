/**
 * What happens to messages of the outbox, for logs and metrics. `key` is the message's, the one
 * that its handler gives to the other side. No event carries a payload.
 */

interface OfMessage {
  readonly key: string
  /** Which handler delivers it. */
  readonly name: string
}

interface OfAttempt extends OfMessage {
  /** Which attempt, from 1. */
  readonly attempt: number
}

/** An event of the outbox. */
export type OutboxEvent =
  /** The transaction that wrote it is committed; `by` is the key of its link's record. */
  | ({ readonly type: 'outbox-written'; readonly by: string } & OfMessage)
  /** A worker of this process has it, and its handler is about to run. */
  | ({ readonly type: 'outbox-taken' } & OfAttempt)
  /** Its handler is done, and that is recorded. */
  | ({ readonly type: 'outbox-delivered' } & OfAttempt)
  /** Its handler failed; it is tried again after so many milliseconds. */
  | ({ readonly type: 'outbox-failed'; readonly retryInMs: number } & OfAttempt & Caused)
  /** It is tried no more: see `once.outbox.dead()`. */
  | ({ readonly type: 'outbox-dead' } & OfAttempt & Caused)
  /** Its lease could not be kept, or `maxRunMs` is over: somebody delivers it again. */
  | ({ readonly type: 'outbox-lease-lost' } & OfAttempt & Caused)
  /** Its handler came to an end that was not recorded; it is delivered again, or was. */
  | ({ readonly type: 'outbox-late' } & OfAttempt & Partial<Caused>)
  /** A worker that is stopped waits no longer for its handler. */
  | ({ readonly type: 'outbox-unfinished' } & OfAttempt)
  /** An operator has decided a dead message: it is due again, or gone. */
  | { readonly type: 'outbox-revived' | 'outbox-dropped'; readonly key: string }

interface Caused {
  readonly cause: unknown
}
