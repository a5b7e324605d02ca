/**
 * Answers without their content coding, as a client reads them: no request names the codings that
 * are taken, so a server may use any.
 *
 * @see RFC 9110 8.4, 12.5.3
 */
import { withoutCoding } from '../answers/stored-coding.js'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'

/** Whether the bytes of an answer are coded ones. */
export function isCoded(response: RawResponse): boolean {
  return fieldValues(response, 'Content-Encoding').length > 0
}

/** Takes the coding off; a part of coded bytes, and what cannot be read, stays as it came. */
export function readable(response: RawResponse): RawResponse {
  if (!isCoded(response) || response.status === 206 || response.body.length === 0) return response
  const coding = fieldValues(response, 'Content-Encoding').join(',')
  const body = withoutCoding(response.body, coding)
  return body === null ? response : { ...response, body }
}
