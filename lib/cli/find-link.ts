/**
 * Finding the link to post to: on a page, or from an endpoint that mints links.
 *
 * @see POE draft 3
 */
import { problemOf, readText, withContent } from '../client/answer.js'
import { systemClock } from '../client/clock.js'
import { ClientError, type FetchLike, type FoundLink, type PoeClient } from '../client/index.js'
import { within } from '../client/timing.js'
import { problemType } from '../protocols/poe/names.js'
import { Misuse, type Terminal } from './command.js'
import { ledTo } from './own-origin.js'
import { type CliRequestOptions, DEFAULT_TIMEOUT_MS, withoutContent } from './request-options.js'
import { failureInWords, masked, statusInWords } from './words.js'

const PROBLEM_LIMIT_BYTES = 65_536
const PAGE_LIMIT_BYTES = 16 * 1024 * 1024
const UNSPENT = problemType('unspent')

/** There is no link to post to; the message is for whoever waits. */
export class NoLink extends Error {
  override readonly name = 'NoLink'
  readonly reason: 'no-link' | 'not-sent'
  /** Of the page, `null` where no answer came. */
  readonly status: number | null

  /** @param message - what to do, too */
  constructor(reason: 'no-link' | 'not-sent', message: string, status: number | null) {
    super(message)
    this.reason = reason
    this.status = status
  }
}

/** Where and how to look for links. */
export interface Search {
  readonly page: URL
  readonly headers: Headers
  readonly signal: AbortSignal
  /**
   * `page`: by GET. `endpoint`: by an empty POST. `either`: by GET, and where the server says that
   * there is nothing to GET, by an empty POST.
   */
  readonly way: 'page' | 'endpoint' | 'either'
}

/** Looks at the answers that a search gets, since the client tells of its links only. */
export class PageWatch {
  readonly #terminal: Terminal
  readonly #timeoutMs: number
  #isOn = true
  /** The last answer. */
  last: Response | null = null
  /** Whether it says that the page is an unused link itself. */
  isLink = false

  constructor(terminal: Terminal, { timeoutMs = DEFAULT_TIMEOUT_MS }: CliRequestOptions['limits']) {
    this.#terminal = terminal
    this.#timeoutMs = timeoutMs
  }

  /** The search is over: what comes now is the POST. */
  stop(): void {
    this.#isOn = false
  }

  /** `fetch` that notes what comes. */
  readonly fetch: FetchLike = async (input, init) => {
    if (!this.#isOn) return await fetch(input, init)
    this.last = null
    try {
      const response = await this.#whole(input, init)
      this.last = response
      this.isLink = response.status === 405 && (await problemTypeOf(response.clone())) === UNSPENT
      return response
    } catch (error) {
      if (this.last === null && init?.signal?.aborted !== true) this.#say(error)
      if (init?.signal?.reason instanceof DOMException) this.#say(init.signal.reason)
      throw error
    }
  }

  /** The answer with all of its content: of a page that never ends there is none. */
  async #whole(...[input, init]: Parameters<FetchLike>): Promise<Response> {
    const signal = init?.signal ?? undefined
    return await within(systemClock, this.#timeoutMs, signal, async own => {
      const response = await fetch(input, { ...init, signal: own })
      const content = await bytesOf(response)
      // A response of one's own has no URL, and references are relative to it.
      return Object.defineProperty(withContent(content, response), 'url', { value: response.url })
    })
  }

  #say(error: unknown): void {
    this.#terminal.err(`Looking for a link: ${failureInWords(error)}.`)
  }
}

/**
 * Finds links.
 *
 * @param client - whose `fetch` is that of the watch
 * @param watch - looks at the answers
 * @param search - where and how
 * @param terminal - is told what is done
 * @returns the links, at least one
 * @throws NoLink
 * @throws the signal's reason
 */
export async function findLinks(
  client: PoeClient,
  watch: PageWatch,
  search: Search,
  terminal: Terminal,
): Promise<readonly FoundLink[]> {
  const { page, signal, way } = search
  const options = { headers: withoutContent(search.headers), signal }
  if (way === 'endpoint') return [await orNoLink(watch, page, () => client.mint(page, options))]
  const found = await orNoLink(watch, page, async () => {
    try {
      return await client.links(page, options)
    } catch (error) {
      const answer = watch.last
      const isAnswered = error instanceof ClientError && answer !== null
      if (!isAnswered || ![404, 405].includes(answer.status)) throw error
      const announced = client.announced(answer, page)
      if (announced.length > 0) return announced
      if (watch.isLink) return [{ link: page.href, expiresAtMs: null }]
      if (way === 'page' || !mayMint(answer)) throw error
      const said = statusInWords(answer.status)
      terminal.err(`To GET ${said}: asking for a link by an empty POST.`)
      // A guess: what is there may be no endpoint for links, so it is asked once.
      return [await client.mint(page, { ...options, tries: 1 })]
    }
  })
  if (found.length > 0) return found
  throw noneOn(page, watch.last?.status ?? null)
}

/**
 * Takes the only link.
 *
 * @throws Misuse where there are several
 */
export function onlyLink(found: readonly FoundLink[], { page }: Search): FoundLink {
  const [only, ...more] = found
  if (only === undefined) throw noneOn(page, null)
  if (more.length > 0) {
    const list = found.map(({ link }, index) => `  ${index + 1}. ${masked(link)}`)
    throw new Misuse(
      `${page.href} has ${found.length} links:\n${list.join('\n')}\n` +
        '`poe links` prints them in full; choose one of them with --link. Nothing was sent.',
    )
  }
  return only
}

/** An answer that says which methods there are, and not POST, would refuse it too. */
function mayMint(answer: Response): boolean {
  const allow = answer.headers.get('allow')
  return allow === null || allow.split(',').some(method => method.trim() === 'POST')
}

async function orNoLink<T>(watch: PageWatch, page: URL, find: () => Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (error instanceof NoLink || isAbort(error)) throw error
    const { last } = watch
    const status = last?.status ?? null
    const target = last === null ? null : ledTo(last)
    if (target !== null) throw redirected(target, page, status)
    if (error instanceof ClientError) throw noneOn(page, status)
    const why = failureInWords(error)
    throw new NoLink('not-sent', `${page.href} cannot be had: ${why}.`, status)
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'Interrupted'
}

function redirected({ origin }: URL, page: URL, status: number | null): NoLink {
  if (origin === page.origin) {
    return new NoLink('no-link', `${page.href} names no link: its redirects do not end.`, status)
  }
  return new NoLink(
    'no-link',
    `The page leads to ${origin}; content, fields, and a login for ${page.origin} are not sent ` +
      'there. If that is meant, give the page of that origin, or --link.',
    status,
  )
}

function noneOn(page: URL, status: number | null): NoLink {
  const said = status === null ? '' : ` (${statusInWords(status)})`
  const help =
    status === 401 || status === 403
      ? "Does it need a login? Give it with --header 'Authorization: ...'."
      : 'Is it the right page? Give --mint for an endpoint that gives links to a POST, --link ' +
        'for a link that you have, and --header for a login.'
  return new NoLink('no-link', `${page.href} names no link${said}. ${help}`, status)
}

/** The content of a page, as far as anybody reads it; a longer one is no page with a link. */
async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer> | null> {
  if (response.body === null) return null
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body) {
    length += part.length
    if (length > PAGE_LIMIT_BYTES) break
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

async function problemTypeOf(response: Response): Promise<string | null> {
  return problemOf(response, (await readText(response, PROBLEM_LIMIT_BYTES)) ?? '').type
}
