/**
 * What was found at a link, a key or an action, and the refusal that tells it.
 *
 * @see POE draft 2
 */
import type { Finding } from '../engine/operation.js'
import { type Answer, type Problem, refusalAnswer } from './answer.js'
import { DOOR_REFUSALS, LINK_REFUSALS, SOON_MS } from './refusals.js'

/** A finding that is answered by a refusal, also for a method that is not offered at all. */
export type RefusedFinding = Finding | { readonly kind: 'unverifiable' }

/** The same request is under way, and nobody knows how long. */
export const RUNNING_NOW: RefusedFinding = { kind: 'running', retryAfterMs: SOON_MS }

/** It is not known what became of it. */
export const UNDECIDED_NOW: RefusedFinding = { kind: 'undecided', sinceMs: 0 }

/** The store, or what is kept in it, cannot be asked now. */
export const STORE_DOWN_NOW: RefusedFinding = { kind: 'store-down', retryAfterMs: SOON_MS }

/** Puts a finding into words: only a POST is said to have been sent. */
export function problemOf(finding: RefusedFinding, method: string): Problem {
  const { kind } = finding
  switch (kind) {
    case 'spent':
      return (method === 'POST' ? SENT : USED)[`${finding.payloadMatches}`]
    case 'store-down':
    case 'store-full':
      return LINK_REFUSALS[finding.undone === true ? (`undone-${kind}` as const) : kind]
    case 'other-content':
      return DOOR_REFUSALS.mismatch
    case 'foreign':
    case 'gone':
      return LINK_REFUSALS.unverifiable
    default:
      return LINK_REFUSALS[kind]
  }
}

/** Only what is known: whether the content was the same, another, or nobody can tell. */
const SENT = {
  true: LINK_REFUSALS.used,
  false: LINK_REFUSALS['used-for-other'],
  null: LINK_REFUSALS['used-by-any'],
}
const TITLE = 'This address was already used'
const USED = {
  true: { ...SENT.true, title: TITLE },
  false: { ...SENT.false, title: TITLE },
  null: { ...SENT.null, title: TITLE },
}

/** When to ask again after a finding, in milliseconds; `null` where that is of no use. */
export function retryTimeOf(finding: RefusedFinding): number | null {
  if ('retryAfterMs' in finding) return finding.retryAfterMs
  return finding.kind === 'undecided' ? (LINK_REFUSALS.undecided.retryAfterMs ?? null) : null
}

/** The refusal that tells a finding to a request with that method. */
export function refusalOf(finding: RefusedFinding, method: string): Answer {
  return refusalAnswer(problemOf(finding, method), retryTimeOf(finding))
}
