/**
 * Keeps the registers in `spec-notes/` true: which test is the home of which requirement, which
 * failure case is replayed where, and what nobody has proven yet.
 *
 *     node --import ./scripts/typescript.mjs scripts/register.ts
 *
 * Without an option it prints a summary; `--write` fills in the last column; `--check` exits 1 if
 * the column is out of date, a test of this slice is missing or a test names an unknown id.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

/** The registers, relative to the root of the project. */
const REGISTERS: readonly string[] = ['spec-notes/requirements.md', 'spec-notes/cases.md']

/** Parts of the work, in the order in which they are done. */
const SLICES: readonly string[] = ['server', 'client', 'stores', 'doors']

const LEVELS: readonly string[] = [
  'MUST',
  'MUST NOT',
  'SHOULD',
  'SHOULD NOT',
  'MAY',
  'should',
  'implied MUST',
  'implied SHOULD',
  'implied MAY',
  'implied',
  'open',
  'fact',
]
const DEMANDED_LEVEL = /MUST|SHOULD|^should$/
const ID = /^[A-Z]+(?:-[A-Za-z0-9.]+)*-\d+$/
const LOOKS_LIKE_IDS = /^\[(?=[A-Z]+-(?:[A-Za-z0-9.]+-)*\d)([^\]]*)\]/
const TEST_ROOTS: readonly string[] = ['test', 'examples', 'lib/testing']
const LAST_COLUMN = 'home test, others'

/** A file as the register sees it. */
interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** One row of a register. `level` is `null` for a failure case: those are all demanded. */
interface Row {
  readonly id: string
  readonly register: string
  readonly level: string | null
  readonly slices: readonly string[]
  /** Why no test can prove it; `null` where one can. */
  readonly none: string | null
}

/** One test title that begins with ids. `ids` is `null` when the bracket cannot be read. */
interface Title {
  readonly path: string
  readonly line: number
  readonly text: string
  readonly ids: readonly string[] | null
}

/** What {@link judge} found; every text says what to do. */
interface Verdict {
  readonly problems: readonly string[]
  /** Untested rows that nobody demands: worth a look, no reason to fail. */
  readonly remarks: readonly string[]
}

/**
 * Collects the titles in a test's source that begin with `[ID]`, `[ID1, ID2]` or `[ID1] [ID2]`: any
 * string or template literal counts, so that tables of tests and helpers with titles are seen too.
 * In a file with titles of the form `[${id}] ...` a literal that is nothing but ids counts as well.
 *
 * @param source - a TypeScript file
 * @returns its titles, from top to bottom
 */
export function titlesIn(source: Source): Title[] {
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true)
  const literals: (ts.StringLiteralLike | ts.TemplateHead)[] = []
  let idsAreInserted = false
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) literals.push(node)
    if (ts.isTemplateExpression(node) && node.head.text === '[') {
      idsAreInserted ||= node.templateSpans[0]?.literal.text.startsWith(']') === true
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return literals.flatMap(literal => {
    const ids = idsOf(literal.text, idsAreInserted)
    if (ids.length === 0) return []
    const line = file.getLineAndCharacterOfPosition(literal.getStart(file)).line + 1
    const readable = ids.every(id => ID.test(id))
    return [{ path: source.path, line, text: literal.text, ids: readable ? ids : null }]
  })
}

/**
 * Reads the rows of a register: every table whose first column is headed `id`.
 *
 * @param source - a Markdown file
 * @returns its rows, from top to bottom
 */
export function rowsIn(source: Source): Row[] {
  const rows: Row[] = []
  forEachRow(source.text, (cells, columns) => {
    const slice = cells[columns.indexOf('slice')] ?? ''
    const none = slice.startsWith('none:') ? slice.slice('none:'.length).trim() : null
    const level = columns.indexOf('level')
    rows.push({
      id: cells[0] ?? '',
      register: source.path,
      level: level < 0 ? null : (cells[level] ?? ''),
      slices: none === null ? slice.split(',').map(name => name.trim()) : [],
      none,
    })
    return null
  })
  return rows
}

