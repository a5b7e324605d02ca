/**
 * Text that others have written, as it is shown to a person or pasted into a shell.
 */
import { styleText } from 'node:util'

/** Controls and changes of direction: a terminal obeys them, a reader does not see them. */
const CONTROLS = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
/** What our own words are coloured with, see `coloured()`. */
const OWN = ['green', 'red', 'yellow'] as const
const OWN_MARKS = OWN.flatMap(colour =>
  styleText(colour, '|', { validateStream: false }).split('|'),
)

/**
 * Text without what a terminal would obey. Each such character stands there as an escape of JSON,
 * so that JSON stays what it is.
 */
export function shown(text: string): string {
  return text.replaceAll(CONTROLS, escaped)
}

/** The same for a line of ours, whose colours stay. */
export function shownLine(line: string): string {
  return line.replaceAll(CONTROLS, (control, at: number) => {
    return OWN_MARKS.some(mark => line.startsWith(mark, at)) ? control : escaped(control)
  })
}

/** Text as one word of a POSIX shell: whatever is in it, nothing of it is run. */
export function quotedForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
}
