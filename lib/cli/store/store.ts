/**
 * `poe store`: what an operator does with a store, beside the servers that use it.
 */
import { PoeError } from '../../errors.js'
import { readArguments } from '../arguments.js'
import { type Command, Interrupted, Misuse, type Terminal } from '../command.js'
import { failureInWords } from '../words.js'
import { CHECK_STORE } from './check-store.js'
import { EXPORT, LIST } from './list.js'
import { NoStore, openStore, readAddress, type StoreAddress, withoutSecrets } from './open-store.js'
import { RELEASE, SETTLE } from './settle.js'
import { SHOW } from './show.js'
import { STATS } from './stats.js'
import { PURGE, ROTATE_EPOCH, ROTATE_SECRET } from './upkeep.js'
import { CALL_MS, COMMON_FLAGS, COMMON_HELP, Desk, EXIT_HELP, isGiven, type Verb } from './verb.js'

const VERBS: readonly Verb[] = [
  ...[STATS, LIST, SHOW, SETTLE, RELEASE, PURGE],
  ...[ROTATE_EPOCH, ROTATE_SECRET, EXPORT, CHECK_STORE],
]

/** The command. */
export const STORE: Command = {
  name: 'store',
  summary: 'look into a store, decide what is undecided, keep it in order',
  get help() {
    return overview()
  },
  helpOf: ([name]) => {
    const verb = VERBS.find(each => each.name === name)
    if (verb === undefined) return overview()
    return `${`Usage: poe store ${verb.name} ${verb.usage}`.trimEnd()}\n\n${verb.help}`
  },
  run: storeCommand,
}

function overview(): string {
  const lines = VERBS.map(({ name, summary }) => `  ${name.padEnd(15)}${summary}`)
  return `Usage: poe store <verb> [--store <url>] [arguments]

Safe beside servers that run. What changes something says what it will do and asks first; --dry-run
only says it, --yes does not ask.

Verbs:
${lines.join('\n')}

${COMMON_HELP}

${EXIT_HELP}
\`poe store <verb> --help\` tells more.`
}

async function storeCommand(args: string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args
  const verb = VERBS.find(each => each.name === name)
  if (verb === undefined) {
    const known = VERBS.map(each => each.name).join(', ')
    throw new Misuse(
      name === undefined
        ? `Give a verb: ${known}.`
        : `There is no verb '${name}'. There are ${known}.`,
    )
  }
  const { values, all } = readArguments(rest, { ...COMMON_FLAGS, ...verb.flags }, verb.words)
  const act = verb.plan(values, all)
  const isJson = isGiven(values, 'json')
  const ended = verb.alone?.(values, { terminal, isJson }) ?? null
  if (ended !== null) return ended
  const [isDry, isSure] = [isGiven(values, 'dry-run'), isGiven(values, 'yes')]
  if (verb.changes && !isDry && !isSure && !terminal.isTyped) {
    throw new Misuse('Nobody can be asked here: add --yes, or --dry-run to see what it would do.')
  }
  const address = readAddress(values, terminal)
  const settings = { isJson, isDry, isSure }
  try {
    const opened = await openStore(address)
    try {
      // Refuses a store of another version, before anything of it is changed.
      await opened.store.epoch(CALL_MS)
      return await act(new Desk(terminal, address, opened, settings))
    } finally {
      await opened.close()
    }
  } catch (error) {
    return failed(error, address, terminal)
  }
}

/** @returns the exit code */
function failed(error: unknown, address: StoreAddress, terminal: Terminal): number {
  if (error instanceof Misuse) throw error
  if (error instanceof Interrupted) {
    terminal.err(error.message)
    return error.code
  }
  const isOurs = error instanceof PoeError || error instanceof NoStore
  const said = isOurs ? error.message : failureInWords(error)
  const cause = error instanceof PoeError && error.cause !== undefined ? error.cause : null
  const why = cause === null ? '' : failureInWords(cause)
  const text = why === '' || said.includes(why) ? said : `${said} (${why})`
  terminal.err(withoutSecrets(`${address.name}: ${text}`, address))
  return 1
}
