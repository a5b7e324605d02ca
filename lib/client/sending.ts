/**
 * A POST on its way: what it sends, what is known of its tries, and one exchange with the server.
 *
 * @see POE draft 4, 5
 */

import { formatPoe } from '../protocols/poe/field.js'
import { discard, type ProblemReading, problemOf, readText } from './answer.js'
import type { Payload } from './body.js'
import { withoutAbsent } from './defaults.js'
import type { FetchHeaders } from './fetch-types.js'
import type { FollowHops } from './follow-get.js'
import type { JournalHold } from './journal.js'
import type { Judgement, JudgeRules, Past } from './judge.js'
import type { ClientDoor } from './judge-keyed.js'
import type { KnownLinks } from './known-links.js'
import type { LinkReader, ResolvedClientOptions, SendOptions } from './options.js'
import { inTime, within } from './timing.js'
import { ungiven } from './ungiven.js'

/** How much of a problem document is read, in bytes. */
const PROBLEM_LIMIT_BYTES = 65_536
const ABOUT_CONTENT = /^(?:content-|idempotency-key$)/
const ABOUT_BYTES = /^content-/

/** What a POST is begun with. */
export interface Order {
  readonly link: URL
  /** What is given for requests goes there only. Default: the origin of `link`. */
  readonly origin?: string | undefined
  readonly payload: Payload
  readonly headers: Fields
  readonly idempotencyKey: string | null
  readonly expiresAtMs: number | null
  readonly isRepeatable: boolean
  /** An earlier process or call may have sent it. */
  readonly isResumed: boolean
  /** An earlier call ended without a word of its own: that is no reason for a no, nor for a yes. */
  readonly isDoubted?: boolean
  readonly hold: JournalHold | null
  readonly limits: SendOptions
  /** More of `fetch`'s options, for this POST. */
  readonly init: RequestInit
  readonly signal: AbortSignal | undefined
}

/** How answers are read. */
export interface Strategies {
  /** How `Link` is read; `null`: not at all. */
  readonly links: LinkReader | null
  /** Judges an answer. */
  readonly classify: (answer: unknown, past: Past, rules: JudgeRules) => Judgement
  /** Whether everybody who asks a URL is led to the same place; left out, nobody is asked. */
  readonly leadsAll?: (sending: Sending, target: URL | null) => Promise<boolean>
  /** Follows redirects of a GET; `null` where none is ever seen. */
  readonly hops: FollowHops | null
}

/** What a client is made of, as its parts need it. */
export interface Means {
  readonly options: ResolvedClientOptions
  readonly parts: Strategies
  readonly known: KnownLinks
}

/** The state of one POST. */
export class Sending {
  readonly means: Means
  readonly order: Order
  readonly options: ResolvedClientOptions
  /** Where the next try goes. */
  link: URL
  isRepeatable: boolean
  expiresAtMs: number | null
  attempts = 0
  mayHaveArrived: boolean
  wasBusy: boolean
  /** A try without an answer may still be on its way. */
  isAdrift: boolean
  /** The last try has left, as far as is known here. */
  isBegun = false
  /** It was sent once more because its answer did not tell enough. */
  isVerified = false
  /** The last answer does not tell by itself, and who is asked may not have told yet. */
  isAsked = false
  /** An answer that looks like a success, and does not prove it. */
  claimed: Response | null = null
  readonly endMs: number
  readonly #own: AbortController[] = []

  constructor(order: Order, means: Means) {
    this.order = order
    this.means = means
    this.options = Object.assign({}, means.options, withoutAbsent(order.limits))
    this.link = order.link
    this.isRepeatable = order.isRepeatable
    this.expiresAtMs = order.expiresAtMs
    this.mayHaveArrived = order.isResumed
    this.wasBusy = order.isDoubted === true
    this.isAdrift = this.isOpen
    this.endMs = this.now() + this.options.totalMs
  }

  /** What names the operation. */
  get door(): ClientDoor {
    return this.order.idempotencyKey === null ? 'poe' : 'idempotency-key'
  }

  /** Whether each try may send other bytes. */
  get isMadeAnew(): boolean {
    return typeof this.order.payload.content === 'function'
  }

  /** The same POST with its time begun anew, to get its result once more. */
  again(): Sending {
    const { link, means, order } = this
    return new Sending({ ...order, link, origin: this.#origin, signal: undefined }, means)
  }

  /** Where it was begun. */
  get #origin(): string {
    return this.order.origin ?? this.order.link.origin
  }

  /** Whether the tries so far leave open what happened. */
  get isOpen(): boolean {
    return this.mayHaveArrived || this.wasBusy
  }

  /** Whether the link's life is over. */
  get isExpired(): boolean {
    return this.expiresAtMs !== null && this.now() >= this.expiresAtMs
  }

  /** Lets go of every answer, so that its connection is free, whoever has locked its content. */
  end(): void {
    for (const own of this.#own) own.abort()
  }

  now(): number {
    return this.options.clock.now()
  }

  /** Takes over what a judgement says of the tries so far. */
  note(judgement: Judgement): void {
    this.mayHaveArrived = judgement.mayHaveArrived
    this.wasBusy = judgement.isBusy
    this.isAdrift ||= judgement.isAdrift
    this.isAsked = judgement.action === 'prove' || judgement.action === 'ask'
  }

  /** Sends the POST once, and waits for its answer to begin. */
  async post(): Promise<Response> {
    const { content, type } = this.order.payload
    const own = type === null ? {} : { 'content-type': type }
    this.isBegun = false
    return await this.#exchange(this.link, async () => {
      const headers = await this.#fields(Object.assign({}, own, this.order.headers))
      const body = typeof content === 'function' ? await content() : content
      // `duplex` is for streams, which need to say that an answer begins only after their end.
      const init = { method: 'POST', headers, body, redirect: 'manual', duplex: 'half' } as const
      return init
    })
  }

