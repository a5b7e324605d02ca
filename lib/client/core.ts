/**
 * The heart of the client: sends each POST until it is known how it ended. What needs Node, a
 * journal or a page's content is added by the entry points.
 *
 * @see POE draft 2, 3, 4, 5, 8
 */
import { webUrl } from './answer.js'
import type { Payload, PostBody } from './body.js'
import { withDefaults } from './defaults.js'
import { delayFor } from './delay.js'
import { isGivenUp } from './ending.js'
import { ClientError, PostAborted } from './errors.js'
import type { JournalHold } from './journal.js'
import { type FoundLink, KnownLinks } from './known-links.js'
import { isSettled, Ledger } from './ledger.js'
import type { ClientOptions, LinkReader, ResolvedOptions, SendOptions } from './options.js'
import type { PostOutcome } from './outcome.js'
import { runPost } from './run-post.js'
import { commonFields, type Fields, type Means, type Order, Sending, toFields } from './sending.js'

/** A link is of no more use after these. */
const USED = new Set<PostOutcome['outcome']>([
  'accepted',
  'accepted-earlier',
  'used-before',
  'gone',
])

/** Options of one POST. */
export interface PostOptions extends SendOptions {
  /** Fields of this POST, the same on every try. A journal keeps them, logins excepted. */
  readonly headers?: HeadersInit
  /** Ends the POST; `post` then throws `PostAborted`. */
  readonly signal?: AbortSignal
  /**
   * For servers with `Idempotency-Key`: a key of your own, or `true` for a fresh one. It is made
   * before the first byte and goes with every try.
   */
  readonly idempotencyKey?: string | true
  /** When the link ends, in milliseconds since the Unix epoch. Default: as the page said. */
  readonly expiresAtMs?: number
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

/** What an entry point adds to the core. */
export interface Parts {
  /** How `Link` is read; `null`: not at all. */
  readonly links: LinkReader | null
  /** Fixes the content of a POST. */
  readonly prepare: (body: PostBody, limitBytes: number) => Promise<Payload>
  /** Whether an error proves that no server saw the request. */
  readonly provesNotSent: (error: unknown) => boolean
  /** Checks options; throws TypeError. */
  readonly check: (options: SendOptions) => void
}

/**
 * A client for servers with POE links or `Idempotency-Key`. Its methods may be called at once.
 *
 * @see POE draft 2, 5
 */
export class PoeCore {
  /** The options, complete. */
  readonly options: ResolvedOptions
  /** @internal */
  readonly parts: Parts
  /** @internal */
  readonly known: KnownLinks
  readonly #means: Means
  readonly #ledger = new Ledger()

  /** @internal */
  constructor(options: ClientOptions, parts: Parts) {
    parts.check(options)
    this.options = withDefaults(options)
    this.parts = parts
    this.known = new KnownLinks(this.options, parts.links)
    this.#means = { options: this.options, parts, known: this.known }
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
  async post(link: string | URL, body?: PostBody, options: PostOptions = {}): Promise<PostOutcome> {
    return await this.#post(this.target(link), body, options, {})
  }

  async #post(
    url: URL,
    body: PostBody,
    options: PostOptions,
    init: RequestInit,
  ): Promise<PostOutcome> {
    const { headers, signal, idempotencyKey, expiresAtMs, onStart, ...limits } = options
    const { check, prepare } = this.parts
    check(limits)
    const payload = await prepare(body, this.options.bodyLimitBytes)
    const key = idempotencyKey === true ? crypto.randomUUID() : (idempotencyKey ?? null)
    const name = key === null ? url.href : `key ${key}`
    const precedent = this.#ledger.precedent(name, payload)
    if (precedent.running !== null) return await shared(precedent.running, signal, url)
    const order = {
      link: url,
      payload,
      headers: this.#postHeaders(headers, key),
      idempotencyKey: key,
      expiresAtMs: expiresAtMs ?? this.known.expiresAtMs(url),
      isRepeatable: true,
      isResumed: precedent.isOpen,
      hold: null,
      limits,
      init,
      signal,
    }
    const running = this.#begin(order, onStart)
    this.#ledger.enter(name, payload, running)
    return await running
  }

  /** Whether a URL was announced as a POE resource, and is not known to be used. */
  isPoe(url: string | URL): boolean {
    const target = webUrl(String(url))
    return target !== null && this.known.has(target)
  }

  /**
   * The links that an answer's fields announce, for example a success that names the next one.
   *
   * @param response - an answer; its content is not read
   * @param base - what it answered, where the answer does not know
   * @see POE draft 3
   */
  announced(response: Response, base: string | URL): readonly FoundLink[] {
    const urls = this.known.learn(response, new URL(base))
    return urls.map(url => ({ link: url.href, expiresAtMs: this.known.expiresAtMs(url) }))
  }

