/**
 * The whole client: besides sending, it finds links in pages, mints them, and resumes what a
 * journal holds.
 *
 * @see POE draft 2, 3
 */

import { breakOff, discard, isAnswer, sentWith } from './answer.js'
import { type Payload, type PostBody, payloadBytes } from './body.js'
import { type CorePostOptions, type Parts, PoeCore } from './core.js'
import { delayFor, retryAfterMs } from './delay.js'
import { ClientError } from './errors.js'
import type { FetchHeaders } from './fetch-types.js'
import { followHops } from './follow-get.js'
import { entryEndMs, type JournalEntry, type JournalHold, journalHeaders } from './journal.js'
import { isPassing } from './judge.js'
import { keyOf, quoted, unquoted } from './key-field.js'
import type { FoundLink } from './known-links.js'
import { isSettled, Ledger, provesNothingSent } from './ledger.js'
import type { LogLines } from './log-lines.js'
import { withLogin } from './login.js'
import { hookedInit, observedFetch } from './observed-fetch.js'
import type { ClientOptions, FetchLike, RequestHooks, SendOptions } from './options.js'
import type { PostOutcome } from './outcome.js'
import { mayBePage, pageHint } from './page-hint.js'
import { findLinks } from './page-links.js'
import { readCall, sendPlain } from './plain-fetch.js'
import { randomUuid } from './random.js'
import { commonFields, type Fields, type Order, toFields } from './sending.js'
import { abortedBefore, sharedSend } from './shared-send.js'
import { inTime, within } from './timing.js'
import { toResponse } from './to-response.js'
import { ungiven } from './ungiven.js'

/** Options of one POST. */
export interface PostOptions extends CorePostOptions {
  /**
   * For servers with `Idempotency-Key`: a key of your own, or `true` for a fresh one. It is made
   * before the first byte and goes with every try.
   */
  readonly idempotencyKey?: string | true
  /**
   * Called, and waited for, with the outcome, before its entry leaves the journal: what is noted
   * here is noted at least once, whatever dies.
   */
  readonly onOutcome?: (outcome: PostOutcome) => void | Promise<void>
  /**
   * Called, and waited for, before the first byte leaves, with what is needed to go on after a
   * crash.
   */
  readonly onStart?: (start: {
    readonly id: string
    readonly link: string
    readonly idempotencyKey: string | null
  }) => void | Promise<void>
}

/** Options of `links` and `mint`. */
export interface RequestOptions
  extends RequestHooks,
    Pick<SendOptions, 'tries' | 'timeoutMs' | 'totalMs'> {
  readonly headers?: FetchHeaders
  readonly signal?: AbortSignal
}

/** Options of `resume`. */
export interface ResumeOptions extends SendOptions {
  readonly signal?: AbortSignal
  /** Called, and waited for, with each outcome, before its entry leaves the journal. */
  readonly onOutcome?: (entry: JournalEntry, outcome: PostOutcome) => void | Promise<void>
}

/** How one request of `links` and `mint` is made. */
interface Asking {
  readonly signal: AbortSignal | undefined
  readonly timeoutMs: number
  readonly init: RequestInit
}

/** How long a page is waited for that would explain a refusal. */
const HINT_MS = 3_000

/** A POST as it is begun. */
interface Begun {
  readonly options: PostOptions
  /** What names the operation, where that is a key. */
  readonly key: string | null
  readonly fields: Fields
  /** More of `fetch`'s options. */
  readonly init: RequestInit
}

/** An entry of the journal, and how it ended now. */
export interface Resumed {
  readonly entry: JournalEntry
  readonly outcome: PostOutcome
}

/** The `fetch` of each client. */
const OWN = new WeakSet<object>()
const { fetch: foundFetch } = globalThis

/** The global `fetch`; where a client's own has taken its place, the one that was there before. */
const sendGlobally: FetchLike = (...call) => (OWN.has(fetch) ? foundFetch : fetch)(...call)

/**
 * A client that also finds links, and outlives its process with a journal.
 *
 * @see POE draft 2, 5
 */
export class PoeClient extends PoeCore {
  readonly #ledger = new Ledger(this.options)
  /** Sends without any login. */
  readonly #bare: FetchLike
  readonly #lines: LogLines | undefined

