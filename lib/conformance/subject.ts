/**
 * The judged server, as the adapter describes it: how to ask it for links (or have keys or tags in
 * their place), how to send to them, and how to count what happened.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { atPointer } from '../protocols/json-pointer.js'
import { POE_LINKS_LIMIT_CHARS } from '../protocols/poe/links.js'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { ServerAdapter } from './adapter.js'
import { CannotTell, HarnessFailed, LinkElsewhere } from './cannot-tell.js'
import type { Door, Need } from './catalogue.js'
import { contentOf } from './contents.js'
import { jsonOf, linkIn } from './find-links.js'
import { formsIn } from './forms.js'
import { linkedFrom } from './judge-links.js'
import { Pace } from './pace.js'
import { type PageSpec, RequestWriter, withCookies } from './request-writer.js'
import { Session } from './session.js'
import { type Link, type Ways, waysOf } from './ways.js'
import { type Exchange, Http1Wire, type Sent, type Wire } from './wire.js'
import { describe } from './words.js'

/** A link, and the answer that it came in; `null` where nobody had to be asked. */
export interface Minted {
  readonly link: Link
  readonly answer: Exchange | null
}

/** A link that was used, and what that was answered. */
export interface UsedLink {
  readonly link: Link
  readonly answer: Exchange
}

/** How the judged server is reached and what it is spared. */
export interface SubjectOptions {
  /** Restarts it, where that can be done. */
  readonly restart?: (() => Promise<void>) | null
  /** By which scheme it is judged. */
  readonly door?: Door
  /** Between the beginnings of two requests, in milliseconds. */
  readonly paceMs?: number
}

const TRIES = 6
const REDIRECTS = 5
const SLACK_LIMIT_MS = 6_000
/** How long a restarted server may take until it answers, in milliseconds. */
const UP_MS = 30_000

/** The judged server. */
export class Subject {
  readonly page: URL
  readonly adapter: ServerAdapter
  readonly #wire: Wire
  readonly #restart: (() => Promise<void>) | null
  readonly #ways: Ways
  /** Writes what is sent. */
  readonly writer: RequestWriter
  /** By which scheme it is judged. */
  readonly door: Door
  /** What this run has used, plainly, and each with the answer. */
  readonly used: UsedLink[] = []
  /** Whether it has said "not now" to something that was not made to be refused. */
  isBusyAtTimes = false
  readonly #pace: Pace
  /** How many requests have begun, or ended, that are no counts of effects. */
  #activity = 0
  #underWay = 0
  #counted: { readonly count: number; readonly activity: number } | null = null
  /** What names the members of the list of effects, as they were last. */
  #listed: readonly (string | null)[] = []
  #slowestMs = 0
  /** The version of HTTP that the server speaks, as it says. */
  #version = ''
  /** Whether GET was answered 404 or 405, so that an empty POST is the way. */
  #isMint: boolean

  /**
   * @param page - where links are handed out
   * @param adapter - what else is known
   * @param wire - the way there
   * @param options - see {@link SubjectOptions}
   */
  constructor(page: URL, adapter: ServerAdapter, wire: Wire, options: SubjectOptions = {}) {
    const { restart = null, door = 'poe', paceMs = 0 } = options
    this.#pace = new Pace(paceMs)
    this.page = page
    this.door = door
    this.#ways = waysOf(door, adapter)
    this.writer = new RequestWriter(page, adapter, door)
    this.adapter = adapter
    this.#wire = wire
    this.#restart = restart
    this.#isMint = this.writer.asking.method === 'POST'
  }

