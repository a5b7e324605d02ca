/**
 * Finds the command that is asked for and runs it.
 */
import { readFileSync } from 'node:fs'
import { CHECK } from './check.js'
import { CHECK_CLIENT } from './check-client.js'
import { type Command, Interrupted, Misuse, type Terminal } from './command.js'
import { EXPLAIN } from './explain.js'
import { LINKS } from './links.js'
import { MIGRATE } from './migrate.js'
import { POST } from './post.js'
import { RESUME } from './resume.js'
import { STORE } from './store/store.js'
import { wrapHelp } from './wrap-help.js'

const COMMANDS: readonly Command[] = [
  ...[POST, RESUME, LINKS, CHECK, CHECK_CLIENT, EXPLAIN],
  ...[MIGRATE, STORE],
]

/**
 * Runs `poe`.
 *
 * @param argv - what follows the name of the program
 * @param terminal - what surrounds it
 * @returns the exit code
 */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...args] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.out(overview())
    return name === undefined ? 2 : 0
  }
  if (name === '--version') {
    terminal.out(version())
    return 0
  }
  const command = COMMANDS.find(one => one.name === name)
  if (command === undefined) {
    terminal.err(`There is no command '${name}'. \`poe --help\` lists those that there are.`)
    return 2
  }
  // What follows -- belongs to another program.
  const own = args.slice(0, args.indexOf('--') + 1 || undefined)
  if (own.includes('--help') || own.includes('-h')) {
    terminal.out(wrapHelp(command.helpOf?.(own) ?? command.help))
    return 0
  }
  return await run(command, args, terminal)
}

async function run(command: Command, args: string[], terminal: Terminal): Promise<number> {
  try {
    return await command.run(args, terminal)
  } catch (error) {
    if (error instanceof Interrupted) {
      terminal.err(`${error.message} Nothing was sent.`)
      return error.code
    }
    if (!(error instanceof Misuse)) throw error
    terminal.err(`${error.message}\n\`poe ${command.name} --help\` tells more.`)
    return 2
  }
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`)
  return [
    'Usage: poe <command> [arguments]',
    '',
    'Commands:',
    ...lines,
    '',
    '`poe <command> --help` tells more; `poe --version` the version.',
  ].join('\n')
}

function version(): string {
  // The same place relative to the sources and to what is built of them.
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}