  /** @internal */
  constructor(options: ClientOptions, parts: Parts) {
    parts.check(options)
    const { authenticate, logger, fetch: given = sendGlobally } = options
    const lines = logger && parts.lines?.(logger)
    const fetch = observedFetch(given, options, lines?.hooks)
    const sends = authenticate === undefined ? fetch : withLogin(fetch, authenticate)
    super({ ...options, fetch: sends }, parts)
    this.#bare = fetch
    this.#lines = lines
    OWN.add(this.fetch)
  }

  /**
   * Sends a POST so that it takes effect once, and tells how it ended.
   *
   * What is at `link` must be a POE resource, or answer with a 307 to one; calling this says so.
   * With `idempotencyKey` it may be any resource of a server that knows such keys. Tries are
   * byte-identical. Where the same content is under way to the same link already, the two calls
   * share one send.
   *
   * @param link - an absolute http or https URL (in a page: relative to it)
   * @param body - the content; what can be read once is buffered up to `bodyLimitBytes`
   * @param options - see {@link PostOptions}
   * @returns the outcome; whatever a server or network does ends in one
   * @throws PostAborted `ERR_POE_ABORTED` where the signal aborts
   * @throws ClientError `ERR_POE_LINK_BUSY`, `ERR_POE_BODY_ONCE`, `ERR_POE_BODY_TOO_LARGE`,
   *   `ERR_POE_JOURNAL`: nothing was sent by this call
   * @throws TypeError for arguments that cannot be meant
   * @see POE draft 2, 5, 8
   */
  override async post(
    link: string | URL,
    body?: PostBody,
    options: PostOptions = {},
  ): Promise<PostOutcome> {
    const key = keyOf(options.idempotencyKey)
    const fields = this.#postHeaders(options.headers, key)
    return await this.#post(this.target(link), body, { options, key, fields, init: {} })
  }