  /** Whether a check can have what it needs. */
  has(need: Need): boolean {
    const { adapter } = this
    switch (need) {
      case 'effects':
        return adapter.effects !== undefined
      case 'invalid':
        return adapter.invalid !== undefined
      case 'otherType':
      case 'different':
        return contentOf(adapter, need, 0) !== null
      case 'quoted':
        return adapter.door?.quoted !== false
      case 'required':
        return adapter.door?.required === true
      case 'secondUser':
        return adapter.secondUser !== undefined
      case 'credentials':
        return this.writer.credentials.length > 0
      case 'slow':
      case 'slowFailure':
      case 'failure':
        return adapter.provoke?.[need] !== undefined
      case 'restart':
        return this.#restart !== null
      case 'shortLived':
        return adapter.shortLived !== undefined
      case 'page':
        return !this.#isMint
      case 'http1':
        return this.#wire instanceof Http1Wire
      case 'http11':
        return this.#wire instanceof Http1Wire && this.#version !== '1.0'
      case 'sibling':
        return adapter.sibling !== undefined
    }
  }

  /** How many effects there were, if nothing was sent since they were counted. */
  get lastCount(): number | null {
    return this.#counted?.activity === this.#activity ? this.#counted.count : null
  }

  /** The longest that a page took so far, in milliseconds. */
  get slowestMs(): number {
    return this.#slowestMs
  }

  /** How long a request may be on its way, in milliseconds, by what was seen so far. */
  get slackMs(): number {
    return Math.min(this.#slowestMs * 2, SLACK_LIMIT_MS)
  }

  /**
   * Sends a request in its turn and takes the answer; where the server says that this is too often,
   * as often as it wants.
   */
  async exchange(sent: Sent): Promise<Exchange> {
    return await this.#active(() => this.#patientExchange(sent))
  }

  async #patientExchange(sent: Sent): Promise<Exchange> {
    for (let tries = 1; ; tries += 1) {
      await this.#pace.turn()
      const exchange = await this.#wire.exchange(sent)
      const { response } = exchange
      if (response === null) return exchange
      this.#version = response.version
      sent.jar?.take(response, sent.url)
      const isOften = response.status === 429 && sent.isRefused !== true && tries < TRIES
      if (isOften || isLater(response)) this.isBusyAtTimes = true
      if (!isOften || !(await this.#pace.obey(response, true))) return exchange
    }
  }

  /** Sends requests so that their last bytes leave at once. */
  async together(sents: readonly Sent[]): Promise<Exchange[]> {
    await this.#pace.turn(sents.length)
    return await this.#active(() => this.#wire.together(sents))
  }

  /** Sends half of the content, or all of it, and leaves. */
  async leave(sent: Sent, before: 'body' | 'answer'): Promise<Exchange> {
    return await this.#active(() => this.#wire.leave(sent, before))
  }

  /** Sends requests over one connection: each after the answer to the one before, or at once. */
  async inARow(sents: readonly Sent[], atOnce: boolean): Promise<Exchange[]> {
    return await this.#active(() => this.#wire.inARow(sents, atOnce))
  }

  /** Does what can have effects, so that what was counted before counts no more. */
  async #active<T>(work: () => Promise<T>): Promise<T> {
    this.#activity += 1
    this.#underWay += 1
    try {
      return await work()
    } finally {
      this.#underWay -= 1
      this.#activity += 1
    }
  }

  /** Whether the server says when to come again, and that time is over now. */
  async isWaitedFor({ response }: Exchange): Promise<boolean> {
    return response !== null && (await this.#pace.obey(response, false))
  }

  /** Asks the page, or the endpoint that makes links. */
  async ask(spec: PageSpec = {}, session: Session = new Session()): Promise<Exchange> {
    const answer = await this.#askPatiently(spec, session)
    const isClosed = [404, 405].includes(answer.response?.status ?? 0)
    const isSaid = this.writer.asking.method !== undefined || spec.shortLived === true
    if (!isClosed || isSaid || this.#isMint) return await this.#redirected(answer)
    this.#isMint = true
    return await this.#askPatiently(spec, session)
  }

  async #askPatiently(spec: PageSpec, session: Session): Promise<Exchange> {
    return await this.#untilNow(async () => {
      const beganMs = performance.now()
      const answer = await this.exchange(this.writer.toPage(spec, session, this.#isMint))
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - beganMs)
      return answer
    })
  }

  /** Sends again what is told to come later. */
  async #untilNow(send: () => Promise<Exchange>): Promise<Exchange> {
    for (let tries = 1; ; tries += 1) {
      const answer = await send()
      if (!isLater(answer.response) || tries >= TRIES) return answer
      if (!(await this.isWaitedFor(answer))) return answer
    }
  }

