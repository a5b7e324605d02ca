/**
 * JSON that a terminal does not obey.
 */

/**
 * Writes JSON; what a terminal would obey, and JSON lets through, is escaped.
 *
 * @param data - anything that JSON can hold
 * @param indent - spaces for each level; 0 for one line
 */
export function jsonText(data: unknown, indent: number): string {
  const text = JSON.stringify(data, null, indent)
  return text.replaceAll(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
