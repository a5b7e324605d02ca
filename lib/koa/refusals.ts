/**
 * The table of refusals: which finding is told in which words.
 *
 * @see POE draft 2; RFC 9110 15.5.6, 15.5.10, 15.5.11, 15.6.4
 */
import type { Finding } from '../engine/operation.js'
import { MISMATCH } from './doors/door-problems.js'
import type { Problem } from './problem.js'

/** What a refusal needs to know besides the finding. */
export interface RefusalContext {
  readonly method: string
  readonly result: string | null
  readonly link: string | null
  readonly createForm: string | null
}

const UNDECIDED_RETRY_MS = 30_000

/** A finding that is answered by a refusal, also for a method that is not offered at all. */
export type Refused = Finding | { readonly kind: 'unverifiable' }

/**
 * Puts a finding into words.
 *
 * @param finding - what was found
 * @param about - method, result and links
 * @returns the problem, and what `Retry-After` says in milliseconds, or `null`
 */
export function refusal(
  finding: Refused,
  about: RefusalContext,
): { readonly problem: Problem; readonly retryAfterMs: number | null } {
  const { createForm } = about
  switch (finding.kind) {
    case 'spent':
      return plain(spent(finding.payloadMatches, about))
    case 'running':
      return again(RUNNING, finding.retryAfterMs)
    case 'undecided':
      return again(UNDECIDED, UNDECIDED_RETRY_MS)
    case 'unspent':
      return plain(UNSPENT)
    case 'expired':
      return plain({ ...EXPIRED, createForm })
    case 'forgotten':
      return plain({ ...FORGOTTEN, createForm })
    case 'store-down':
    case 'store-full':
      return again(storeProblem(finding), finding.retryAfterMs)
    case 'other-content':
      return plain(MISMATCH)
    case 'foreign':
    case 'unverifiable':
    case 'gone':
      return plain(UNVERIFIABLE)
  }
}

/** The answer of a spent link whose body is not kept. */
export const BODY_NOT_KEPT: Problem = {
  type: 'body-not-kept',
  status: 410,
  title: 'It is done',
  detail: 'This request was carried out. Its answer is no longer kept.',
}

/** The answer of a spent link whose body is kept in a coding that the client does not take. */
export const CODING_REFUSED: Problem = {
  type: 'coding-refused',
  status: 406,
  title: 'It is done',
  detail:
    'This request was carried out. Its answer is kept in a content coding only that ' +
    'Accept-Encoding does not name.',
}

/** The answer of a spent link whose body is still being written. */
export const BODY_PENDING: Problem = {
  type: 'body-pending',
  status: 503,
  title: 'It is done',
  detail: 'This request was carried out. Its answer is still being written; ask again shortly.',
  askAgainMs: 1_000,
}

const RUNNING: Problem = {
  type: 'running',
  status: 409,
  title: 'Still being carried out',
  detail: 'The same request is being carried out now. Ask again shortly to learn how it ended.',
}

const UNDECIDED: Problem = {
  type: 'undecided',
  status: 409,
  title: 'Not known yet',
  detail:
    'An earlier request at this address was interrupted, and it may or may not have taken ' +
    'effect. It will not be carried out again until that is known.',
}

const UNSPENT: Problem = {
  type: 'unspent',
  status: 405,
  title: 'Nothing has been sent here yet',
  detail: 'This address takes one POST. Nothing has happened so far.',
}

const EXPIRED: Problem = {
  type: 'expired',
  status: 410,
  title: 'This address has expired',
  detail: 'It was not used in time, and nothing was done. Start again to get a fresh one.',
}

const FORGOTTEN: Problem = {
  type: 'forgotten',
  status: 410,
  title: 'This cannot be told any more',
  detail: 'This address is too old to know whether it was used. It will not be carried out now.',
}

const UNVERIFIABLE: Problem = {
  type: 'unverifiable',
  status: 404,
  title: 'No such address',
  detail: 'This address was never given out, or it was given to somebody else.',
}

const STORE_DETAIL = {
  untouched:
    'What became of this address cannot be told now. It is safe to send the same request again ' +
    'shortly: it will not be carried out twice.',
  // What the handler did outside of its transaction is not known here, so nothing is promised.
  undone:
    'This request could not be finished, and what was written for it in the database was undone. ' +
    'The same request can be sent again shortly.',
} as const

function storeProblem({ kind, undone }: Extract<Finding, { readonly undone?: boolean }>): Problem {
  const detail = STORE_DETAIL[undone === true ? 'undone' : 'untouched']
  return { type: kind, status: 503, title: 'Not possible right now', detail }
}

function spent(payloadMatches: boolean | null, about: RefusalContext): Problem {
  const { result, link, createForm, method } = about
  return {
    type: 'used',
    status: 405,
    title: method === 'POST' ? 'This was already sent' : 'This address was already used',
    detail: SPENT[`${payloadMatches}`],
    result,
    payloadMatches,
    link: payloadMatches === false ? link : null,
    createForm: payloadMatches === true ? null : createForm,
  }
}

/** Only what is known: whether the content was the same, another, or nobody can tell. */
const SPENT = {
  true: 'This request was carried out once, and is not carried out again.',
  false: 'This address was used before, with other content. What was sent now was not carried out.',
  null:
    'This address was used before, and what was sent then was carried out. What was sent now was ' +
    'not carried out; whether it is the same cannot be told here.',
} as const

function plain(problem: Problem): { problem: Problem; retryAfterMs: null } {
  return { problem, retryAfterMs: null }
}

function again(problem: Problem, retryAfterMs: number): { problem: Problem; retryAfterMs: number } {
  return { problem: { ...problem, askAgainMs: retryAfterMs }, retryAfterMs }
}