  /** A page may lead to another one of its origin, such as a first visit to a session. */
  async #redirected(first: Exchange): Promise<Exchange> {
    let answer = first
    for (let times = 0; times < REDIRECTS; times += 1) {
      const { response, sent } = answer
      const isRedirect = [301, 302, 303, 307, 308].includes(response?.status ?? 0)
      if (response === null || !isRedirect || sent.method !== 'GET') return answer
      const [location = ''] = fieldValues(response, 'Location')
      const url = URL.canParse(location, sent.url) ? new URL(location, sent.url) : null
      const isLink = this.referenceIn(response, sent.url) !== null
      if (url === null || url.origin !== sent.url.origin || isLink) return answer
      url.hash = ''
      const target = url.pathname + url.search
      const next = { ...sent, url, target, fields: withCookies(sent.fields, url, sent.jar) }
      answer = await this.#untilNow(() => this.exchange(next))
    }
    return answer
  }

  /**
   * Fetches a link, or what the door has in its place.
   *
   * @throws CannotTell where there is none
   */
  async mint(spec: PageSpec = {}, session: Session = new Session()): Promise<Minted> {
    const target = new URL(this.adapter.door?.target ?? '', this.page)
    switch (this.#ways.source) {
      case 'key':
        return { link: { url: target, mark: randomUUID(), session }, answer: null }
      case 'tag':
        return this.#tag(target, await this.ask(spec, session))
      case 'page':
        return this.#linkFrom(await this.ask(spec, session), session)
    }
  }

  /** The target with the entity tag that it has now. */
  #tag(url: URL, answer: Exchange): Minted {
    const [tag] = answer.response === null ? [] : fieldValues(answer.response, 'ETag')
    if (tag !== undefined && !tag.startsWith('W/')) return { link: { url, mark: tag }, answer }
    const words = tag === undefined ? 'No ETag' : 'Only a weak ETag, which If-Match does not take,'
    throw new CannotTell(`${words} in the answer (${describe(answer)}).`, answer)
  }

  #linkFrom(answer: Exchange, session: Session): Minted {
    const { response, sent } = answer
    if (response === null) throw new CannotTell(`No link: ${describe(answer)}.`, answer)
    const reference = response.status < 400 ? this.referenceIn(response, sent.url) : null
    if (reference === null || !URL.canParse(reference, sent.url)) {
      const where = 'say in the adapter where the link is ("link"), or how to ask for it ("page")'
      throw new CannotTell(`No link in the answer (${describe(answer)}): ${where}.`, answer)
    }
    const url = new URL(reference, sent.url)
    url.hash = ''
    if (url.href.length > POE_LINKS_LIMIT_CHARS) {
      const words = `The link has ${url.href.length} characters, which no client takes`
      throw new CannotTell(`${words} (${describe(answer)}).`, answer)
    }
    if (url.origin !== sent.url.origin) {
      const where = `The link leads to another origin, ${url.origin}: nothing is sent there`
      throw new LinkElsewhere(`${where} (${describe(answer)}).`, answer)
    }
    const form = formsIn(response, sent.url).find(({ action }) => action === url.href) ?? null
    return { link: { url, mark: '', form, session }, answer }
  }

  /** The link that a page hands out, relative to its URL; `null` for none. */
  referenceIn(response: RawResponse, url: URL): string | null {
    const { link = 'auto' } = this.adapter
    if (link !== 'auto' || this.door === 'poe') return linkIn(response, link, url)
    const below = linkIn(response, { pointer: '/id' }, url)
    const id = below === null ? null : `${this.page.pathname}/${encodeURIComponent(below)}`
    return linkIn(response, 'location', url) ?? id
  }

  /** Fetches what an answer leads to. */
  async follow(url: URL, session: Session = new Session()): Promise<Exchange> {
    return await this.exchange(this.writer.toPlace(url, session.jarOf('first')))
  }

  /** Asks the page again with the validators of an earlier answer. */
  async revalidate(earlier: Exchange, session: Session): Promise<Exchange> {
    const fields: Record<string, string> = {}
    for (const { name, value } of earlier.response?.fields ?? []) {
      if (/^etag$/i.test(name)) fields['If-None-Match'] = value
      if (/^last-modified$/i.test(name)) fields['If-Modified-Since'] = value
    }
    return await this.ask({ fields }, session)
  }

  /**
   * How many effects there are: as they were counted last, if nothing was sent since.
   *
   * @throws HarnessFailed where they cannot be counted
   */
  async effectsNow(): Promise<number> {
    return this.lastCount ?? (await this.effects())
  }

  /**
   * Counts the effects so far.
   *
   * @throws HarnessFailed where that cannot be done
   */
  async effects(): Promise<number> {
    const { effects } = this.adapter
    if (effects === undefined) throw new HarnessFailed('The adapter does not say where to count.')
    const url = new URL(effects.url, this.page)
    const sent = this.writer.toPlace(url, null, 'application/json')
    const activity = this.#activity
    const isQuiet = this.#underWay === 0
    const answer = await this.#untilNow(() => this.#patientExchange(sent))
    const value = answer.response === null ? undefined : jsonOf(answer.response)
    const found = atPointer(value, effects.pointer)
    if (Array.isArray(found)) this.#refusePart(found, answer)
    const count = Array.isArray(found) ? found.length : found
    if (typeof count === 'number') {
      if (isQuiet) this.#counted = { count, activity }
      return count
    }
    const where = `${url.href}#${effects.pointer}`
    throw new HarnessFailed(`No number and no list at ${where} (${describe(answer)}).`, answer)
  }

  /**
   * A list that is a part of a longer one does not grow with it.
   *
   * @throws HarnessFailed where it leads to a next part, or lacks a member that it had
   */
  #refusePart(members: readonly unknown[], answer: Exchange): void {
    const names = members.map(nameOf)
    const isShorn = names.length > 0 && this.#listed.some(name => !names.includes(name))
    const { response, sent } = answer
    const next = response === null ? null : linkedFrom(response, 'next', sent.url)
    this.#listed = names.includes(null) ? [] : names
    if (next === null && (!isShorn || names.includes(null))) return
    const words = `The list at ${sent.url.href} is a part of a longer one, so it counts nothing`
    throw new HarnessFailed(`${words} (${describe(answer)}).`, answer)
  }

  /**
   * Restarts it and waits until it answers.
   *
   * @throws HarnessFailed where it does not come back
   */
  async restart(): Promise<void> {
    try {
      await this.#restart?.()
    } catch (error) {
      throw new HarnessFailed(`The restart failed: ${(error as Error).message}`)
    }
    // What it has lost by that is its own affair.
    this.#listed = []
    const untilMs = performance.now() + UP_MS
    for (;;) {
      const { response } = await this.ask()
      if (response !== null && response.status < 500) return
      if (performance.now() > untilMs) {
        throw new HarnessFailed(`It did not answer within ${UP_MS} ms after the restart.`)
      }
      await sleep(100)
    }
  }
}

/** What tells a member of a list from others, whatever else of it changes; `null`: not known. */
function nameOf(member: unknown): string | null {
  if (typeof member !== 'object' || member === null) return JSON.stringify(member)
  const found = Object.entries(member).find(([name]) => /^(?:_?id|uuid|number)$/i.test(name))
  return found === undefined ? null : JSON.stringify(found[1])
}

function isLater(response: RawResponse | null): boolean {
  return response?.status === 503 && fieldValues(response, 'Retry-After').length > 0
}
