/**
 * One spelling for contents that mean the same: JSON whatever the order of its members, its white
 * space and its spelling of numbers; forms whatever the order of different names.
 *
 * Numbers are what JavaScript makes of them, so 1.0 is 1; of members with one name the last counts.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07 2.4 (the server makes the fingerprint)
 */

/**
 * Writes a value with the members of its objects sorted.
 *
 * @param value - as `JSON.parse` gives it
 * @throws RangeError where it is nested too deeply; TypeError for what JSON has no form of
 */
export function canonicalJson(value: unknown): string {
  const text = JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    const entries = Object.entries(member)
    return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)))
  })
  if (text === undefined) throw new TypeError('There is no JSON for this value')
  return text
}

/**
 * Writes the pairs of a form with names sorted; the order of one name's values stays.
 *
 * @param text - `application/x-www-form-urlencoded`
 */
export function canonicalForm(text: string): string {
  const pairs = new URLSearchParams(text)
  pairs.sort()
  return pairs.toString()
}
