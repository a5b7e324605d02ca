/**
 * What the clients of each scheme read besides status and problem document, as data.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.7; Stripe API, Idempotent requests; OASIS
 *   Repeatable Requests 1.0
 */
import { KEY_PROFILES, type KeyProfile } from '../protocols/idempotency-key/index.js'
import { type Answer, type AnswerField, NONE, type Problem, type ProblemMembers } from './answer.js'

/** How a door's answers are worded for its clients. */
export interface Dialect {
  /** The status for a known key with another request. */
  readonly mismatchStatus: number
  /** The fields of an answer that the handler has given. */
  readonly accepted: readonly AnswerField[]
  /** The fields of a repeated answer. */
  readonly repeated: readonly AnswerField[]
  /** The fields of a refusal for good. */
  readonly refused: readonly AnswerField[]
  /** The fields of a refusal after which the client shall try again. */
  readonly postponed: readonly AnswerField[]
  /** Whether a refusal has a member `error`: without it its clients take any JSON for a success. */
  readonly hasErrorMember: boolean
}

/** Gives the dialect of a profile. */
export function dialectOf(profile: KeyProfile): Dialect {
  const { replayMark, resultField, mismatchStatus, speaksStripe } = profile
  const result = (value: string): readonly AnswerField[] =>
    resultField === null ? NONE : [[resultField, value]]
  const retry = (value: string): readonly AnswerField[] =>
    speaksStripe ? [['Stripe-Should-Retry', value]] : NONE
  const mark: readonly AnswerField[] = replayMark === null ? NONE : [replayMark]
  return {
    mismatchStatus,
    accepted: result('accepted'),
    repeated: [...mark, ...retry('false'), ...result('accepted')],
    refused: [...result('rejected'), ...retry('false')],
    postponed: retry('true'),
    hasErrorMember: speaksStripe,
  }
}

/** The dialect of doors that follow no profile. */
export const PLAIN: Dialect = dialectOf(KEY_PROFILES['draft-07'])

/** Puts a refusal into a dialect; it leads to `rules`, a URI-reference, where there are any. */
export function refusalIn(dialect: Dialect, refusal: Answer, rules: string | null): Answer {
  const { status, fields, links, body, retryAfterMs, members } = refusal
  const problem = body as Problem
  const also = retryAfterMs === null ? dialect.refused : dialect.postponed
  return {
    status: problem.kind === 'mismatch' ? dialect.mismatchStatus : status,
    fields: also.length === 0 ? fields : [...fields, ...also],
    links: rules === null ? links : [...links, `<${rules}>; rel="describedby"`],
    body,
    retryAfterMs,
    members: dialect.hasErrorMember ? withError(members, problem) : members,
  }
}

function withError(
  members: ProblemMembers | null,
  { type, status, detail }: Problem,
): ProblemMembers {
  const kind = status >= 500 ? 'api_error' : 'idempotency_error'
  const error = { type: kind, code: type, message: detail }
  return { ...members, extra: { ...members?.extra, error } }
}
