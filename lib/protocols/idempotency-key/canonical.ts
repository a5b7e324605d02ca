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
    const named = member as Readonly<Record<string, unknown>>
    const names = Object.keys(named).sort()
    if (names.length === 0 && hidesContent(member)) throw withoutJson()
    return Object.fromEntries(names.map(name => [name, named[name]]))
  })
  if (text === undefined) throw withoutJson()
  return text
}

/** As {@link canonicalJson}; `null` where the value is nested too deeply. */
export function spelledJson(value: unknown): string | null {
  try {
    return canonicalJson(value)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** A form, a map or a set: JSON shows nothing of it, so that any two would be one. */
function hidesContent(value: object): boolean {
  return Object.prototype.toString.call(value) !== '[object Object]' && !ArrayBuffer.isView(value)
}

function withoutJson(): TypeError {
  return new TypeError('There is no JSON for this value. Make a plain object or a list of it')
}

/**
 * Reads JSON of which nothing gets lost: contents that differ must not become one value.
 *
 * @param bytes - UTF-8
 * @throws TypeError where it is not UTF-8; RangeError for a number that would be infinite;
 *   SyntaxError where it is no JSON
 */
export function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(textOf(bytes), (_name, member: unknown) => {
    if (typeof member !== 'number' || Number.isFinite(member)) return member
    throw new RangeError('A number of this JSON is too large')
  })
}

/**
 * Writes the pairs of a form with names sorted; the order of one name's values stays.
 *
 * @param bytes - `application/x-www-form-urlencoded`
 * @throws TypeError or URIError where the text, or what it escapes, is not UTF-8
 */
export function canonicalForm(bytes: Uint8Array): string {
  const text = textOf(bytes)
  // `URLSearchParams` would make one character of all bytes that are none.
  decodeURIComponent(text)
  const pairs = new URLSearchParams(text)
  pairs.sort()
  return pairs.toString()
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
}