/**
 * Fills in the last column of a register: the home test of each id, then the other files that
 * touch it. The file that stands first there stays the home test as long as it has the id, so that
 * a person can choose it; else it is the quick file whose title names the id first, with the fewest
 * beside it.
 *
 * @param source - a Markdown file
 * @param titles - the titles of all tests
 * @returns the text as it should be
 */
export function withProofs(source: Source, titles: readonly Title[]): string {
  const byId = new Map<string, Title[]>()
  for (const title of titles) {
    for (const id of title.ids ?? []) byId.set(id, [...(byId.get(id) ?? []), title])
  }
  return forEachRow(source.text, (cells, columns) => {
    const column = columns.indexOf(LAST_COLUMN)
    const id = cells[0] ?? ''
    const found = (byId.get(id) ?? []).toSorted((one, other) => awayFrom(id, one, other))
    const paths = [...new Set(found.map(({ path }) => path))]
    const chosen = cells[column]?.split(', ')[0]
    const home = paths.find(path => path === chosen && !isLong(path)) ?? paths[0]
    const others = paths.filter(path => path !== home).sort()
    const filled = cells.slice()
    filled[column] = home === undefined ? '-' : [home, ...others].join(', ')
    return filled
  })
}

/** Orders titles by how far they are from being the home test of an id. */
function awayFrom(id: string, one: Title, other: Title): number {
  const far = ({ path, ids }: Title): number[] => [
    isLong(path) ? 1 : 0,
    path.endsWith('.test.ts') ? 0 : 1,
    /^(?:examples|test\/campaigns)\//.test(path) ? 1 : 0,
    ids?.[0] === id ? 0 : 1,
    ids?.length ?? 0,
  ]
  const theirs = far(other)
  const step = far(one).findIndex((distance, index) => distance !== theirs[index])
  if (step >= 0) return (far(one)[step] ?? 0) - (theirs[step] ?? 0)
  return one.path < other.path ? -1 : 1
}

/** Whether `npm test` leaves a file out. */
function isLong(path: string): boolean {
  return path.endsWith('.long.test.ts')
}

/**
 * Judges registers and tests against each other.
 *
 * @param registers - the Markdown files
 * @param titles - the titles of all tests
 * @returns what has to be mended, and what is worth a look
 */
export function judge(registers: readonly Source[], titles: readonly Title[]): Verdict {
  const rows = registers.flatMap(rowsIn)
  const proven = new Set(titles.flatMap(title => title.ids ?? []))
  const untested = rows.filter(row => !proven.has(row.id) && isProvable(row))
  return {
    problems: [
      ...rowProblems(rows),
      ...titleProblems(titles, new Set(rows.map(row => row.id))),
      ...untested
        .filter(isDemanded)
        .map(row => `${row.id} (${row.level ?? 'failure case'}, ${row.register}) has no test`),
      ...registers
        .filter(register => withProofs(register, titles) !== register.text)
        .map(register => `${register.path} is out of date: run scripts/register.ts --write`),
    ],
    remarks: untested
      .filter(row => !isDemanded(row))
      .map(row => `${row.id} (${row.level}) has no test; its level does not demand one`),
  }
}

/**
 * Reads the registers and the titles of a checkout.
 *
 * @param root - the project's folder
 * @returns what {@link judge} wants
 */
export function readProject(root: string): { registers: Source[]; titles: Title[] } {
  const read = (path: string): Source => ({
    path: relative(root, path).split(sep).join('/'),
    text: readFileSync(path, 'utf8'),
  })
  return {
    registers: REGISTERS.map(path => read(join(root, path))),
    titles: TEST_ROOTS.flatMap(folder => typescriptFiles(join(root, folder)))
      .sort()
      .map(read)
      .flatMap(titlesIn),
  }
}

