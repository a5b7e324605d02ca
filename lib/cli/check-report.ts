/**
 * What `poe check` and `poe check-client` share: which checks are asked for, and where the report
 * goes.
 */
import { access, constants, lstat, rename, stat, unlink, writeFile } from 'node:fs/promises'
import {
  type Printable,
  REPORT_FORMATS,
  type ReportFormat,
  writeReport,
} from '../conformance/index.js'
import { fromWhereTyped } from './arguments.js'
import { Interrupted, Misuse, type Terminal } from './command.js'

/** The flags. */
export const CHECK_FLAGS = {
  only: { type: 'string', multiple: true },
  skip: { type: 'string', multiple: true },
  strict: { type: 'boolean' },
  list: { type: 'boolean' },
  timeout: { type: 'string' },
  report: { type: 'string' },
  output: { type: 'string' },
} as const

/** Where a report goes, and in which form. */
export interface Destination {
  readonly format: ReportFormat
  /** `null` for stdout. */
  readonly output: string | null
}

/** Ids of checks, joined by commas or repeated; `undefined` for all of them. */
export function readIds(given: readonly string[] | undefined): readonly string[] | undefined {
  return given?.flatMap(ids => ids.split(',')).map(id => id.trim())
}

/**
 * Which checks are left out, and why.
 *
 * @throws Misuse
 */
export function readSkips(given: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(given.map(readSkip))
}

function readSkip(text: string): readonly [id: string, reason: string] {
  const at = text.indexOf('=')
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)]
  throw new Misuse("--skip takes an id and a reason: 'POE-3-9=the page is a list'.")
}

/**
 * Reads where the report goes, and tries that before the run.
 *
 * @throws Misuse
 */
export async function readDestination(
  values: { readonly report?: string; readonly output?: string },
  terminal: Terminal,
): Promise<Destination> {
  const format = REPORT_FORMATS.find(one => one === (values.report ?? 'text'))
  if (format === undefined) throw new Misuse(`--report takes ${REPORT_FORMATS.join(', ')}.`)
  const output = values.output === undefined ? null : fromWhereTyped(values.output, terminal)
  if (output !== null) await mustBeWritable(output)
  return { format, output }
}

async function mustBeWritable(path: string): Promise<void> {
  try {
    if ((await stat(path).catch(() => null))?.isDirectory() === true) throw new Error('EISDIR')
    if (!(await isReplaced(path))) return await access(path, constants.W_OK)
    await writeFile(`${path}.part`, '')
    await unlink(`${path}.part`)
  } catch (error) {
    throw new Misuse(`--output: ${path} cannot be written (${(error as Error).message}).`)
  }
}

/**
 * Prints a report, and writes it where that was asked for.
 *
 * @returns the exit code: that of the report, or of what interrupted the run
 */
export async function tellReport(
  printable: Printable,
  { format, output }: Destination,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const isColoured = terminal.isWatched && terminal.isColoured
  if (output === null) {
    terminal.write(Buffer.from(writeReport(format, printable, isColoured)))
  } else {
    terminal.write(Buffer.from(writeReport('text', printable, isColoured)))
    if (!(await writeOutput(output, writeReport(format, printable), terminal))) return 2
    terminal.err(`The report (${format}) is in ${output}.`)
  }
  const reason: unknown = signal.reason
  return signal.aborted && reason instanceof Interrupted ? reason.code : printable.exitCode
}

/** A device (`/dev/stdout`), a pipe or a link is written to: a file must not take its place. */
async function isReplaced(path: string): Promise<boolean> {
  const there = await lstat(path).catch(() => null)
  return there === null || there.isFile()
}

/** Writes a file as a whole, or says why not. */
export async function writeOutput(
  path: string,
  text: string,
  terminal: Terminal,
): Promise<boolean> {
  try {
    const isNew = await isReplaced(path)
    await writeFile(isNew ? `${path}.part` : path, text)
    if (isNew) await rename(`${path}.part`, path)
    return true
  } catch (error) {
    terminal.err(`The report cannot be written to ${path} (${(error as Error).message}).`)
    return false
  }
}

/**
 * Runs a suite. Where somebody looks on, one line tells what it is at, and is written over.
 *
 * @throws Misuse for options that the suite refuses: they are those of whoever typed them
 */
export async function runSuite<T>(
  { live }: Terminal,
  suite: (tell: (line: string) => void) => Promise<T>,
): Promise<T> {
  try {
    return await suite(line => live?.(line))
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new Misuse(error.message)
    throw error
  } finally {
    live?.('')
  }
}

/** Rows as lines, each column as wide as its widest cell. */
export function inColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  }
  const padded = rows.map(row => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
  return padded.map(line => line.trimEnd()).join('\n')
}
