/**
 * What is to be answered, as a value: made here by rules that know no framework, and put on the
 * wire by one writer.
 */
import type { DoorRefusal, LinkRefusal } from './refusal-kinds.js'

/** A response field. */
export type AnswerField = readonly [name: string, value: string]

/** A refusal in words: one row of the tables of refusals. */
export interface Problem {
  /** The row's name. */
  readonly kind: LinkRefusal | DoorRefusal
  /** The last part of the problem type, under `problem:`. */
  readonly type: string
  readonly status: number
  readonly title: string
  readonly detail: string
  /** What was filled into the detail, so that it can be said in other words. */
  readonly values?: readonly (string | number)[]
  /** When it is worth asking again, in milliseconds, where that is always the same. */
  readonly retryAfterMs?: number
}

/** What a problem document tells besides, of this one request. */
export interface ProblemMembers {
  /** URI-reference of the result, where there is one. */
  readonly result?: string | null
  readonly payloadMatches?: boolean | null
  /** URI-reference of a fresh link. */
  readonly link?: string | null
  /** URI-reference of a page that gives a fresh link. */
  readonly createForm?: string | null
  /** Members that only one door or dialect has. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** An answer of ours. */
export interface Answer {
  readonly status: number
  /** Fields to set; `Vary` is added to. */
  readonly fields: readonly AnswerField[]
  /** Members that are added to `Link`. */
  readonly links: readonly string[]
  /** `null`: none. A problem becomes a document or a page, as the client prefers. */
  readonly body: null | string | Uint8Array | Problem
  /** What `Retry-After` says, in milliseconds; `null` for no such field. */
  readonly retryAfterMs: number | null
  /** Of a problem document; `null` for none. */
  readonly members: ProblemMembers | null
}

/** No fields, no members: one list for all answers that have none. */
export const NONE: readonly never[] = []

/** `Cache-Control: no-store`. */
export const NO_STORE: AnswerField = ['Cache-Control', 'no-store']

const ONLY_NO_STORE: readonly AnswerField[] = [NO_STORE]

/** An answer without a body. */
export function bare(status: number, fields: readonly AnswerField[] = NONE): Answer {
  return { status, fields, links: NONE, body: null, retryAfterMs: null, members: null }
}

/** An answer in JSON; `indent` is for people who read it. */
export function json(
  status: number,
  fields: readonly AnswerField[],
  value: unknown,
  indent = 0,
): Answer {
  const body = JSON.stringify(value, null, indent)
  const typed: AnswerField = ['Content-Type', 'application/json; charset=utf-8']
  return {
    status,
    fields: [...fields, typed],
    links: NONE,
    body,
    retryAfterMs: null,
    members: null,
  }
}

/**
 * A refusal as an answer.
 *
 * @param problem - what to say
 * @param retryAfterMs - when to ask again; the problem's own time by default
 */
export function refusalAnswer(
  problem: Problem,
  retryAfterMs: number | null = problem.retryAfterMs ?? null,
  members: ProblemMembers | null = null,
  links: readonly string[] = NONE,
): Answer {
  const { status } = problem
  return { status, fields: ONLY_NO_STORE, links, body: problem, retryAfterMs, members }
}

/** Whether an answer is a refusal in words. */
export function isRefusal({ body }: Answer): boolean {
  return body !== null && typeof body === 'object' && !(body instanceof Uint8Array)
}

/** 303 to a result. RFC 9110 15.4.4 */
export function seeOther(target: string, fields: readonly AnswerField[] = NONE): Answer {
  return bare(303, [['Location', target], ...fields])
}

/**
 * Gives `Retry-After` in whole seconds, at least 1.
 *
 * @param ms - milliseconds
 * @see RFC 9110 10.2.3
 */
export function retryAfter(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1_000)))
}
