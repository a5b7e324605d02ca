/**
 * The URIs of relations and problem types. They have one base, and no deployment changes it:
 * clients take the relation to the result for proof.
 *
 * @see RFC 8288 2.1.2; RFC 9457 3.1.1; spec-notes/decisions/0025-what-the-successor-text-decides.md
 */

const BASE = 'urn:post-once-exactly:'

/** From a page to a POE resource. */
export const POE_RELATION: string = `${BASE}rel:poe`

/** From a POE resource to the result of its POST. */
export const RESULT_RELATION: string = `${BASE}rel:result`

/**
 * From a POE resource to itself: the POST that succeeded there had another id than the request
 * that asks.
 */
export const OTHER_RELATION: string = `${BASE}rel:other-content`

/** The URI of a problem type. */
export function problemType(name: string): string {
  return `${BASE}problem:${name}`
}
