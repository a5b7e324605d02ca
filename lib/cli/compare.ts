/**
 * `poe check --compare`: reports side by side, of files and of servers that are judged for it.
 *
 * @see docs/conformance.md
 */
import {
  COMPARISON_FORMATS,
  type Compared,
  type ComparedResult,
  writeComparison,
} from '../conformance/index.js'
import { fromWhereTyped } from './arguments.js'
import { readGiven } from './check-adapter.js'
import { writeOutput } from './check-report.js'
import { Misuse, type Terminal } from './command.js'

const VERDICTS = ['conformant', 'not-conformant', 'undetermined'] as const
const KINDS = [
  'pass',
  'fail',
  'warn',
  'info',
  'setup-failed',
  'harness-failed',
  'blocked',
  'skipped',
] as const

/**
 * Compares what is named.
 *
 * @param names - paths of reports in JSON, and URLs
 * @param values - `report` and `output`
 * @param judge - judges the server at a URL
 * @returns 0 where all are conformant, 1 where one is not, else 2
 * @throws Misuse
 */
export async function compare(
  names: readonly string[],
  values: { readonly report?: string; readonly output?: string },
  terminal: Terminal,
  judge: (url: string) => Promise<Compared>,
): Promise<number> {
  const format = COMPARISON_FORMATS.find(one => one === (values.report ?? 'text'))
  if (format === undefined) {
    throw new Misuse(`--compare writes ${COMPARISON_FORMATS.join(', ')}: see --report.`)
  }
  if (names.length < 2) throw new Misuse('Give two or more reports (JSON) or URLs after --compare.')
  const files = new Map<string, Compared>()
  // What cannot be read is told before anybody is judged.
  for (const name of names) if (!isUrl(name)) files.set(name, await readReport(name, terminal))
  const reports: Compared[] = []
  for (const name of names) reports.push(files.get(name) ?? (await judge(name)))
  const { output } = values
  if (output === undefined) terminal.write(Buffer.from(writeComparison(reports, format)))
  else {
    terminal.write(Buffer.from(writeComparison(reports, 'text')))
    const path = fromWhereTyped(output, terminal)
    const isWritten = await writeOutput(path, writeComparison(reports, format), terminal)
    if (!isWritten) return 2
  }
  const verdicts = reports.map(({ verdict }) => verdict)
  if (verdicts.includes('not-conformant')) return 1
  return verdicts.every(verdict => verdict === 'conformant') ? 0 : 2
}

function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name)
}

async function readReport(name: string, terminal: Terminal): Promise<Compared> {
  const text = await readGiven(name, '--compare', terminal)
  const report = parsed(text)
  if (report !== null) return report
  throw new Misuse(`--compare: ${name} is no report of \`poe check --report json\`.`)
}

function parsed(text: string): Compared | null {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    return null
  }
  const { target, verdict, results } = (data ?? {}) as Partial<Compared>
  const known = VERDICTS.find(one => one === verdict)
  const isWhole = typeof target === 'string' && known !== undefined && Array.isArray(results)
  return isWhole && results.every(isResult) ? { target, verdict: known, results } : null
}

function isResult(value: unknown): value is ComparedResult {
  const { id, title, result } = (value ?? {}) as Partial<ComparedResult>
  const isKnown = KINDS.some(kind => kind === result)
  return typeof id === 'string' && typeof title === 'string' && isKnown
}
