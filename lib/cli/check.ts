/**
 * `poe check`: judges a running server.
 *
 * @see docs/conformance.md
 */
import { exec } from 'node:child_process'
import { rename, unlink, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import {
  CHECKS,
  type ConformanceOptions,
  type ConformanceReport,
  type Profile,
  printableReport,
  REPORT_FORMATS,
  REQUIREMENTS,
  type ReportFormat,
  runConformance,
  writeReport,
} from '../conformance/index.js'
import { type FlagValues, fromWhereTyped, readArguments, readCount, readUrl } from './arguments.js'
import { readAdapterFlags, readGiven } from './check-adapter.js'
import { CHECK_HELP } from './check-help.js'
import { type Command, Interrupted, Misuse, type Terminal } from './command.js'

const FLAGS = {
  adapter: { type: 'string' },
  header: { type: 'string', multiple: true, short: 'H' },
  valid: { type: 'string' },
  invalid: { type: 'string' },
  'second-user': { type: 'string', multiple: true },
  effects: { type: 'string' },
  restart: { type: 'string' },
  profile: { type: 'string' },
  only: { type: 'string', multiple: true },
  skip: { type: 'string', multiple: true },
  rounds: { type: 'string' },
  strict: { type: 'boolean' },
  list: { type: 'boolean' },
  timeout: { type: 'string' },
  total: { type: 'string' },
  http2: { type: 'boolean' },
  ca: { type: 'string' },
  report: { type: 'string' },
  output: { type: 'string' },
} as const

type Values = FlagValues<typeof FLAGS>

const RESTART_LIMIT_MS = 60_000

/** The command. */
export const CHECK: Command = {
  name: 'check',
  summary: 'judge a running server',
  help: CHECK_HELP,
  run: checkCommand,
}

async function checkCommand(args: string[], terminal: Terminal): Promise<number> {
  const { values, url } = readArguments(args, FLAGS)
  const format = readFormat(values.report)
  if (values.list === true) {
    terminal.out(format === 'json' ? JSON.stringify(CHECKS, null, 2) : listOfChecks())
    return 0
  }
  if (url === undefined) throw new Misuse('Give the URL of the page that hands out links.')
  const output = values.output === undefined ? null : fromWhereTyped(values.output, terminal)
  const options = await readOptions(values, readUrl(url, 'The page'), terminal)
  if (output !== null) await mustBeWritable(output)
  const signal = terminal.interruption()
  const report = await withProgress(terminal, hooks => judge({ ...options, ...hooks, signal }))
  await tell(report, { format, output }, terminal)
  const reason: unknown = signal.reason
  return signal.aborted && reason instanceof Interrupted ? reason.code : report.exitCode
}

/** Options that the suite refuses are those of whoever typed them. */
async function judge(options: ConformanceOptions): Promise<ConformanceReport> {
  try {
    return await runConformance(options)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new Misuse(error.message)
    throw error
  }
}

async function readOptions(
  values: Values,
  url: URL,
  terminal: Terminal,
): Promise<ConformanceOptions> {
  const rounds = readCount(values.rounds, 'rounds')
  const timeoutMs = readCount(values.timeout, 'timeout')
  const totalMs = readCount(values.total, 'total')
  const only = values.only?.flatMap(ids => ids.split(',')).map(id => id.trim())
  const ca = values.ca === undefined ? null : await readGiven(values.ca, '--ca', terminal)
  return {
    url,
    adapter: await readAdapterFlags(values, terminal),
    ...(values.profile === undefined ? {} : { profile: readProfile(values.profile) }),
    ...(only === undefined ? {} : { only }),
    skip: Object.fromEntries((values.skip ?? []).map(readSkip)),
    ...(rounds === undefined ? {} : { rounds }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(totalMs === undefined ? {} : { totalMs }),
    strict: values.strict === true,
    http2: values.http2 === true,
    ...(ca === null ? {} : { tls: { ca } }),
    ...(values.restart === undefined ? {} : { restart: restartBy(values.restart, terminal) }),
  }
}

function readProfile(text: string): Profile {
  if (text === 'core' || text === 'full' || text === 'safe') return text
  throw new Misuse('--profile takes core, full or safe.')
}

function readFormat(text: string = 'text'): ReportFormat {
  const format = REPORT_FORMATS.find(one => one === text)
  if (format !== undefined) return format
  throw new Misuse(`--report takes ${REPORT_FORMATS.join(', ')}.`)
}

function readSkip(text: string): readonly [id: string, reason: string] {
  const at = text.indexOf('=')
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)]
  throw new Misuse("--skip takes an id and a reason: 'POE-3-9=the page is a list'.")
}

function restartBy(command: string, { env, folder }: Terminal): () => Promise<void> {
  return async () => {
    const surroundings = { cwd: folder, env, timeout: RESTART_LIMIT_MS }
    await promisify(exec)(command, surroundings)
  }
}

/** Known before the run and not after it. */
async function mustBeWritable(path: string): Promise<void> {
  try {
    await writeFile(`${path}.part`, '')
    await unlink(`${path}.part`)
  } catch (error) {
    throw new Misuse(`--output: ${path} cannot be written (${(error as Error).message}).`)
  }
}

async function tell(
  report: ConformanceReport,
  { format, output }: { readonly format: ReportFormat; readonly output: string | null },
  terminal: Terminal,
): Promise<void> {
  const printable = printableReport(report)
  const isColoured = terminal.isWatched && terminal.isColoured
  if (output === null) {
    terminal.write(Buffer.from(writeReport(format, printable, isColoured)))
    return
  }
  await writeFile(`${output}.part`, writeReport(format, printable))
  await rename(`${output}.part`, output)
  terminal.write(Buffer.from(writeReport('text', printable, isColoured)))
  terminal.err(`The report (${format}) is in ${output}.`)
}

/** One line that is written over, where somebody looks on. */
async function withProgress<T>(
  { live }: Terminal,
  work: (hooks: Pick<ConformanceOptions, 'onStart'>) => Promise<T>,
): Promise<T> {
  try {
    return await work({
      onStart: (id, index, total) => live?.(`${index + 1} of ${total}: ${id}`),
    })
  } finally {
    live?.('')
  }
}

function listOfChecks(): string {
  const rows = CHECKS.map(({ id, requirement, title }) => {
    const { level, section, profile } = REQUIREMENTS.get(requirement) ?? {}
    return [id, profile ?? '', level ?? '', section ?? '', title]
  })
  const widths = [0, 1, 2, 3].map(at => Math.max(...rows.map(row => (row[at] ?? '').length)))
  return rows.map(row => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')).join('\n')
}