  async #post(url: URL, body: PostBody, { options, key, fields, init }: Begun) {
    const { headers, signal, idempotencyKey, expiresAtMs, onStart, onOutcome, ...limits } = options
    const { check, prepare } = this.parts
    check(limits, { signal, expiresAtMs, onStart, onOutcome })
    const payload = await prepare(body, this.options.bodyLimitBytes)
    const sent = { link: url, payload, headers: fields, idempotencyKey: key }
    let precedent = this.#ledger.precedent(sent)
    while (precedent.running !== null) {
      const outcome = await sharedSend(precedent.running, options, url, this.options)
      if (outcome !== null) return outcome
      precedent = this.#ledger.precedent(sent)
    }
    const { sent: same, isOpen, isLost } = precedent
    // An earlier call, as that of a retry helper whose time is up, may have sent it.
    if (signal?.aborted === true) throw abortedBefore(signal, url, isOpen || isLost)
    const order = {
      isResumed: isOpen,
      isDoubted: isLost,
      expiresAtMs: expiresAtMs ?? this.known.expiresAtMs(url),
      isRepeatable: true,
      hold: null,
      limits: this.#told(limits),
      init: { ...init, ...hookedInit(limits) },
      signal,
      ...same,
    }
    return await this.#ledger.enter(same, this.#begin(order, options))
  }

  /**
   * `fetch` that knows links: adds `POE: 1`, learns from every answer, and sends a POST to a known
   * link, or with an `Idempotency-Key` of your own, so that it takes effect once. Use it wherever a
   * `fetch` can be given. What it sends, fields included, is led to no other origin: a redirect of
   * a GET is followed there without it, another one is given back.
   *
   * A POST that took effect gives its answer, also where an earlier try had it; one whose answer
   * is not kept gives 204. A refusal gives the refusal.
   *
   * @throws ClientError `ERR_POE_UNKNOWN_OUTCOME`, its `cause` the outcome, where it cannot be
   *   told; `ERR_POE_NOT_TAKEN` for a 2xx, or a hidden redirect, that is not the link's;
   *   `ERR_POE_RESULT_LOST` from reading an answer that broke off and cannot be had again
   * @throws what `fetch` throws
   */
  readonly fetch = async (
    input: string | URL | Request,
    init: RequestInit = {},
  ): Promise<Response> => {
    const [request, given, ender] = readCall(input, init)
    this.parts.check({}, { signal: ender.signal })
    const url = new URL(request.url)
    const key = this.known.has(url) ? null : request.headers.get('idempotency-key')
    if (request.method === 'POST' && (key !== null || this.known.has(url))) {
      return toResponse(await this.#postRequest(url, request, key, given), this.options, ender)
    }
    const { options, known, parts } = this
    return await sendPlain(url, request, given, { options, known, parts, bare: this.#bare })
  }

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
    this.parts.check(limits, { signal, onOutcome })
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
    const { link, origin, idempotencyKey, body, headers, isRepeatable } = hold.entry
    const order: Order = {
      link: new URL(link),
      origin,
      payload: { content: body.length === 0 ? null : body, type: null },
      headers: Object.fromEntries(headers),
      idempotencyKey,
      expiresAtMs: entryEndMs(hold.entry),
      isRepeatable,
      isResumed: true,
      hold,
      limits: this.#told(limits),
      init: hookedInit(limits),
      signal,
    }
    try {
      const outcome = await this.#ledger.enter(order, this.send(order))
      this.#lines?.outcome(outcome)
      await (onOutcome ? onOutcome(hold.entry, outcome) : this.options.onOutcome?.(outcome))
      await settle(hold, isSettled(outcome))
      return outcome
    } catch (error) {
      await settle(hold, false)
      throw error
    }
  }

  async #begin(
    order: Order,
    { onStart, onOutcome = this.options.onOutcome }: Pick<PostOptions, 'onStart' | 'onOutcome'>,
  ): Promise<PostOutcome> {
    const { link, idempotencyKey } = order
    // Random bytes are dear, and without a journal nobody may ask for them.
    const isNamed = onStart !== undefined || this.options.journal !== undefined
    const id = isNamed ? randomUuid() : ''
    const held = await this.#enterJournal(await this.#identified(order), id)
    let isOver = true
    try {
      await onStart?.({ id, link: link.href, idempotencyKey })
      isOver = false
      const sent = await this.send(held).catch((error: unknown) => {
        isOver = provesNothingSent(error)
        throw error
      })
      const outcome = order.isResumed ? sent : await this.#hinted(sent, order)
      this.#lines?.outcome(outcome)
      await onOutcome?.(outcome)
      await settle(held.hold, isSettled(outcome))
      return outcome
    } catch (error) {
      await settle(held.hold, isOver)
      throw error
    }
  }

  /** The logger hears of each wait, also where a call has an `onRetry` of its own. */
  #told(limits: SendOptions): SendOptions {
    const lines = this.#lines
    if (lines === undefined) return limits
    const { onRetry = this.options.onRetry } = limits
    const both: SendOptions['onRetry'] = notice => {
      lines.wait(notice)
      return onRetry?.(notice)
    }
    return { ...limits, onRetry: both }
  }

  /** Looks once whether a page was posted to; the outcome stays what it is. */
  async #hinted(outcome: PostOutcome, { link, signal, init }: Order): Promise<PostOutcome> {
    if (!mayBePage(outcome) || outcome.link !== link.href) return outcome
    const timeoutMs = Math.min(this.options.timeoutMs, HINT_MS)
    const limits = { signal, timeoutMs, init }
    const page = await this.#ask('GET', link, undefined, limits).catch(() => null)
    if (!isAnswer(page)) return outcome
    discard(page)
    const isPage = page.status === 200 && this.announced(page, link).length > 0
    return isPage ? { ...outcome, hint: pageHint(outcome, link.href) } : outcome
  }

  /** For a journal the content is fixed, so that what is resumed is what was sent. */
  async #identified(order: Order): Promise<Order> {
    const { journal, bodyLimitBytes } = this.options
    let { payload } = order
    if (journal !== undefined) {
      const { bytes, type } = await payloadBytes(payload, bodyLimitBytes)
      payload = { content: bytes.length === 0 ? null : bytes, type }
    }
    return {
      ...order,
      payload,
      headers: await this.identified(order.link, payload, order.headers),
    }
  }

  async #enterJournal(order: Order, id: string): Promise<Order> {
    const { journal, clock } = this.options
    if (journal === undefined) return order
    const { content, type } = order.payload
    const headers = { ...(type === null ? {} : { 'content-type': type }), ...order.headers }
    const hold = await journal.begin({
      id,
      link: order.link.href,
      isRepeatable: order.isRepeatable,
      idempotencyKey: order.idempotencyKey,
      body: (content ?? new Uint8Array()) as Uint8Array<ArrayBuffer>,
      headers: journalHeaders(headers),
      createdAtMs: clock.now(),
      expiresAtMs: order.expiresAtMs,
    })
    const payload: Payload = { content, type: null }
    return { ...order, payload, headers, hold }
  }

  async #find(
    method: 'GET' | 'POST',
    url: URL,
    { headers, signal, ...limits }: RequestOptions,
  ): Promise<readonly FoundLink[]> {
    this.parts.check(limits, { signal })
    const { clock } = this.options
    const { tries = this.options.tries, timeoutMs = this.options.timeoutMs } = limits
    const { totalMs = this.options.totalMs } = limits
    const endMs = clock.now() + totalMs
    for (let attempt = 1; ; attempt += 1) {
      const init = hookedInit(limits)
      let last = await this.#ask(method, url, headers, { signal, timeoutMs, init })
      if (isAnswer(last) && last.ok) {
        const page = last
        const work = () => findLinks(this, page, url, method === 'POST')
        // A page whose content stalls or breaks off is as good as none.
        const found = await inTime(clock, timeoutMs, signal, work).catch((error: unknown) => {
          if (signal?.aborted === true) throw error
          breakOff(page)
          last = error
          return null
        })
        if (found !== null) return found
      }
      const response = isAnswer(last) ? last : null
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
    given: FetchHeaders | undefined,
    { signal, timeoutMs, init: own }: Asking,
  ): Promise<unknown> {
    const { clock, fetch } = this.options
    const init = { ...this.options.init, ...own }
    const accept = { accept: 'application/json, */*;q=0.5' }
    const all = { ...accept, ...(await commonFields(this.options, url)), ...toFields(given) }
    const hop = (at: URL, by: string, isGiven: boolean) =>
      within(clock, timeoutMs, signal, async (inner, own) => {
        const more = { ...init, method: by, signal: inner, cache: 'no-store' } as const
        const sent = isGiven
          ? fetch(at.href, { ...more, headers: all, redirect: 'manual' })
          : this.#bare(at.href, { ...more, headers: ungiven(all) })
        return sentWith(await sent, own)
      })
    try {
      return await followHops(url, method, target => this.known.isAllowed(target, url), hop)
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      return error
    }
  }

  #postHeaders(given: FetchHeaders | undefined, key: string | null): Fields {
    const headers = toFields(given)
    if (key === null) return headers
    const field = this.options.keyFormat === 'plain' ? key : quoted(key)
    return Object.assign({}, headers, { 'idempotency-key': field })
  }

  async #postRequest(url: URL, request: Request, key: string | null, init: RequestInit) {
    const { body: _body, headers: _headers, method: _method, signal, ...more } = init
    const options = { signal: signal as AbortSignal }
    const begun = { options, key: key && unquoted(key), fields: toFields(request.headers) }
    return await this.#post(url, request, { ...begun, init: more })
  }
}

function mayPass(response: Response): boolean {
  return retryAfterMs(response) !== null || isPassing(response.status)
}

function noLinks(url: URL, last: unknown): unknown {
  if (!isAnswer(last)) return last
  const { status } = last
  const target = status < 400 ? last.headers.get('location') : null
  const login = status === 401 || status === 403 ? ' Does it need a login?' : ''
  const help = target === null ? login : ` It leads to another origin: ${target}`
  return new ClientError('ERR_POE_NO_LINK_FOUND', `${url.href} answered ${status}.${help}`)
}

/**
 * How the POST ended is told whether or not the journal can still be written: an entry that stays
 * is resumed once more, which is harmless.
 */
async function settle(hold: JournalHold | null, isOver: boolean): Promise<void> {
  await (isOver ? hold?.done() : hold?.leave())?.catch(() => {})
}
