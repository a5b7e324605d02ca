/**
 * Which resource a record's key belongs to, told by the key alone.
 */

/**
 * Names the resource or the door of a key. Keys begin with its name, percent-encoded: `order:` and
 * a nonce, `order=` and what the application names, `key:payment:` and a digest. The undoing of an
 * action has the action's key, `:undo` and a number.
 *
 * @param key - a record's key
 * @returns its name; `null` for a key that is not of such a form
 */
export function resourceOf(key: string): string | null {
  const [, first = '', mark = '', rest = ''] = /^([^:=]+)([:=])(.*)$/s.exec(key) ?? []
  const isUndoing = /^[^:]*:undo\d+$/.test(rest)
  const [, second] = mark === ':' && !isUndoing ? (/^([^:]+):[^:]*$/.exec(rest) ?? []) : []
  try {
    return decodeURIComponent(second ?? first) || null
  } catch {
    return null
  }
}
