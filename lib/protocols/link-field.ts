/**
 * Reads `Link` fields.
 *
 * @see RFC 8288 3, appendix B; RFC 9110 5.6.1
 */

/** A member of the field. */
export interface LinkMember {
  /** URI-reference, as it is written. */
  readonly target: string
  /** By their names in lower case; the first of a name counts. One without a value is empty. */
  readonly params: ReadonlyMap<string, string>
}

/** What may be empty members, and the target of one that is not. */
const TARGET = /[\s,]*<([^>]*)>/y
/** A parameter need not have a value, as `crossorigin` has none. */
const PARAM = /\s*;\s*([^\s=;,<>"]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^";,]*)))?/y
const END = /\s*(?:,|$)/y

/**
 * Reads the members of a field's value, several lines joined by commas.
 *
 * @returns `null` where it cannot be read to its end
 */
export function readLinkField(value: string): readonly LinkMember[] | null {
  const members: LinkMember[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(value)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  for (let found = take(TARGET); found !== null; found = take(TARGET)) {
    const params = new Map<string, string>()
    for (let param = take(PARAM); param !== null; param = take(PARAM)) {
      const [, name = '', quoted, bare = ''] = param
      const key = name.toLowerCase()
      if (!params.has(key)) params.set(key, quoted?.replace(/\\(.)/g, '$1') ?? bare.trim())
    }
    members.push({ target: String(found[1]), params })
    if (take(END) === null) return null
  }
  return /^[\s,]*$/.test(value.slice(at)) ? members : null
}
