/**
 * JSON Pointer.
 *
 * @see RFC 6901
 */

/**
 * The member of a JSON value that a pointer names.
 *
 * @returns `undefined` where there is none
 * @see RFC 6901
 */
export function atPointer(value: unknown, pointer: string): unknown {
  if (pointer === '') return value
  if (!pointer.startsWith('/')) return undefined
  let at = value
  for (const step of pointer.slice(1).split('/')) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    // An array has a length of its own, which is no element.
    if (Array.isArray(at) && name === 'length') return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}