  /**
   * `fetch` that knows links: adds `POE: 1`, learns from every answer, and sends a POST to a known
   * link so that it takes effect once. Use it wherever a `fetch` can be given.
   *
   * A POST that took effect gives its answer, also where an earlier try had it; one whose answer
   * is not kept gives 204. A refusal gives the refusal.
   *
   * @throws ClientError `ERR_POE_UNKNOWN_OUTCOME`, its `cause` the outcome, where it cannot be told
   * @throws what `fetch` throws
   */
  readonly fetch = async (
    input: string | URL | Request,
    init: RequestInit = {},
  ): Promise<Response> => {
    const request = new Request(input, init)
    const url = new URL(request.url)
    if (request.method === 'POST' && this.known.has(url)) {
      return toResponse(await this.#postRequest(url, request, init))
    }
    return await this.#plain(url, request)
  }

  async #begin(order: Order, onStart: PostOptions['onStart']): Promise<PostOutcome> {
    const { link, idempotencyKey, signal } = order
    if (signal?.aborted === true) throw abortedBefore(signal, link)
    const id = crypto.randomUUID()
    const held = await this.hold(order, id)
    let isSent = false
    try {
      await onStart?.({ id, link: link.href, idempotencyKey })
      isSent = true
      const outcome = await this.send(held)
      await settle(held.hold, isSettled(outcome))
      return outcome
    } catch (error) {
      const isOver = error instanceof PostAborted && error.outcome === 'not-sent'
      await settle(held.hold, isOver || !isSent)
      throw error
    }
  }

  /**
   * Keeps a POST before its first byte leaves; the core keeps nothing.
   *
   * @internal
   */
  async hold(order: Order, _id: string): Promise<Order> {
    return order
  }

  /** @internal */
  async send(order: Order): Promise<PostOutcome> {
    const sending = new Sending(order, this.#means)
    try {
      const outcome = await runPost(sending)
      if (isGivenUp(outcome)) await sending.options.onGiveUp?.(outcome)
      if (USED.has(outcome.outcome)) this.known.forget(outcome.link)
      return outcome
    } catch (error) {
      if (order.signal?.aborted !== true) throw error
      const { isOpen, link, attempts } = sending
      throw new PostAborted(order.signal.reason, { isUnknown: isOpen, link: link.href, attempts })
    }
  }

  /** @internal */
  target(link: string | URL): URL {
    const url = webUrl(String(link), globalThis.location?.href)
    if (url !== null) return url
    throw new TypeError(
      `'${link}' is not an absolute http or https URL without a user name; client.links(page) ` +
        'gives absolute ones',
    )
  }

  #postHeaders(given: HeadersInit | undefined, key: string | null): Fields {
    const headers = toFields(given)
    if (key === null) return headers
    if (!/^[\x20-\x7e]+$/.test(key)) throw new TypeError('A key is made of ASCII characters')
    return {
      ...headers,
      'idempotency-key': this.options.keyFormat === 'plain' ? key : quoted(key),
    }
  }

  async #postRequest(url: URL, request: Request, init: RequestInit): Promise<PostOutcome> {
    const { headers, signal, credentials, mode } = request
    const { body: _body, headers: _headers, method: _method, ...more } = init
    return await this.#post(url, request, { headers, signal }, { credentials, mode, ...more })
  }

  async #plain(url: URL, request: Request): Promise<Response> {
    const headers = { ...(await commonFields(this.options, url)), ...toFields(request.headers) }
    const { fetch, init, retryUnsent, tries, clock } = this.options
    for (let attempt = 1; ; attempt += 1) {
      const one = new Request(retryUnsent ? request.clone() : request, { headers })
      try {
        const response = await fetch(one, init)
        this.known.learn(response, url)
        return response
      } catch (error) {
        if (!retryUnsent || attempt >= tries || !this.parts.provesNotSent(error)) throw error
        await clock.sleep(delayFor(attempt, null, this.options), request.signal)
      }
    }
  }
}

/**
 * How the POST ended is told whether or not the journal can still be written: an entry that stays
 * is resumed once more, which is harmless.
 */
export async function settle(hold: JournalHold | null, isOver: boolean): Promise<void> {
  await (isOver ? hold?.done() : hold?.leave())?.catch(() => {})
}

/** A second caller waits for the same send; only its waiting ends with its signal. */
async function shared(
  running: Promise<PostOutcome>,
  signal: AbortSignal | undefined,
  link: URL,
): Promise<PostOutcome> {
  if (signal === undefined) return await running
  let stop = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    const state = { isUnknown: true, link: link.href, attempts: 0 }
    stop = () => reject(new PostAborted(signal.reason, state))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([running, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function abortedBefore(signal: AbortSignal, link: URL): PostAborted {
  return new PostAborted(signal.reason, { isUnknown: false, link: link.href, attempts: 0 })
}

/** A Structured Field string. @see RFC 9651 4.1.6 */
function quoted(key: string): string {
  return `"${key.replaceAll(/["\\]/g, '\\$&')}"`
}

function toResponse(outcome: PostOutcome): Response {
  switch (outcome.outcome) {
    case 'accepted':
    case 'accepted-earlier':
      return outcome.response ?? withoutContent(outcome.location)
    case 'used-before':
      return outcome.refusal
    case 'gone':
      return outcome.response ?? new Response(null, { status: 410 })
    case 'refused':
      if (outcome.response === null) throw outcome.cause
      return outcome.response
    case 'unknown':
      throw new ClientError(
        'ERR_POE_UNKNOWN_OUTCOME',
        'It cannot be told whether the POST took effect.',
        { cause: outcome },
      )
  }
}

function withoutContent(location: string | null): Response {
  const headers: Record<string, string> = location === null ? {} : { location }
  return new Response(null, { status: 204, headers })
}
