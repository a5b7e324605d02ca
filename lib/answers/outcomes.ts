/**
 * The recorded outcome as an answer: shown to a GET at a spent link, or repeated at a door.
 *
 * Shown, 2xx is given as 200 with the same bytes and representation fields (204 stays 204); an
 * empty 201 and a redirection lead to their `Location`. Repeated, it is what it was, byte for byte.
 *
 * @see POE draft 2; RFC 9110 15.4.4; draft-ietf-httpapi-idempotency-key-header-07 2.6
 */
import { isSuccess, type Outcome, recordedField } from '../engine/outcome.js'
import { OTHER_RELATION, RESULT_RELATION } from '../protocols/poe/names.js'
import { toPoeUri } from '../protocols/poe/uri.js'
import {
  type Answer,
  type AnswerField,
  bare,
  NO_STORE,
  NONE,
  type Problem,
  refusalAnswer,
  seeOther,
} from './answer.js'
import { DOOR_REFUSALS, LINK_REFUSALS } from './refusals.js'
import { type CodingChoice, refusedCoding, withoutCoding } from './stored-coding.js'

/** The URI-reference of an outcome's result: its `Location`, else `self`, where it was asked. */
export function resultOf(outcome: Outcome, self: string): string {
  const location = recordedField(outcome, 'location')
  if (location === null) return self
  try {
    if (!location.includes('#')) return toPoeUri(location)
    const [reference = '', fragment] = location.split('#', 2)
    return toPoeUri(reference) + (fragment === undefined ? '' : `#${encodeURI(fragment)}`)
  } catch {
    return self
  }
}

/**
 * A member of `Link` that points at the result: a registered relation, and our own that says what
 * it is.
 *
 * @see RFC 8288 3.2 (anchor), 2.1.2 (extension relations)
 */
export function resultLink(result: string, self: string): string {
  return `<${result}>; rel="related ${RESULT_RELATION}"; anchor="${self}"`
}

/** The same answer where it is that of another POST than the one which asks by its id. */
export function asAnothers(answer: Answer, self: string): Answer {
  return { ...answer, links: [...answer.links, `<${self}>; rel="${OTHER_RELATION}"`] }
}

/** Shows the stored answer of the POST to `self`. */
export function shownOutcome(outcome: Outcome, request: CodingChoice, self: string): Answer {
  const { status, body } = outcome
  const result = resultOf(outcome, self)
  if (leadsOn(outcome, self)) return seeOther(result)
  switch (body.kind) {
    case 'kept': {
      const isLocated = recordedField(outcome, 'location') !== null
      const links = isLocated ? [resultLink(result, self)] : NONE
      const given = keptAnswer(outcome, request, body.bytes, 200, NOT_SHOWN, links)
      return given ?? refusalAnswer(LINK_REFUSALS['coding-refused'], null, null, links)
    }
    case 'none':
      return bare(status === 204 || status === 205 ? status : 200, fieldsOf(outcome, NOT_EMPTY))
    case 'pending':
      return refusalAnswer(LINK_REFUSALS['body-pending'])
    case 'not-kept':
      return refusalAnswer(LINK_REFUSALS['body-not-kept'])
  }
}

/**
 * Whether a GET of the link is sent on to the result, and not shown a stored answer. To itself it
 * never is: that would lead round in a circle.
 */
export function leadsOn(outcome: Outcome, self: string): boolean {
  const { status, body } = outcome
  if (recordedField(outcome, 'location') === null) return false
  const isRedirect = status >= 300 && status <= 399
  return (isRedirect || body.kind !== 'kept') && !isAt(resultOf(outcome, self), self)
}

/** Whether a reference leads to the path that it is resolved against, whatever its origin. */
function isAt(reference: string, path: string): boolean {
  const base = `http://any.invalid${path}`
  return (
    URL.canParse(reference, base) && new URL(reference, base).pathname === new URL(base).pathname
  )
}

/** `Location` has a meaning for 201 and redirections only. RFC 9110 10.2.2 */
const NOT_SHOWN: readonly string[] = ['location']
const NOT_EMPTY: readonly string[] = ['location', 'content-type']

/**
 * Repeats the stored answer as it was; where it is not kept, the way to its result.
 *
 * @param marks - the fields that mark it as a repetition
 * @returns a problem where that client can be given nothing; of a refusal that is kept, its status
 */
export function repeatedOutcome(
  outcome: Outcome,
  request: CodingChoice,
  marks: readonly AnswerField[],
): Answer | Problem {
  const { status, body } = outcome
  switch (body.kind) {
    case 'kept': {
      const given = keptAnswer(outcome, request, body.bytes, status, NONE, NONE)
      if (given === null) return refusedBefore(outcome) ?? LINK_REFUSALS['coding-refused']
      return { ...given, fields: [NO_STORE, ...given.fields, ...marks] }
    }
    case 'none':
      return bare(status, [NO_STORE, ...fieldsOf(outcome, NONE), ...marks])
    case 'pending':
    case 'not-kept':
      return refusedBefore(outcome) ?? wayTo(outcome, marks)
  }
}

/**
 * The status of a refusal that is kept: neither "it is done" nor the way to somewhere, which its
 * client would take for a success. `null` where it is none.
 */
function refusedBefore(outcome: Outcome): Problem | null {
  const { status } = outcome
  const hasLocation = recordedField(outcome, 'location') !== null
  if (isSuccess({ status, hasLocation })) return null
  return { ...DOOR_REFUSALS['content-not-kept'], status }
}

/** What is told of a success whose content is not there, or not yet. */
function wayTo(outcome: Outcome, marks: readonly AnswerField[]): Answer | Problem {
  if (recordedField(outcome, 'location') !== null) {
    return seeOther(resultOf(outcome, ''), [NO_STORE, ...marks])
  }
  const isPending = outcome.body.kind === 'pending'
  return isPending ? LINK_REFUSALS['body-pending'] : DOOR_REFUSALS['body-not-kept']
}

/**
 * Gives the stored bytes and fields, without their coding for a client that does not take it.
 *
 * @param without - fields that are left out, in lower case
 * @returns `null` where that client can be given nothing
 */
function keptAnswer(
  outcome: Outcome,
  request: CodingChoice,
  bytes: Uint8Array,
  status: number,
  without: readonly string[],
  links: readonly string[],
): Answer | null {
  const kept = asBuffer(bytes)
  const coding = refusedCoding(request, outcome)
  const body = coding === null ? kept : withoutCoding(kept, coding)
  if (body === null) return null
  const fields = fieldsOf(outcome, coding === null ? without : [...without, ...OF_CODED_BYTES])
  if (coding !== null) fields.push(['Vary', 'Accept-Encoding'])
  return { status, fields, links, body, retryAfterMs: null, members: null }
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const OF_CODED_BYTES = ['content-encoding', 'etag']

function fieldsOf({ fields }: Outcome, without: readonly string[]): AnswerField[] {
  return fields.filter(([name]) => !without.includes(name))
}
