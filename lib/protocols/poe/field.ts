/**
 * The `POE` request field: how a client says that it knows POST Once Exactly.
 *
 * Runs in browsers too. The field never changes the guarantee and never causes a refusal, so
 * whatever is malformed reads as absent.
 *
 * @see POE draft 4
 */

/** How {@link parsePoe} treats a field that came more than once. */
export interface ParsePoeOptions {
  /**
   * Takes the highest valid member of `1, 2` or of several lines, instead of none.
   *
   * @defaultValue false
   */
  readonly lenient?: boolean
}

/**
 * Reads the field's value: the version that the client names, at least 1.
 *
 * Versions beyond `Number.MAX_SAFE_INTEGER` read as that number. `POE` is not a list, so a value
 * with a comma (which is how several lines arrive) is malformed unless `lenient`.
 *
 * @param value - the value as Node or `Headers.get()` gives it
 * @param options - see {@link ParsePoeOptions}
 * @returns the version; `null` where the field is absent, malformed, or names version 0
 * @see POE draft 4; RFC 9110 5.3
 */
export function parsePoe(
  value: string | null | undefined,
  options: ParsePoeOptions = {},
): number | null {
  if (value === undefined || value === null) return null
  if (options.lenient !== true) return parseVersion(value)
  let highest: number | null = null
  for (const member of value.split(',')) {
    const version = parseVersion(member)
    if (version !== null) highest = Math.max(highest ?? version, version)
  }
  return highest
}

/**
 * Writes the field's value for the one version that there is.
 *
 * @returns `1`
 * @see POE draft 4
 */
export function formatPoe(): string {
  return '1'
}

function parseVersion(text: string): number | null {
  const digits = /^[ \t]*([0-9]+)[ \t]*$/.exec(text)?.[1]
  if (digits === undefined) return null
  const version = Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
  return version === 0 ? null : version
}
