/**
 * `poe check`: judges a running server.
 *
 * @see docs/conformance.md
 */
import {
  CHECKS,
  type ConformanceOptions,
  type Profile,
  printableReport,
  REQUIREMENTS,
  runConformance,
} from '../conformance/index.js'
import { type FlagValues, readArguments, readCount, readUrl } from './arguments.js'
import { readAdapterFlags, readGiven } from './check-adapter.js'
import { CHECK_HELP } from './check-help.js'
import {
  CHECK_FLAGS,
  inColumns,
  readDestination,
  readIds,
  readSkips,
  runSuite,
  tellReport,
} from './check-report.js'
import { restartBy } from './check-restart.js'
import { type Command, Misuse, type Terminal } from './command.js'

const FLAGS = {
  ...CHECK_FLAGS,
  adapter: { type: 'string' },
  header: { type: 'string', multiple: true, short: 'H' },
  valid: { type: 'string' },
  invalid: { type: 'string' },
  'second-user': { type: 'string', multiple: true },
  effects: { type: 'string' },
  restart: { type: 'string' },
  profile: { type: 'string' },
  rounds: { type: 'string' },
  total: { type: 'string' },
  http2: { type: 'boolean' },
  ca: { type: 'string' },
} as const

type Values = FlagValues<typeof FLAGS>

/** The command. */
export const CHECK: Command = {
  name: 'check',
  summary: 'judge a running server',
  help: CHECK_HELP,
  run: checkCommand,
}

async function checkCommand(args: string[], terminal: Terminal): Promise<number> {
  const { values, url } = readArguments(args, FLAGS)
  if (values.list === true) {
    terminal.out(values.report === 'json' ? JSON.stringify(CHECKS, null, 2) : listOfChecks())
    return 0
  }
  if (url === undefined) throw new Misuse('Give the URL of the page that hands out links.')
  const destination = await readDestination(values, terminal)
  const options = await readOptions(values, readUrl(url, 'The page'), terminal)
  const signal = terminal.interruption()
  const report = await runSuite(terminal, line =>
    runConformance({
      ...options,
      signal,
      onStart: (id, index, total) => line(`${index + 1} of ${total}: ${id}`),
    }),
  )
  return await tellReport(printableReport(report), destination, terminal, signal)
}

async function readOptions(
  values: Values,
  url: URL,
  terminal: Terminal,
): Promise<ConformanceOptions> {
  const rounds = readCount(values.rounds, 'rounds')
  const timeoutMs = readCount(values.timeout, 'timeout')
  const totalMs = readCount(values.total, 'total')
  const only = readIds(values.only)
  const ca = values.ca === undefined ? null : await readGiven(values.ca, '--ca', terminal)
  return {
    url,
    adapter: await readAdapterFlags(values, terminal),
    ...(values.profile === undefined ? {} : { profile: readProfile(values.profile) }),
    ...(only === undefined ? {} : { only }),
    skip: readSkips(values.skip),
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

function listOfChecks(): string {
  const rows = CHECKS.map(({ id, requirement, title }) => {
    const { level, section, profile } = REQUIREMENTS.get(requirement) ?? {}
    return [id, profile ?? '', level ?? '', section ?? '', title]
  })
  return inColumns(rows)
}
