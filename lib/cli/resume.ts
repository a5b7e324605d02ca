/**
 * `poe resume`: goes on with the POSTs that a journal holds.
 *
 * @see POE draft 2, 5
 */
import {
  createClient,
  type Journal,
  type JournalEntry,
  PostAborted,
  type PostOutcome,
} from '../client/index.js'
import { fromWhereTyped, readArguments, readUrl } from './arguments.js'
import { type Command, Interrupted, Misuse, type Terminal } from './command.js'
import { journalExists, openJournal } from './journal-file.js'
import { entriesOf } from './own-origin.js'
import { asObject, coloured, NO_CONTENT, readOutcome, retryLines } from './report.js'
import {
  type CliRequestOptions,
  REQUEST_FLAGS,
  REQUEST_HELP,
  readRequestOptions,
} from './request-options.js'
import { type CliVerdict, interrupted, verdictOf } from './verdict.js'
import { failureInWords, masked } from './words.js'

const HELP = `Usage: poe resume --journal <file> [--origin <url>] [--header 'K: V']...
       [--output json]

Goes on with every POST in the journal that is not settled and that no living process is sending.
Harmless to repeat: what took effect before does not do so again.

  --journal <file>       as given to \`poe post\`; one that does not exist holds nothing
  --origin <url>         only the POSTs to that origin; all others stay where they are
${REQUEST_HELP}

A journal keeps no login: give it again with --header. Where the journal leads to several origins,
--origin says to which of them that goes.
Each POST is told in one line on stdout. --output json prints one array on stdout, with an object
for each as \`poe post --output json\` has it, and \`id\` and \`createdAt\`.

Exit codes:
  0    all of them took effect, or there was nothing to resume
  1    one of them did not, and of none it is unknown
  2    misuse
  3    of one of them it is unknown; those that can still be settled stay in the journal
  130, 143   interrupted by SIGINT or SIGTERM before anything was sent`

/** The command. */
export const RESUME: Command = {
  name: 'resume',
  summary: 'go on with the POSTs that a journal holds',
  help: HELP,
  run: resumeCommand,
}

const FLAGS = {
  ...REQUEST_FLAGS,
  journal: { type: 'string' },
  origin: { type: 'string' },
} as const

async function resumeCommand(args: string[], terminal: Terminal): Promise<number> {
  const { values, url } = readArguments(args, FLAGS)
  const options = readRequestOptions(values)
  if (url !== undefined) throw new Misuse('resume takes no URL: the journal knows where to post.')
  if (values.journal === undefined || values.journal === '') {
    throw new Misuse('Give the journal with --journal.')
  }
  const { origin: given } = values
  const origin = given === undefined ? null : readUrl(given, '--origin').origin
  const path = fromWhereTyped(values.journal, terminal)
  if (!(await journalExists(path))) {
    terminal.err(`Nothing to resume: there is no journal ${path}.`)
    if (options.isJson) terminal.out('[]')
    return 0
  }
  const journal = await openJournal(path)
  try {
    const isGiven = [...options.headers].length > 0
    const entries = await entriesOf(journal, { origin, isGiven })
    return await new Resumption(path, options, terminal).run(entries)
  } finally {
    await journal.close().catch(() => {})
  }
}

/** The work, and what is to be told of it. */
class Resumption {
  readonly #path: string
  readonly #options: CliRequestOptions
  readonly #terminal: Terminal
  readonly #signal: AbortSignal
  readonly #codes = new Set<number>()
  readonly #objects: unknown[] = []

  constructor(path: string, options: CliRequestOptions, terminal: Terminal) {
    this.#path = path
    this.#options = options
    this.#terminal = terminal
    this.#signal = terminal.interruption()
  }

  async run(journal: Journal): Promise<number> {
    const { limits, headers, isJson } = this.#options
    const client = createClient({
      ...limits,
      ...retryLines(this.#terminal, link => `${masked(link)} `),
      headers,
      journal,
    })
    try {
      await client.resume({
        signal: this.#signal,
        onOutcome: (entry, outcome) => this.#note(entry, outcome),
      })
      if (this.#codes.size === 0) await this.#sayNothing(journal)
    } catch (error) {
      this.#failed(error)
    }
    if (isJson) this.#terminal.out(JSON.stringify(this.#objects))
    return this.#exitCode()
  }

  async #note(entry: JournalEntry, outcome: PostOutcome): Promise<void> {
    const { limits, isJson } = this.#options
    const verdict = verdictOf(outcome, this.#path)
    const reading = { ...limits, signal: this.#signal }
    const content = isJson ? await readOutcome(outcome, reading) : NO_CONTENT
    if (!isJson) outcome.response?.body?.cancel().catch(() => {})
    const { id, createdAtMs } = entry
    const createdAt = new Date(createdAtMs).toISOString()
    this.#objects.push({ id, createdAt, ...asObject(verdict, content) })
    this.#tell(verdict)
  }

  #tell(verdict: CliVerdict): void {
    const { outcome, link, more, exitCode } = verdict
    this.#codes.add(exitCode)
    if (this.#options.isJson || link === null) return
    // Whoever has to look what happened needs the link; nobody else does.
    const isLost = outcome === 'unknown' && more.isFinal === true
    const told = this.#terminal.isWatched ? coloured(this.#terminal, verdict) : verdict.message
    this.#terminal.out(`${isLost ? link : masked(link)} ${told}`)
    if (isLost && verdict.advice !== null) this.#terminal.err(verdict.advice)
  }

  #failed(error: unknown): void {
    const reason: unknown = this.#signal.reason
    if (error instanceof PostAborted && reason instanceof Interrupted) {
      const verdict = interrupted(error, reason, { key: null, journal: this.#path })
      this.#objects.push(asObject(verdict, NO_CONTENT))
      this.#tell(verdict)
    } else if (error instanceof Interrupted) {
      this.#codes.add(error.code)
      this.#terminal.err(`${error.message} What is left stays in the journal.`)
    } else {
      this.#codes.add(3)
      this.#terminal.err(`It cannot be told what is left: ${failureInWords(error)}.`)
    }
  }

  async #sayNothing(journal: Journal): Promise<void> {
    const { length } = await journal.list()
    const held = length === 0 ? '' : ` ${length} in it are being sent by another process.`
    this.#terminal.err(`Nothing to resume in ${this.#path}.${held}`)
  }

  /** The worst of them. */
  #exitCode(): number {
    const codes = [...this.#codes]
    const interruption = codes.find(code => code > 3)
    if (codes.includes(3)) return 3
    return interruption ?? Math.max(0, ...codes)
  }
}
