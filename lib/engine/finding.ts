/**
 * Turns a store's reply into what is found at a key: one pure function for POST and GET.
 */
import type { Finding, Operation } from './operation.js'
import { decodeOutcome } from './outcome.js'
import type { ClaimedBy, ClaimReply, ReadReply } from './store.js'

/**
 * Tells what a reply says. A claim that was granted or came late tells nothing of the key.
 *
 * @param reply - of a claim or of a read
 * @param operation - what was asked for
 */
export function findingOf(reply: ClaimReply | ReadReply, operation: Operation): Finding {
  switch (reply.state) {
    case 'running':
      if (isForeign(reply, operation)) return { kind: 'foreign' }
      return { kind: 'running', retryAfterMs: reply.leaseLeftMs }
    case 'undecided':
      if (isForeign(reply, operation)) return { kind: 'foreign' }
      return { kind: 'undecided', sinceMs: reply.sinceMs }
    case 'spent':
      if (isForeign(reply, operation)) return { kind: 'foreign' }
      return {
        kind: 'spent',
        outcome: decodeOutcome(reply.outcome, reply.nowMs),
        payloadMatches: compare(reply.fingerprint, operation.fingerprint),
      }
    case 'none':
      return isOver(operation, reply.nowMs) ? { kind: 'expired' } : { kind: 'unspent' }
    case 'expired':
      return { kind: 'expired' }
    case 'wrong-epoch':
      return { kind: 'forgotten' }
    case 'full':
      return { kind: 'store-full', retryAfterMs: 1_000 }
    case 'claimed':
    case 'late':
      return { kind: 'store-down', retryAfterMs: 1_000 }
  }
}

function isForeign(record: ClaimedBy, operation: Operation): boolean {
  return operation.comparePrincipal && !operation.principals.includes(record.principal)
}

function isOver(operation: Operation, nowMs: number): boolean {
  return operation.expiresAtMs !== null && nowMs > operation.expiresAtMs
}

function compare(recorded: string | null, seen: string | null): boolean | null {
  return recorded === null || seen === null ? null : recorded === seen
}
