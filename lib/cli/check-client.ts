/**
 * `poe check-client`: judges a client.
 *
 * @see docs/check-client.md
 */
import {
  CLIENT_REQUIREMENTS,
  type ClientCommand,
  type ClientEnding,
  checkClient,
  printableClientReport,
  SCENARIOS,
} from '../conformance/index.js'
import { fromWhereTyped, readArguments, readCount } from './arguments.js'
import { CHECK_CLIENT_HELP } from './check-client-help.js'
import {
  CHECK_FLAGS,
  inColumns,
  readDestination,
  readIds,
  readSkips,
  runSuite,
  tellReport,
} from './check-report.js'
import { type Command, Misuse, type Terminal } from './command.js'

const FLAGS = {
  ...CHECK_FLAGS,
  takes: { type: 'string' },
  exits: { type: 'string' },
  serve: { type: 'string' },
  jobs: { type: 'string' },
} as const

const ENDINGS: readonly ClientEnding[] = ['accepted', 'refused', 'unknown', 'failed']

/** The command. */
export const CHECK_CLIENT: Command = {
  name: 'check-client',
  summary: 'judge a client',
  help: CHECK_CLIENT_HELP,
  run: checkClientCommand,
}

async function checkClientCommand(args: string[], terminal: Terminal): Promise<number> {
  const at = args.indexOf('--')
  const command = at < 0 ? [] : args.slice(at + 1)
  const { values, url } = readArguments(at < 0 ? args : args.slice(0, at), FLAGS)
  if (values.list === true) {
    terminal.out(values.report === 'json' ? JSON.stringify(SCENARIOS, null, 2) : listOfChecks())
    return 0
  }
  if (url !== undefined) throw new Misuse('Put -- in front of the command.')
  const destination = await readDestination(values, terminal)
  const { serve } = values
  if (command.length === 0 && serve === undefined) {
    throw new Misuse('Give the command after --, as in: poe check-client -- ./my-client {url}')
  }
  const only = readIds(values.only)
  const timeoutMs = readCount(values.timeout, 'timeout')
  const jobs = readCount(values.jobs, 'jobs')
  const signal = terminal.interruption()
  const report = await runSuite(terminal, line =>
    checkClient({
      client: command.length === 0 ? null : commandOf(command, values.exits),
      takes: readTakes(values.takes),
      ...(serve === undefined ? {} : { serve: fromWhereTyped(serve, terminal) }),
      ...(only === undefined ? {} : { only }),
      skip: readSkips(values.skip),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(jobs === undefined ? {} : { jobs }),
      strict: values.strict === true,
      signal,
      onStart: (scenario, page) => {
        // Nobody else can open it.
        if (command.length === 0) terminal.err(`${scenario}: open ${page}`)
        else line(scenario)
      },
    }),
  )
  const judged = printableClientReport(report, nameOf(command) ?? String(serve))
  return await tellReport(judged, destination, terminal, signal)
}

/** As far as its first option: behind that there may be a login. */
function nameOf(command: readonly string[]): string | null {
  const end = command.findIndex(word => word.startsWith('-'))
  const words = end < 0 ? command : command.slice(0, end)
  return words.length === 0 ? null : words.join(' ')
}

function commandOf(command: readonly string[], exits: string | undefined): ClientCommand {
  return exits === undefined ? { command } : { command, exits: readExits(exits) }
}

function readExits(text: string): Readonly<Record<number, ClientEnding>> {
  return Object.fromEntries(
    text.split(',').map(member => {
      const [code = '', word = ''] = member.split('=').map(part => part.trim())
      const ending = ENDINGS.find(one => one === word)
      if (/^\d{1,3}$/.test(code) && ending !== undefined) return [Number(code), ending] as const
      throw new Misuse(`--exits takes codes and words, as in 0=accepted,1=refused,3=unknown.`)
    }),
  )
}

function readTakes(text: string = 'page'): 'page' | 'link' {
  if (text === 'page' || text === 'link') return text
  throw new Misuse('--takes takes page or link.')
}

function listOfChecks(): string {
  const rows = SCENARIOS.flatMap(({ name, checks }) =>
    checks.map(({ id, title }) => {
      const { level, section } = CLIENT_REQUIREMENTS.get(id.split('/')[0] ?? '') ?? {}
      return [id, level ?? '', section ?? '', name, title]
    }),
  )
  return inColumns(rows)
}
