/**
 * Dates in fields.
 *
 * @see RFC 9110 5.6.7
 */

/** The three forms of an HTTP-date, as far as `Date.parse` does not look after itself. */
const HTTP_DATE = /^[A-Z][a-z]+,? [\w -]+ \d\d:\d\d:\d\d (?:GMT|\d{4})$/

/**
 * Reads an HTTP-date in one of its three forms.
 *
 * @returns milliseconds since the Unix epoch, `null` for anything else
 * @see RFC 9110 5.6.7
 */
export function httpDateMs(value: string): number | null {
  const text = value.trim()
  if (!HTTP_DATE.test(text)) return null
  // The last form names no zone, and it would be read as local time.
  const ms = Date.parse(text.replace(/\d$/, '$& GMT'))
  return Number.isNaN(ms) ? null : ms
}
