/**
 * An outcome: the recorded answer of the POST that succeeded, and how it is written for the store.
 *
 * @see POE draft 2 (a later GET gives the entity that answered the POST)
 */
import { PoeError } from '../errors.js'
import type { StoredOutcome } from './store.js'

/** A response field as recorded: lower-case name, value as sent. */
export type RecordedField = readonly [name: string, value: string]

/**
 * What became of the answer's body. `none`: the answer had no body. `kept`: `bytes` are the whole
 * of it. `pending`: a stream is on its way, at most until `untilMs` (store time, milliseconds).
 * `not-kept`: too large, broken off or dropped.
 */
export type OutcomeBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'kept'; readonly bytes: Uint8Array }
  | { readonly kind: 'pending'; readonly untilMs: number }
  | { readonly kind: 'not-kept' }

/** The recorded answer of the POST that succeeded. */
export interface Outcome {
  /** The status code that answered the POST. */
  readonly status: number
  /** The representation fields, `location` among them. */
  readonly fields: readonly RecordedField[]
  readonly body: OutcomeBody
}

/** The short form of the head: status, fields, kind of body, and until when a body is awaited. */
type Head = readonly [
  status: number,
  fields: readonly RecordedField[],
  body: 'n' | 'k' | 'p' | 'o',
  untilMs?: number,
]

const BODY_LETTERS = { none: 'n', kept: 'k', pending: 'p', 'not-kept': 'o' } as const

/**
 * Finds a recorded field.
 *
 * @param outcome - where to look
 * @param name - in lower case
 * @returns the first value, or `null`
 */
export function recordedField(outcome: Outcome, name: string): string | null {
  for (const field of outcome.fields) if (field[0] === name) return field[1]
  return null
}

/**
 * Writes an outcome for a store.
 *
 * @param outcome - what to write
 * @returns short JSON and the bytes, which are not copied
 */
export function encodeOutcome(outcome: Outcome): StoredOutcome {
  const { status, fields, body } = outcome
  let list = ''
  for (const [name, value] of fields) {
    list += `${list === '' ? '' : ','}[${quoted(name)},${quoted(value)}]`
  }
  const until = body.kind === 'pending' ? `,${body.untilMs}` : ''
  const head = `[${status},[${list}],"${BODY_LETTERS[body.kind]}"${until}]`
  return { head, body: body.kind === 'kept' ? body.bytes : null }
}

/** What JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A text as JSON: one look at it costs less than a call for the whole head. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

/**
 * Reads an outcome back. A body that the store has dropped, or a stream that did not arrive in
 * time, reads as `not-kept`.
 *
 * @param stored - as {@link encodeOutcome} made it
 * @param nowMs - store time of the reply that carried it
 */
export function decodeOutcome(stored: StoredOutcome, nowMs: number): Outcome {
  const [status, fields, letter, untilMs = 0] = JSON.parse(stored.head) as Head
  return { status, fields, body: decodeBody(letter, stored.body, untilMs, nowMs) }
}

/**
 * Looks whether a store's reply holds an outcome that cannot be read: one in a form of a newer
 * release, or none at all. Such a record must be neither run nor answered by guesses.
 *
 * @param reply - of any call
 * @returns `ERR_POE_STORE_RECORD`, or `null`
 * @see decision 0036
 */
export function outcomeFault(reply: unknown): PoeError | null {
  if (typeof reply !== 'object' || reply === null || !('outcome' in reply)) return null
  const head = (reply.outcome as Partial<StoredOutcome> | null | undefined)?.head
  if (typeof head === 'string' && head.startsWith('[')) return null
  return new PoeError('ERR_POE_STORE_RECORD')
}

function decodeBody(
  letter: Head[2],
  bytes: Uint8Array | null,
  untilMs: number,
  nowMs: number,
): OutcomeBody {
  if (letter === 'n') return { kind: 'none' }
  if (letter === 'k' && bytes !== null) return { kind: 'kept', bytes }
  if (letter === 'p' && nowMs < untilMs) return { kind: 'pending', untilMs }
  return { kind: 'not-kept' }
}

/**
 * The default rule for what counts as success: any 2xx, and 301, 302 or 303 with a `Location`.
 * Of everything else {@link isReport} tells whether it is a failure that the handler reports.
 *
 * @see POE draft 2 ("successfully" is not defined there); RFC 9110 15.3, 15.4.4
 */
export function isSuccess(answer: {
  readonly status: number
  readonly hasLocation: boolean
}): boolean {
  const { status, hasLocation } = answer
  if (status >= 200 && status <= 299) return true
  return hasLocation && (status === 301 || status === 302 || status === 303)
}

/**
 * Whether the status of an answer that is no success says that nothing happened. 5xx does not:
 * 502 and 504 say that somebody else was asked, and 500 is what a catch-all sets after the effect.
 * Nor does a redirection that leads nowhere: it is a success that lacks its `Location`; nor what is
 * below 200, which is no status of an answer.
 *
 * @param status - of the answer
 * @param reports - further statuses that do
 * @param hasLocation - whether the answer has that field
 * @see decision 0012
 */
export function isReport(
  status: number,
  reports: readonly number[],
  hasLocation: boolean = false,
): boolean {
  if (status >= 301 && status <= 303) return hasLocation
  if (status < 200) return false
  return status < 500 || status === 501 || status === 503 || reports.includes(status)
}
