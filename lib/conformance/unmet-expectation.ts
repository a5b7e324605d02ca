/**
 * What is said where an answer is not as expected, and the reading of fields that it needs.
 */
import { fieldValues, type RawResponse } from '../testing/raw-response.js'

/** An expectation that is not met, in words. */
export interface UnmetExpectation {
  readonly expected: string
  readonly seen: string
}

/** Words for it. */
export function unmet(expected: string, seen: string): UnmetExpectation {
  return { expected, seen }
}

/** The members of a list, in small letters. */
export function tokens(response: RawResponse, field: string): string[] {
  const members = fieldValues(response, field).join(',').split(',')
  return members.map(member => member.trim().toLowerCase()).filter(member => member !== '')
}

/** A field as it came, in words. */
export function told(response: RawResponse, field: string): string {
  const values = fieldValues(response, field)
  return values.length === 0 ? `no ${field}` : `${field}: ${values.join(', ')}`
}

/** A reference against its base; as it is where it is none. */
export function resolved(reference: string, base: URL): string {
  return URL.canParse(reference, base) ? new URL(reference, base).href : reference
}