  /**
   * Asks by GET, with the fields of the POST that are not about its content. Its id goes to the
   * link all the same: by that a server can say that the result is another's.
   *
   * @param follows - whether redirects on the same origin are followed
   */
  async get(url: URL, follows: boolean): Promise<Response> {
    const about = url.href === this.link.href ? ABOUT_BYTES : ABOUT_CONTENT
    const own = Object.entries(this.order.headers).filter(([name]) => !about.test(name))
    const hop = (at: URL, method: string, isGiven: boolean) =>
      this.#exchange(at, async () => {
        const given = await this.#fields(Object.fromEntries(own))
        const how = isGiven
          ? ({ headers: given, redirect: 'manual' } as const)
          : { headers: ungiven(given) }
        return { ...how, method, cache: 'no-store' }
      })
    const { hops } = this.means.parts
    if (follows && hops !== null) {
      return await hops(url, 'GET', ({ origin }) => origin === url.origin, hop)
    }
    const response = await hop(url, 'GET', true)
    return follows && response.status === 0 ? await hop(url, 'GET', false) : response
  }

  /** Where our own server says that the result is, by its `Link`. */
  linked({ headers }: Response): string | null {
    return this.means.parts.links?.result(headers.get('link'), this.link) ?? null
  }

  /** Reads an answer that may be a problem document; what stalls or breaks off tells nothing. */
  async read(response: Response): Promise<ProblemReading> {
    return problemOf(response, await this.#text(() => response))
  }

  /** Reads a copy of an answer's content; `null` where that is long, or cannot be had in time. */
  async peek(response: Response): Promise<string | null> {
    return await this.#text(() => response.clone())
  }

  async #text(from: () => Response): Promise<string | null> {
    const { options, order } = this
    const work = async () => await readText(from(), PROBLEM_LIMIT_BYTES)
    return await this.reading(work, options.timeoutMs, order.signal).catch(() => null)
  }

  /** Reads; when its time is up, every answer is let go of. */
  reading<T>(work: () => Promise<T>, ms: number, signal?: AbortSignal): Promise<T> {
    return inTime(this.options.clock, ms, signal, work, () => this.end())
  }

  /** Waits; ends with the caller's signal. */
  sleep(ms: number): Promise<void> {
    return this.options.clock.sleep(ms, this.order.signal)
  }

  /** A redirect to another origin that is allowed takes along the content only. */
  async #fields(own: Fields): Promise<Fields> {
    const { link, means } = this
    if (link.origin === this.#origin) {
      return Object.assign({}, await commonFields(means.options, link), own)
    }
    const content = Object.entries(own).filter(([name]) => ABOUT_CONTENT.test(name))
    return { ...ungiven(own), ...Object.fromEntries(content) }
  }

  /** What the caller's own functions do is a part of a try's time, and ends with its signal. */
  async #exchange(url: URL, make: () => Promise<RequestInit>): Promise<Response> {
    const { clock, timeoutMs, fetch, init: base } = this.options
    const response = await within(clock, timeoutMs, this.order.signal, async (signal, own) => {
      this.#own.push(own)
      const init = await make()
      signal.throwIfAborted()
      this.isBegun = true
      const all: RequestInit = Object.assign({}, base, this.order.init, init, { signal })
      const answer = await fetch(url.href, all)
      if (!init.redirect || !wasLed(answer, url)) return answer
      discard(answer)
      return Response.error()
    })
    this.means.known.learn(response, url)
    return response
  }
}

/** Some `fetch` follow redirects all the same: what answers then is not what was asked. */
function wasLed({ redirected, url }: Partial<Response>, asked: URL): boolean {
  return redirected ?? Boolean(url && url !== asked.href)
}

/** Fields by name, in lower case: cheaper than `Headers` for what is made for every request. */
export type Fields = Readonly<Record<string, string>>

/**
 * Reads fields in any form that `fetch` takes.
 *
 * @throws TypeError for a name or value that no field can have
 */
export function toFields(given: FetchHeaders | undefined): Fields {
  if (given === undefined) return {}
  return plainFields(given) ?? Object.fromEntries(new Headers(given))
}

const NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
const VALUE = /^(?:[!-~](?:[ -~]*[!-~])?)?$/

/** Reads what most callers give, an object of text, without the cost of `Headers`. */
function plainFields(given: FetchHeaders): Fields | null {
  if (Object.getPrototypeOf(given) !== Object.prototype) return null
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(given as Fields)) {
    const key = name.toLowerCase()
    const isPlain = typeof value === 'string' && VALUE.test(value) && NAME.test(name)
    if (!isPlain || Object.hasOwn(fields, key)) return null
    fields[key] = value
  }
  return fields
}

/**
 * The fields that go with every request to a URL.
 *
 * @see POE draft 4
 */
export async function commonFields(options: ResolvedClientOptions, url: URL): Promise<Fields> {
  const { headers, adapter, crossOrigin } = options
  const given = typeof headers === 'function' ? await headers() : headers
  const poe = crossOrigin || isOwnOrigin(url) ? POE : {}
  return Object.assign({}, toFields(given), toFields(adapter.headers), poe)
}

const POE: Fields = { poe: formatPoe() }

/** A page has an origin of its own, and a preflight to fear; other programs have not. */
export function isOwnOrigin(url: URL): boolean {
  const own = globalThis.location?.origin
  return own === undefined || own === 'null' || own === url.origin
}
