/**
 * The heart of the client: sends each POST until it is known how it ended. What needs Node, a
 * journal or a page's content is added by the entry points.
 *
 * @see POE draft 2, 3, 4, 5, 8
 */

import { webUrl } from './answer.js'
import type { Payload, PostBody } from './body.js'
import { type Digest, withContentId } from './content-id.js'
import { withDefaults } from './defaults.js'
import { isGivenUp } from './ending.js'
import { leaveOpen, PostAborted } from './errors.js'
import type { FetchHeaders } from './fetch-types.js'
import { type FoundLink, KnownLinks, type ReadLinks } from './known-links.js'
import type { LogLines } from './log-lines.js'
import type {
  CallOptions,
  ClientLogger,
  ClientOptions,
  ResolvedClientOptions,
  SendOptions,
} from './options.js'
import type { PostOutcome } from './outcome.js'
import { type FollowPost, runPost } from './run-post.js'
import {
  type Fields,
  type Means,
  type Order,
  Sending,
  type Strategies,
  toFields,
} from './sending.js'

/** A link is of no more use after these. */
const USED = new Set<PostOutcome['outcome']>([
  'accepted',
  'accepted-earlier',
  'used-before',
  'gone',
])

/** How POSTs ended of which no try may have taken effect, whatever is unknown of the link. */
const NEVER_RUN = new WeakSet<object>()

/**
 * Whether every answer said that another POST was under way, or that nothing was run.
 *
 * @param end - the outcome, or what was thrown
 */
export function wasNeverRun(end: object): boolean {
  return NEVER_RUN.has(end)
}

/** Options of one POST. */
export interface CorePostOptions extends SendOptions {
  /** Fields of this POST, the same on every try. A journal keeps them, logins excepted. */
  readonly headers?: FetchHeaders
  /** Ends the POST; `post` then throws `PostAborted`. */
  readonly signal?: AbortSignal
  /**
   * When the link ends, or the server forgets the key, in milliseconds since the Unix epoch: it is
   * not sent any more then. Default: as the page said; for a key that is resumed from a journal, a
   * day after it was begun.
   */
  readonly expiresAtMs?: number
}

/** What an entry point adds to the core. */
export interface Parts extends Strategies {
  /** The links that an answer's fields announce, of any origin. */
  readonly readLinks: ReadLinks
  /** Fixes the content of a POST. */
  readonly prepare: (body: PostBody, limitBytes: number) => Promise<Payload>
  /** Follows a 307 or 308 of a POST; `null` where none is ever seen. */
  readonly follow: FollowPost | null
  /** Makes the id of a content; left out, with what a page has. */
  readonly digest?: Digest
  /** What a logger is told; left out, nothing. */
  readonly lines?: (logger: ClientLogger) => LogLines
  /** Checks options; throws TypeError. */
  readonly check: (options: SendOptions, own?: CallOptions) => void
}

/**
 * A client for servers with POE links or `Idempotency-Key`. Its methods may be called at once.
 *
 * @see POE draft 2, 5
 */
export class PoeCore {
  /** The options, complete. */
  readonly options: ResolvedClientOptions
  /** @internal */
  readonly parts: Parts
  /** @internal */
  readonly known: KnownLinks
  readonly #means: Means

  /** @internal */
  constructor(options: ClientOptions, parts: Parts) {
    parts.check(options)
    this.options = withDefaults(options)
    this.parts = parts
    this.known = new KnownLinks(this.options, parts.readLinks)
    this.#means = { options: this.options, parts, known: this.known }
  }

  /**
   * Sends a POST so that it takes effect once, and tells how it ended.
   *
   * What is at `link` must be a POE resource, or answer with a 307 to one; calling this says so.
   * Tries are byte-identical.
   *
   * @param link - an absolute http or https URL (in a page: relative to it)
   * @param body - the content; what can be read once is buffered up to `bodyLimitBytes`
   * @param options - see {@link CorePostOptions}
   * @returns the outcome; whatever a server or network does ends in one
   * @throws PostAborted `ERR_POE_ABORTED` where the signal aborts
   * @throws TypeError for arguments that cannot be meant
   * @see POE draft 2, 5, 8
   */
  async post(
    link: string | URL,
    body?: PostBody,
    options: CorePostOptions = {},
  ): Promise<PostOutcome> {
    const { headers, signal, expiresAtMs, ...limits } = options
    this.parts.check(limits, { signal, expiresAtMs })
    const url = this.target(link)
    const payload = await this.parts.prepare(body, this.options.bodyLimitBytes)
    return await this.send({
      link: url,
      payload,
      headers: await this.identified(url, payload, toFields(headers)),
      idempotencyKey: null,
      expiresAtMs: expiresAtMs ?? this.known.expiresAtMs(url),
      isRepeatable: true,
      isResumed: false,
      hold: null,
      limits,
      init: {},
      signal,
    })
  }

  /** @internal Adds the id of the content. */
  protected identified(link: URL, payload: Payload, headers: Fields): Promise<Fields> {
    return withContentId(this.options, link, payload, headers, this.parts.digest)
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

  /** @internal */
  async send(order: Order): Promise<PostOutcome> {
    const sending = new Sending(order, this.#means)
    try {
      const outcome = await runPost(sending, this.parts.follow)
      if (!sending.mayHaveArrived) NEVER_RUN.add(outcome)
      if (isGivenUp(outcome)) await sending.options.onGiveUp?.(outcome)
      if (USED.has(outcome.outcome)) this.known.forget(outcome.link)
      return outcome
    } catch (error) {
      sending.end()
      const { isOpen, isAsked, link, attempts } = sending
      const isUnknown = isOpen || isAsked
      const end = order.signal?.aborted
        ? new PostAborted(order.signal.reason, { isUnknown, link: link.href, attempts })
        : error
      if (isUnknown) leaveOpen(end)
      if (!sending.mayHaveArrived) NEVER_RUN.add(Object(end))
      throw end
    }
  }

  /** @internal */
  target(link: string | URL): URL {
    const url = webUrl(String(link), globalThis.location?.href)
    if (url !== null) return url
    throw new TypeError(`'${link}' is no absolute URL of the web`)
  }
}
