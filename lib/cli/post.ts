/**
 * `poe post`: sends a POST so that it takes effect once, and tells how it ended.
 *
 * @see POE draft 2, 3, 5
 */
import {
  createClient,
  type FoundLink,
  type Journal,
  type PoeClient,
  PostAborted,
} from '../client/index.js'
import { fromWhereTyped, readArguments, readUrl } from './arguments.js'
import { type Command, Interrupted, Misuse, type Terminal } from './command.js'
import { CONTENT_FLAGS, type ContentSource, readContent, readContentSource } from './content.js'
import { findLinks, NoLink, onlyLink, PageWatch } from './find-link.js'
import { openJournal } from './journal-file.js'
import { POST_HELP } from './post-help.js'
import { type AnswerContent, NO_CONTENT, readOutcome, retryLines, tell } from './report.js'
import { type CliRequestOptions, REQUEST_FLAGS, readRequestOptions } from './request-options.js'
import {
  type CliVerdict,
  failedAfterwards,
  interrupted,
  interruptedBefore,
  nothingSent,
  verdictOf,
} from './verdict.js'
import { failureInWords } from './words.js'

const FLAGS = {
  ...REQUEST_FLAGS,
  ...CONTENT_FLAGS,
  link: { type: 'string' },
  mint: { type: 'boolean' },
  journal: { type: 'string' },
  'idempotency-key': { type: 'string' },
} as const

const BODY_LIMIT_BYTES = 16 * 1024 * 1024

/** The command. */
export const POST: Command = {
  name: 'post',
  summary: 'send a POST so that it takes effect once',
  help: POST_HELP,
  run: postCommand,
}

/** What the arguments ask for. */
interface Order extends CliRequestOptions {
  /** Where links are looked for; `null` where `link` is given. */
  readonly page: URL | null
  readonly link: URL | null
  readonly isMint: boolean
  readonly source: ContentSource
  /** The path of the journal, `null` for none. */
  readonly journal: string | null
  readonly key: string | null
}

async function postCommand(args: string[], terminal: Terminal): Promise<number> {
  const order = readOrder(args, terminal)
  const { verdict, content } = await new Run(order, terminal).end()
  return tell(terminal, verdict, content, order.isJson)
}

function readOrder(args: string[], terminal: Terminal): Order {
  const { values, url } = readArguments(args, FLAGS)
  const options = readRequestOptions(values)
  const source = readContentSource(values)
  if (!options.headers.has('content-type')) options.headers.set('content-type', source.type)
  const key = readKey(values['idempotency-key'])
  const isMint = values.mint === true
  const path = values.journal
  if (path === '') throw new Misuse('--journal lacks the name of a file.')
  const journal = path === undefined ? null : fromWhereTyped(path, terminal)
  const target = readTarget(url, values.link, { isMint, isKeyed: key !== null })
  return { ...options, ...target, isMint, source, journal, key }
}

function readTarget(
  url: string | undefined,
  link: string | undefined,
  { isMint, isKeyed }: { readonly isMint: boolean; readonly isKeyed: boolean },
): Pick<Order, 'page' | 'link'> {
  if (url === undefined && link === undefined) {
    throw new Misuse('Give the URL of a page that has a link, or a link with --link.')
  }
  const page = url === undefined ? null : readUrl(url, 'The page')
  if (isMint && link !== undefined) throw new Misuse('Give --mint or --link, not both.')
  if (isMint && isKeyed) throw new Misuse('Give --mint or --idempotency-key, not both.')
  if (link !== undefined) {
    return { page: null, link: readUrl(link, 'The link', page ?? undefined) }
  }
  // A server with such keys has no links: the URL itself is posted to.
  return isKeyed ? { page: null, link: page } : { page, link: null }
}

function readKey(given: string | undefined): string | null {
  if (given === undefined) return null
  if (given === 'auto') return crypto.randomUUID()
  if (/^[\x20-\x7e]+$/.test(given)) return given
  throw new Misuse('--idempotency-key takes ASCII characters, or auto for a fresh key.')
}

/** What is to be told. */
interface Ending {
  readonly verdict: CliVerdict
  readonly content: AnswerContent
}

/** One order on its way. */
class Run {
  readonly #order: Order
  readonly #terminal: Terminal
  readonly #signal: AbortSignal
  /** Where the POST goes, once its first byte may have left. */
  #begunAt: string | null = null

  constructor(order: Order, terminal: Terminal) {
    this.#order = order
    this.#terminal = terminal
    this.#signal = terminal.interruption()
  }

  /** Carries it out, whatever comes. */
  async end(): Promise<Ending> {
    try {
      return await this.#withJournal()
    } catch (error) {
      if (error instanceof Misuse) throw error
      return { verdict: this.#failed(error), content: NO_CONTENT }
    }
  }

  async #withJournal(): Promise<Ending> {
    const { source, journal: path } = this.#order
    const content = await readContent(source, this.#terminal, this.#signal)
    const journal = path === null ? null : await openJournal(path)
    try {
      return await this.#send(content, journal)
    } finally {
      await journal?.close().catch(() => {})
    }
  }

  async #send(content: string | Uint8Array<ArrayBuffer>, journal: Journal | null): Promise<Ending> {
    const { limits, headers, key } = this.#order
    const watch = new PageWatch(this.#terminal, limits)
    const client = createClient({
      ...limits,
      ...retryLines(this.#terminal),
      ...(journal === null ? {} : { journal }),
      bodyLimitBytes: Math.max(BODY_LIMIT_BYTES, content.length * 3),
      fetch: watch.fetch,
    })
    const { link, expiresAtMs } = await this.#target(client, watch)
    watch.stop()
    const outcome = await client.post(link, content, {
      headers,
      signal: this.#signal,
      ...(key === null ? {} : { idempotencyKey: key }),
      ...(expiresAtMs === null ? {} : { expiresAtMs }),
      onStart: () => {
        this.#begunAt = link
      },
    })
    const answer = await readOutcome(outcome, { ...limits, signal: this.#signal })
    return { verdict: verdictOf(outcome, this.#order.journal), content: answer }
  }

  async #target(client: PoeClient, watch: PageWatch): Promise<FoundLink> {
    const { link, page, isMint, headers } = this.#order
    if (link !== null) return { link: link.href, expiresAtMs: null }
    if (page === null) throw new TypeError('An order has a page or a link')
    const way = isMint ? ('endpoint' as const) : ('either' as const)
    const search = { page, headers, signal: this.#signal, way }
    return onlyLink(await findLinks(client, watch, search, this.#terminal), search)
  }

  #failed(error: unknown): CliVerdict {
    const { journal, key } = this.#order
    if (error instanceof NoLink) return nothingSent(error.reason, error.message, error.status)
    const reason: unknown = this.#signal.reason
    if (error instanceof PostAborted && reason instanceof Interrupted) {
      return interrupted(error, reason, { key, journal })
    }
    if (error instanceof Interrupted) return interruptedBefore(error)
    if (this.#begunAt === null) return nothingSent('not-sent', failureInWords(error))
    return failedAfterwards(error, { link: this.#begunAt, key, journal })
  }
}
