#!/usr/bin/env node
/**
 * The `poe` command: finds the command that is asked for and runs it.
 *
 * Exit codes: 0 done, 1 it could not be done, 2 misuse; a command may add its own.
 */
import { readFileSync } from 'node:fs'
import { type Command, Misuse, type Terminal } from './command.js'
import { MIGRATE } from './migrate.js'

const COMMANDS: readonly Command[] = [MIGRATE]

process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  const terminal: Terminal = {
    out: line => console.log(line),
    err: line => console.error(line),
    env: process.env,
  }
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
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(command.help)
    return 0
  }
  return await run(command, args, terminal)
}

async function run(command: Command, args: string[], terminal: Terminal): Promise<number> {
  try {
    return await command.run(args, terminal)
  } catch (error) {
    if (!(error instanceof Misuse)) throw error
    terminal.err(`${error.message}\n\`poe ${command.name} --help\` tells more.`)
    return 2
  }
}

function overview(): string {
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`)
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
