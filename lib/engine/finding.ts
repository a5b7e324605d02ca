/**
 * Turns a store's reply into what is found at a key: one pure function for POST and GET.
 */
import { PoeError } from '../errors.js'
import { sameContent } from './fingerprint.js'
import type { Finding, Operation, OtherContent, StoreFinding } from './operation.js'
import { decodeOutcome } from './outcome.js'
import type { ClaimedBy, ClaimReply, ReadReply } from './store.js'

const SOON_MS = 1_000

/**
 * Tells what a reply says. A claim that was granted or came late tells nothing of the key.
 *
 * @param reply - of a claim or of a read
 * @param operation - what was asked for
 */
export function findingOf(reply: ClaimReply | ReadReply, operation: Operation): Finding {
  switch (reply.state) {
    case 'running':
      return inUse(reply, operation) ?? { kind: 'running', retryAfterMs: reply.leaseLeftMs }
    case 'undecided':
      return inUse(reply, operation) ?? { kind: 'undecided', sinceMs: reply.sinceMs }
    case 'spent':
      return (
        inUse(reply, operation) ?? {
          kind: 'spent',
          outcome: decodeOutcome(reply.outcome, reply.nowMs),
          payloadMatches: sameContent(reply.fingerprint, operation.fingerprint),
          mark: reply.mark,
        }
      )
    case 'none':
      return isOver(operation.expiresAtMs, reply.nowMs)
        ? withoutRecord(operation, reply.nowMs)
        : { kind: 'unspent' }
    case 'expired':
      return withoutRecord(operation, reply.nowMs)
    case 'wrong-epoch':
      return { kind: 'forgotten' }
    case 'full':
      return { kind: 'store-full', retryAfterMs: SOON_MS }
    case 'claimed':
    case 'late':
      return { kind: 'store-down', retryAfterMs: SOON_MS }
  }
}

/**
 * Tells what a call of the store says that has failed.
 *
 * @param cause - what it rejected with
 */
export function findingOfFailure(cause: unknown): StoreFinding {
  const isFull = cause instanceof PoeError && cause.code === 'ERR_POE_STORE_FULL'
  return { kind: isFull ? 'store-full' : 'store-down', retryAfterMs: SOON_MS }
}

/** Whether a record is another's, or in use for other content; `null` where it is neither. */
function inUse(
  record: ClaimedBy & { readonly state: OtherContent['state'] },
  operation: Operation,
): Finding | null {
  if (isForeign(record, operation)) return { kind: 'foreign' }
  const { fingerprint: recorded, state } = record
  if (operation.refusesOtherContent !== true || recorded === null) return null
  return recorded === operation.fingerprint ? null : { kind: 'other-content', state, recorded }
}

function isForeign(record: ClaimedBy, operation: Operation): boolean {
  return operation.comparePrincipal && !operation.principals.includes(record.principal)
}

/** What is told of a life that is over: that it was not used is known while records are kept. */
function withoutRecord({ keepUntilMs }: Operation, nowMs: number): Finding {
  return { kind: isOver(keepUntilMs, nowMs) ? 'forgotten' : 'expired' }
}

function isOver(untilMs: number | null, nowMs: number): boolean {
  return untilMs !== null && nowMs > untilMs
}
