/**
 * What an application or an operator says about an undecided key, checked and written as an
 * outcome. A word that is not understood never decides anything.
 */
import { checkMembers, checkText, describe } from './checks.js'
import type { Reconciled, ReconciledOutcome } from './operation.js'
import { encodeOutcome, type Outcome, type RecordedField } from './outcome.js'
import type { StoredOutcome } from './store.js'

/** Statuses that tell where to go on, and so need a `Location`. */
const ELSEWHERE: ReadonlySet<number> = new Set([301, 302, 303])
/** A field's value; a URI-reference has no spaces in it either. */
const FIELD_VALUE = /^[!-~](?:[\t -~]*[!-~])?$/
const URI_REFERENCE = /^[!-~]+$/

/**
 * Turns a verdict into what is written to the store.
 *
 * @param where - who was given it, for messages
 * @param given - the verdict, as it came
 * @param bodyLimitBytes - a longer body is not kept, as after a POST
 * @returns the outcome, `'free'`, or `null` where nothing is known and nothing is to be written
 * @throws TypeError or RangeError where it is none of {@link Reconciled}
 */
export function decisionOf(
  where: string,
  given: Reconciled,
  bodyLimitBytes: number,
): StoredOutcome | 'free' | null {
  const what = `${where}: the verdict`
  checkMembers(what, given, ['verdict', 'outcome'])
  const { verdict } = given
  switch (verdict) {
    case 'happened':
      checkOutcome(`${where}: the outcome`, given.outcome)
      return encodeOutcome(outcomeOf(given.outcome, bodyLimitBytes))
    case 'did-not-happen':
    case 'unknown':
      if ('outcome' in given && given.outcome !== undefined) {
        throw new TypeError(`${what} '${verdict}' has no outcome; leave it out`)
      }
      return verdict === 'unknown' ? null : 'free'
    default: {
      const known = "{ verdict: 'happened', outcome }, 'did-not-happen' or 'unknown'"
      throw new TypeError(`${what} must be ${known}, got ${describe(verdict satisfies never)}`)
    }
  }
}

/**
 * Writes what an application or an operator knows as an outcome.
 *
 * @param known - `location` alone is enough
 * @param bodyLimitBytes - a longer body is not kept; by default any is
 */
export function outcomeOf(
  known: ReconciledOutcome,
  bodyLimitBytes: number = Number.POSITIVE_INFINITY,
): Outcome {
  const fields: RecordedField[] = []
  if (known.contentType !== undefined) fields.push(['content-type', known.contentType])
  if (known.location !== undefined) fields.push(['location', known.location])
  const status = known.status ?? (known.location === undefined ? 200 : 201)
  if (known.body === undefined) return { status, fields, body: { kind: 'none' } }
  const bytes = Buffer.from(known.body)
  if (bytes.byteLength > bodyLimitBytes) return { status, fields, body: { kind: 'not-kept' } }
  return { status, fields, body: { kind: 'kept', bytes } }
}

function checkOutcome(what: string, given: unknown): void {
  checkMembers(what, given, ['status', 'location', 'contentType', 'body'])
  const { status, location, contentType, body } = given
  if (status !== undefined && !isFinal(status)) {
    throw new RangeError(`${what}'s status must be a whole number from 200 to 599`)
  }
  if (location === undefined && ELSEWHERE.has(Number(status))) {
    throw new TypeError(`${what} with status ${status} needs a location`)
  }
  if (location !== undefined) checkField(what, 'location', location, URI_REFERENCE)
  if (contentType !== undefined) checkField(what, 'contentType', contentType, FIELD_VALUE)
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return
  throw new TypeError(`${what}'s body must be a string or bytes, got ${describe(body)}`)
}

function isFinal(status: unknown): boolean {
  return Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599
}

function checkField(what: string, name: string, value: unknown, form: RegExp): void {
  checkText(what, name, value)
  if (form.test(String(value))) return
  throw new TypeError(`${what}'s ${name} cannot be sent as a field: printable ASCII is wanted`)
}