/** The ids that a literal names; none where it is no title. */
function idsOf(text: string, bare: boolean): string[] {
  const split = (list: string): string[] => list.split(',').map(id => id.trim())
  if (bare && split(text).every(id => ID.test(id))) return split(text)
  const ids: string[] = []
  let rest = text
  for (;;) {
    const bracket = LOOKS_LIKE_IDS.exec(rest)
    if (bracket === null) return ids
    ids.push(...split(bracket[1] ?? ''))
    rest = rest.slice(bracket[0].length).trimStart()
  }
}

function rowProblems(rows: readonly Row[]): string[] {
  const problems: string[] = []
  const seen = new Set<string>()
  for (const row of rows) {
    const where = `${row.register}: ${row.id}`
    if (!ID.test(row.id)) problems.push(`${where} is not an id`)
    if (seen.has(row.id)) problems.push(`${where} stands there twice; ids are never used again`)
    seen.add(row.id)
    if (row.level !== null && !LEVELS.includes(row.level)) {
      problems.push(`${where} has the level '${row.level}'; it must be one of ${LEVELS.join(', ')}`)
    }
    if (row.none === '') problems.push(`${where} says 'none:' without a reason`)
    for (const slice of row.slices.filter(name => !SLICES.includes(name))) {
      problems.push(`${where} has the slice '${slice}'; it must be one of ${SLICES.join(', ')}`)
    }
  }
  return problems
}

function titleProblems(titles: readonly Title[], known: ReadonlySet<string>): string[] {
  const prefixOf = (id: string): string => id.split('-')[0] ?? ''
  const prefixes = new Set([...known].map(prefixOf))
  return titles.flatMap(title => {
    const where = `${title.path}:${title.line} '${title.text}'`
    if (title.ids === null) return [`${where}: ids are written [ID] or [ID1, ID2]`]
    // A bare literal such as SHA-256 looks like an id; a register's own prefix tells it from one.
    const isTitle = title.text.startsWith('[')
    return title.ids
      .filter(id => !known.has(id) && (isTitle || prefixes.has(prefixOf(id))))
      .map(id => `${where}: no register has ${id}; correct it or append a row`)
  })
}

function isProvable(row: Row): boolean {
  return row.slices.length > 0
}

function isDemanded(row: Row): boolean {
  return isProvable(row) && (row.level === null || DEMANDED_LEVEL.test(row.level))
}

/** Walks the rows of all `id` tables; what `change` returns replaces the row's cells. */
function forEachRow(
  text: string,
  change: (cells: readonly string[], columns: readonly string[]) => string[] | null,
): string {
  let columns: readonly string[] = []
  const lines = text.split('\n').map(line => {
    if (!line.startsWith('|')) {
      columns = []
      return line
    }
    const cells = line
      .replace(/^\|\s*|\s*\|\s*$/g, '')
      .split('|')
      .map(cell => cell.trim())
    if (columns.length === 0) {
      columns = cells
      return line
    }
    if (columns[0] !== 'id' || /^:?-+:?$/.test(cells[0] ?? '')) return line
    const changed = change(cells, columns)
    return changed === null ? line : `| ${changed.join(' | ')} |`
  })
  return lines.join('\n')
}

function typescriptFiles(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && !name.split(sep).includes('node_modules'))
    .map(name => join(folder, name))
}

function main(root: string, option: string | undefined): number {
  if (option !== undefined && option !== '--write' && option !== '--check') {
    process.stderr.write(`unknown option ${option}: use --write or --check\n`)
    return 2
  }
  let { registers, titles } = readProject(root)
  if (option === '--write') {
    registers = registers.map(register => ({ ...register, text: withProofs(register, titles) }))
    for (const register of registers) writeFileSync(join(root, register.path), register.text)
  }
  const { problems, remarks } = judge(registers, titles)
  const rows = registers.flatMap(rowsIn)
  process.stdout.write(
    [
      ...remarks.map(remark => `note: ${remark}`),
      ...problems.map(problem => `problem: ${problem}`),
      `${rows.length} ids, ${titles.length} titles, ${problems.length} problems`,
      '',
    ].join('\n'),
  )
  return option === '--check' && problems.length > 0 ? 1 : 0
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = main(fileURLToPath(new URL('..', import.meta.url)), process.argv[2])
}
