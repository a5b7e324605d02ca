/**
 * Lays a command's help out for a terminal of 80 columns. The texts are written in the lines of the
 * source; here a paragraph, and what stands beside a flag, is broken anew where it is too long.
 */

const COLUMNS = 80
/** How a command is called; what follows stands beside it. */
const USAGE = /^(?:Usage: | {7})poe \S+ /
/** A name or a flag, at least two spaces, and what is said of it. */
const ENTRY = /^( *\S(?:.*?\S)?) {2,}(\S.*)$/

/**
 * Breaks lines that are too long, each together with those that go on in its column.
 *
 * @param text - lines of any length
 * @param columns - the longest line that is wanted; a word that is longer stays whole
 */
export function wrapHelp(text: string, columns: number = COLUMNS): string {
  const lines = text.split('\n')
  const out: string[] = []
  while (lines.length > 0) {
    const first = lines.shift() ?? ''
    const column = columnOf(first)
    const block = [first]
    while (first !== '' && goesOn(lines[0], column)) block.push(lines.shift() ?? '')
    const isShort = block.every(line => line.length <= columns)
    if (isShort) out.push(...block)
    else out.push(...broken(block, column, columns))
  }
  return out.join('\n')
}

/** Where the text of an entry begins, or the line itself. */
function columnOf(line: string): number {
  const usage = USAGE.exec(line)?.[0].length
  if (usage !== undefined) return usage
  const said = ENTRY.exec(line)?.[2]
  return said === undefined ? indentOf(line) : line.length - said.length
}

function goesOn(line: string | undefined, column: number): boolean {
  if (line === undefined || line.trim() === '' || indentOf(line) !== column) return false
  return !ENTRY.test(line) && !USAGE.test(line)
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

function broken(block: readonly string[], column: number, columns: number): string[] {
  const [first = '', ...more] = block
  const words = [first.slice(column), ...more].flatMap(line => line.trim().split(/ +/))
  const indent = ' '.repeat(column)
  const lines: string[] = []
  let line = first.slice(0, column)
  let isFresh = true
  for (const word of words) {
    if (!isFresh && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = indent
      isFresh = true
    }
    line += isFresh ? word : ` ${word}`
    isFresh = false
  }
  return [...lines, line]
}
