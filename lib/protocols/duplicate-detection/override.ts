/**
 * The override: how a person or a program says that a suspected duplicate is meant.
 *
 * Each value works once, like a key: sent again, it is the same request again. So a button that
 * says "send it all the same" can be pressed twice without harm.
 */

/** The request field. */
export const OVERRIDE_FIELD = 'Duplicate-Override'

/** The member of a form or of JSON that stands for the field. */
export const OVERRIDE_MEMBER = 'duplicate-override'

/** What was read. */
export type OverrideReading =
  | { readonly kind: 'given'; readonly value: string }
  | { readonly kind: 'absent' | 'malformed' }

/**
 * Reads the override of a request.
 *
 * @param field - the field's value; `''` where it is absent
 * @param body - the parsed content, if any
 */
export function readOverride(field: string, body: unknown): OverrideReading {
  const value = field === '' ? memberOf(body) : field.trim()
  if (value === undefined) return { kind: 'absent' }
  if (typeof value !== 'string' || !/^[\w-]{1,64}$/.test(value)) return { kind: 'malformed' }
  return { kind: 'given', value }
}

function memberOf(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, OVERRIDE_MEMBER)) {
    return undefined
  }
  return Reflect.get(body, OVERRIDE_MEMBER)
}
