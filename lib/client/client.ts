/**
 * The whole client: besides sending, it finds links in pages, mints them, and resumes what a journal
 * holds.
 *
 * @see POE draft 2, 3
 */
import { discard } from './answer.js'
import { type Payload, payloadBytes } from './body.js'
import { PoeCore, settle } from './core.js'
import { delayFor, retryAfterMs } from './delay.js'
import { ClientError } from './errors.js'
import { type JournalEntry, type JournalHold, journalHeaders } from './journal.js'
import type { FoundLink } from './known-links.js'
import { isSettled } from './ledger.js'
import type { SendOptions } from './options.js'
import type { PostOutcome } from './outcome.js'
import { findLinks } from './page-links.js'
import { commonFields, type Order, toFields } from './sending.js'
import { within } from './timing.js'

/** Options of `links` and `mint`. */
export interface RequestOptions {
  readonly headers?: HeadersInit
  readonly signal?: AbortSignal
}

/** Options of `resume`. */
export interface ResumeOptions extends SendOptions {
  readonly signal?: AbortSignal
  /** Called, and waited for, with each outcome, before its entry leaves the journal. */
  readonly onOutcome?: (entry: JournalEntry, outcome: PostOutcome) => void | Promise<void>
}

/** An entry of the journal, and how it ended now. */
export interface Resumed {
  readonly entry: JournalEntry
  readonly outcome: PostOutcome
}

/**
 * A client that also finds links, and outlives its process with a journal.
 *
 * @see POE draft 2, 5
 */
export class PoeClient extends PoeCore {
  /**
   * Gets a page and tells the links that it announces, those of its JSON content included.
   *
   * @param page - an absolute http or https URL
   * @returns the links; none is no error
   * @throws ClientError `ERR_POE_NO_LINK_FOUND` for an answer that is no success
   * @throws what `fetch` throws, when the tries are used up
   * @see POE draft 3
   */
  async links(page: string | URL, options: RequestOptions = {}): Promise<readonly FoundLink[]> {
    return await this.#find('GET', this.target(page), options)
  }

  /**
   * Asks for a fresh link by an empty POST. Harmless to repeat, so that it is repeated where the
   * answer is lost.
   *
   * @param endpoint - an absolute http or https URL
   * @returns the link
   * @throws ClientError `ERR_POE_NO_LINK_FOUND` where the answer names none
   * @throws what `fetch` throws, when the tries are used up
   * @see POE draft 3
   */
  async mint(endpoint: string | URL, options: RequestOptions = {}): Promise<FoundLink> {
    const [first] = await this.#find('POST', this.target(endpoint), options)
    if (first !== undefined) return first
    throw new ClientError('ERR_POE_NO_LINK_FOUND', `${endpoint} answered without a link.`)
  }

  /**
   * Goes on with every POST that the journal holds and nobody alive is sending.
   *
   * @param options - see {@link ResumeOptions}
   * @returns what was resumed, in order; entries that are not settled stay in the journal
   * @throws ClientError `ERR_POE_JOURNAL`
   * @throws TypeError for a client without a journal
   */
  async resume(options: ResumeOptions = {}): Promise<readonly Resumed[]> {
    const { journal } = this.options
    if (journal === undefined) throw new TypeError('This client has no journal to resume from')
    const { signal, onOutcome, ...limits } = options
    this.parts.check(limits)
    const resumed: Resumed[] = []
    for (const { id } of await journal.list()) {
      signal?.throwIfAborted()
      const hold = await journal.take(id)
      if (hold === null) continue
      const { entry } = hold
      const outcome = await this.#resumeOne(hold, limits, signal, onOutcome)
      resumed.push({ entry, outcome })
    }
    return resumed
  }

  async #resumeOne(
    hold: JournalHold,
    limits: SendOptions,
    signal: AbortSignal | undefined,
    onOutcome: ResumeOptions['onOutcome'],
  ): Promise<PostOutcome> {
    const { link, idempotencyKey, body, headers, isRepeatable, expiresAtMs } = hold.entry
    const order: Order = {
      link: new URL(link),
      payload: { content: body.length === 0 ? null : body, type: null },
      headers: Object.fromEntries(headers),
      idempotencyKey,
      expiresAtMs,
      isRepeatable,
      isResumed: true,
      hold,
      limits,
      init: {},
      signal,
    }
    try {
      const outcome = await this.send(order)
      await onOutcome?.(hold.entry, outcome)
      await settle(hold, isSettled(outcome))
      return outcome
    } catch (error) {
      await settle(hold, false)
      throw error
    }
  }

  /**
   * The content is fixed here, so that what is resumed is what was sent.
   *
   * @internal
   */
  override async hold(order: Order, id: string): Promise<Order> {
    const { journal, bodyLimitBytes, clock } = this.options
    if (journal === undefined) return order
    const { bytes, type } = await payloadBytes(order.payload, bodyLimitBytes)
    const headers = { ...(type === null ? {} : { 'content-type': type }), ...order.headers }
    const hold = await journal.begin({
      id,
      link: order.link.href,
      isRepeatable: order.isRepeatable,
      idempotencyKey: order.idempotencyKey,
      body: bytes,
      headers: journalHeaders(headers),
      createdAtMs: clock.now(),
      expiresAtMs: order.expiresAtMs,
    })
    const payload: Payload = { content: bytes.length === 0 ? null : bytes, type: null }
    return { ...order, payload, headers, hold }
  }

  async #find(
    method: 'GET' | 'POST',
    url: URL,
    { headers, signal }: RequestOptions,
  ): Promise<readonly FoundLink[]> {
    const { tries, totalMs, clock } = this.options
    const endMs = clock.now() + totalMs
    for (let attempt = 1; ; attempt += 1) {
      const last = await this.#ask(method, url, headers, signal)
      if (last instanceof Response && last.ok) {
        return await findLinks(this, last, url, method === 'POST')
      }
      const response = last instanceof Response ? last : null
      const delayMs = delayFor(attempt, response, { ...this.options, now: () => clock.now() })
      const isPassing = response === null || mayPass(response)
      const isOver = attempt >= tries || clock.now() + delayMs >= endMs
      discard(response)
      if (!isPassing || isOver) throw noLinks(url, last)
      await clock.sleep(delayMs, signal)
    }
  }

  /** Gives the answer, or what went wrong. */
  async #ask(
    method: 'GET' | 'POST',
    url: URL,
    given: HeadersInit | undefined,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const { clock, timeoutMs, fetch, init } = this.options
    const accept = { accept: 'application/json, */*;q=0.5' }
    const headers = { ...accept, ...(await commonFields(this.options, url)), ...toFields(given) }
    try {
      return await within(clock, timeoutMs, signal, own =>
        fetch(url.href, { ...init, method, headers, signal: own, cache: 'no-store' }),
      )
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      return error
    }
  }
}

function mayPass(response: Response): boolean {
  return retryAfterMs(response) !== null || [408, 425, 429, 502, 503, 504].includes(response.status)
}

function noLinks(url: URL, last: unknown): unknown {
  if (!(last instanceof Response)) return last
  const { status } = last
  const help = status === 401 || status === 403 ? ' Does it need a login?' : ''
  return new ClientError('ERR_POE_NO_LINK_FOUND', `${url.href} answered ${status}.${help}`)
}
