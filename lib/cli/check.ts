/**
 * `poe check`: judges a running server.
 *
 * @see docs/conformance.md
 */
import {
  type ConformanceOptions,
  DOOR_CHECKS,
  DOOR_REQUIREMENTS,
  DOORS,
  type Door,
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
import { compare } from './compare.js'

const FLAGS = {
  ...CHECK_FLAGS,
  door: { type: 'string' },
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
  jobs: { type: 'string' },
  pace: { type: 'string' },
  age: { type: 'string' },
  http2: { type: 'boolean' },
  ca: { type: 'string' },
  compare: { type: 'boolean' },
} as const

/** So many servers fit beside one another. */
const MOST_COMPARED = 12

type Values = FlagValues<typeof FLAGS>

/** What the URL is of. */
const WHERE: Readonly<Record<Door, string>> = {
  poe: 'the page that hands out links',
  'idempotency-key': 'the target that takes keys',
  'action-id': 'what makes action resources',
  conditional: 'the target that has an ETag',
}

/** The command. */
export const CHECK: Command = {
  name: 'check',
  summary: 'judge a running server',
  help: CHECK_HELP,
  run: checkCommand,
}

async function checkCommand(args: string[], terminal: Terminal): Promise<number> {
  const isComparison = args.includes('--compare')
  const { values, url, all } = readArguments(args, FLAGS, isComparison ? MOST_COMPARED : 1)
  const door = readDoor(values.door)
  if (isComparison) {
    return await compare(all, values, terminal, one =>
      judgeAt(one, values, terminal, terminal.interruption()),
    )
  }
  if (values.list === true) {
    const checks = DOOR_CHECKS[door]
    terminal.out(values.report === 'json' ? JSON.stringify(checks, null, 2) : listOfChecks(door))
    return 0
  }
  if (url === undefined) throw new Misuse(`Give the URL of ${WHERE[door]}.`)
  const destination = await readDestination(values, terminal)
  const signal = terminal.interruption()
  const report = await judgeAt(url, values, terminal, signal)
  return await tellReport(printableReport(report), destination, terminal, signal)
}

async function judgeAt(url: string, values: Values, terminal: Terminal, signal: AbortSignal) {
  const options = await readOptions(values, readUrl(url, 'The page'), terminal)
  return await runSuite(terminal, line =>
    runConformance({
      ...options,
      door: readDoor(values.door),
      signal,
      onStart: (id, index, total) => line(`${index + 1} of ${total}: ${id}`),
    }),
  )
}

async function readOptions(
  values: Values,
  url: URL,
  terminal: Terminal,
): Promise<ConformanceOptions> {
  const rounds = readCount(values.rounds, 'rounds')
  const timeoutMs = readCount(values.timeout, 'timeout')
  const totalMs = readCount(values.total, 'total')
  const jobs = readCount(values.jobs, 'jobs')
  const paceMs = readPace(values.pace)
  const ageMs = readAge(values.age)
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
    ...(jobs === undefined ? {} : { jobs }),
    ...(paceMs === undefined ? {} : { paceMs }),
    ...(ageMs === undefined ? {} : { ageMs }),
    strict: values.strict === true,
    http2: values.http2 === true,
    ...(ca === null ? {} : { tls: { ca } }),
    ...(values.restart === undefined ? {} : { restart: restartBy(values.restart, terminal) }),
  }
}

/** Milliseconds between two requests, or requests a second: `50` or `20/s`. */
function readPace(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const [, number = '', perSecond] = /^(\d{1,5})(\/s)?$/.exec(text) ?? []
  const paceMs = perSecond === undefined ? Number(number) : Math.ceil(1_000 / Number(number))
  if (number !== '' && paceMs <= 10_000) return paceMs
  throw new Misuse(
    '--pace takes milliseconds between two requests (50), or requests a second (20/s).',
  )
}

function readAge(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,7}$/.test(text))
    return text === undefined ? undefined : Number(text)
  throw new Misuse('--age takes milliseconds.')
}

function readDoor(text: string = 'poe'): Door {
  const door = DOORS.find(one => one === text)
  if (door === undefined) throw new Misuse(`--door takes ${DOORS.join(', ')}.`)
  return door
}

function readProfile(text: string): Profile {
  if (text === 'core' || text === 'full' || text === 'safe') return text
  throw new Misuse('--profile takes core, full or safe.')
}

function listOfChecks(door: Door): string {
  const rows = DOOR_CHECKS[door].map(({ id, requirement, title }) => {
    const rule = REQUIREMENTS.get(requirement) ?? DOOR_REQUIREMENTS.get(requirement)
    const { level, section, profile } = rule ?? {}
    return [id, profile ?? '', level ?? '', section ?? '', title]
  })
  return inColumns(rows)
}
