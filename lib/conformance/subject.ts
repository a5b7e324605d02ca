/**
 * The judged server, as the adapter describes it: how to ask it for links (or have keys or tags in
 * their place), how to send to them, and how to count what happened.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { atPointer } from '../protocols/json-pointer.js'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { Adapter, PageRequest, Provoked } from './adapter.js'
import { CannotTell, HarnessFailed, LinkElsewhere } from './cannot-tell.js'
import type { Door, Need, RequestSpec } from './catalogue.js'
import { contentOf, type TypedBytes, throughForm, typed } from './contents.js'
import type { CookieJar } from './cookies.js'
import { jsonOf, linkIn } from './find-links.js'
import { formsIn } from './forms.js'
import { Pace } from './pace.js'
import { Session, type User } from './session.js'
import { targetOf } from './spellings.js'
import { type Lines, type Link, type Ways, waysOf } from './ways.js'
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

/** How a page is asked for a link. */
export interface PageSpec {
  readonly user?: User
  readonly poe?: boolean
  readonly fields?: Readonly<Record<string, string>>
  readonly shortLived?: boolean
}

const ACCEPT = 'application/json, text/html;q=0.9, */*;q=0.5'
const CREDENTIALS = ['Authorization', 'Cookie']
const TRIES = 6
const REDIRECTS = 5
const SLACK_LIMIT_MS = 6_000
/** How long a restarted server may take until it answers, in milliseconds. */
const UP_MS = 30_000

/** The judged server. */
export class Subject {
  readonly page: URL
  readonly adapter: Adapter
  readonly wire: Wire
  /** Where the judged server is, by the words of whoever asks for the judgement. */
  readonly #origins: ReadonlySet<string>
  readonly #restart: (() => Promise<void>) | null
  readonly #ways: Ways
  /** By which scheme it is judged. */
  readonly door: Door
  /** What this run has used, plainly, and each with the answer. */
  readonly used: UsedLink[] = []
  /** Whether it has said "not now" to something that was not made to be refused. */
  isBusyAtTimes = false
  /** How many effects there were, if nothing was sent since they were counted. */
  lastCount: number | null = null
  readonly #pace: Pace
  /** Flat JSON of the adapter is sent as the form of the page. */
  #isAsForm = false
  /** The longest that a page took, in milliseconds. */
  #slowestMs = 0
  /** The version of HTTP that the server speaks, as it says. */
  #version = ''
  #count = 0
  /** Requests to one link are alike, so that a repeat is one; `{n}` is another for each link. */
  readonly #numbers = new Map<string, number>()
  /** Whether GET was answered 404 or 405, so that an empty POST is the way. */
  #isMint: boolean

  /**
   * @param page - where links are handed out
   * @param adapter - what else is known
   * @param wire - the way there
   * @param options - see {@link SubjectOptions}
   */
  constructor(page: URL, adapter: Adapter, wire: Wire, options: SubjectOptions = {}) {
    const { restart = null, door = 'poe', paceMs = 0 } = options
    this.#pace = new Pace(paceMs)
    this.page = page
    this.door = door
    this.#ways = waysOf(door, adapter)
    this.adapter = adapter
    this.wire = wire
    const places = ['', adapter.shortLived?.url ?? '', adapter.door?.target ?? '']
    this.#origins = new Set(places.map(place => new URL(place, page).origin))
    this.#restart = restart
    this.#isMint = this.#asking().method === 'POST'
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
        return this.#credentials().length > 0
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
        return this.wire instanceof Http1Wire
      case 'http11':
        return this.wire instanceof Http1Wire && this.#version !== '1.0'
      case 'sibling':
        return adapter.sibling !== undefined
    }
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
    for (let tries = 1; ; tries += 1) {
      await this.#pace.turn()
      this.lastCount = null
      const exchange = await this.wire.exchange(sent)
      const { response } = exchange
      if (response === null) return exchange
      this.#version = response.version
      sent.jar?.take(response, sent.url)
      const isOften = response.status === 429 && sent.isProvoked !== true && tries < TRIES
      if (isOften || isLater(response)) this.isBusyAtTimes = true
      if (!isOften || !(await this.#pace.obey(response, true))) return exchange
    }
  }

  /** Sends requests so that their last bytes leave at once. */
  async together(sents: readonly Sent[]): Promise<Exchange[]> {
    await this.#pace.turn(sents.length)
    this.lastCount = null
    return await this.wire.together(sents)
  }

  /** Whether the server says when to come again, and that time is over now. */
  async isWaitedFor({ response }: Exchange): Promise<boolean> {
    return response !== null && (await this.#pace.obey(response, false))
  }

  /** From now on flat JSON of the adapter is sent as the form of the page, where there is one. */
  sendForms(): void {
    this.#isAsForm = true
  }

  /** Asks the page, or the endpoint that makes links. */
  async ask(spec: PageSpec = {}, session: Session = new Session()): Promise<Exchange> {
    const answer = await this.#askPatiently(spec, session)
    const isClosed = [404, 405].includes(answer.response?.status ?? 0)
    const isSaid = this.#asking().method !== undefined || spec.shortLived === true
    if (!isClosed || isSaid || this.#isMint) return await this.#redirected(answer)
    this.#isMint = true
    return await this.#askPatiently(spec, session)
  }

  async #askPatiently(spec: PageSpec, session: Session): Promise<Exchange> {
    return await this.#untilNow(async () => {
      const beganMs = performance.now()
      const answer = await this.exchange(this.#pageRequest(spec, session))
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
      const isLink = this.referenceIn(response) !== null
      if (url === null || url.origin !== sent.url.origin || isLink) return answer
      url.hash = ''
      const target = url.pathname + url.search
      const next = { ...sent, url, target, fields: this.#withCookies(sent.fields, url, sent.jar) }
      answer = await this.exchange(next)
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

  /** From now on the contents of one link are those of another one. */
  liken(link: Link, other: Link): void {
    this.#numbers.set(nameOf(link), this.#numberOf(other))
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
    const reference = response.status < 400 ? this.referenceIn(response) : null
    if (reference === null || !URL.canParse(reference, sent.url)) {
      const where = 'say in the adapter where the link is ("link"), or how to ask for it ("page")'
      throw new CannotTell(`No link in the answer (${describe(answer)}): ${where}.`, answer)
    }
    const url = new URL(reference, sent.url)
    url.hash = ''
    if (url.origin !== sent.url.origin) {
      const where = `The link leads to another origin, ${url.origin}: nothing is sent there`
      throw new LinkElsewhere(`${where} (${describe(answer)}).`, answer)
    }
    const form = formsIn(response, sent.url).find(({ action }) => action === url.href) ?? null
    return { link: { url, mark: '', form, session }, answer }
  }

  /** The link that a page hands out, as it stands there; `null` for none. */
  referenceIn(response: RawResponse): string | null {
    const { link = 'auto' } = this.adapter
    if (link !== 'auto' || this.door === 'poe') return linkIn(response, link)
    const below = linkIn(response, { pointer: '/id' })
    const id = below === null ? null : `${this.page.pathname}/${encodeURIComponent(below)}`
    return linkIn(response, 'location') ?? id
  }

  /** Writes a request to a link. */
  request(spec: RequestSpec, link: Link): Sent {
    const { method = this.#ways.method, to, user = 'first', poe = true } = spec
    const adapter = this.#adapterFor(link)
    const provoked = spec.provoke === undefined ? undefined : adapter.provoke?.[spec.provoke]
    const content = this.#content(spec, provoked, adapter, this.#numberOf(link))
    const lines = {
      ...this.#fieldsOf(user, link.url),
      Accept: ACCEPT,
      ...(poe && this.#ways.hails ? { POE: '1' } : {}),
      ...(content === null ? {} : { 'Content-Type': content.type }),
      ...this.#ways.fields(spec, link),
      ...provoked?.fields,
      ...spec.fields,
    }
    const { url, session } = link
    const target = targetOf(url, to, this.adapter.sibling)
    const body = content?.bytes ?? null
    const jar = session?.jarOf(user) ?? null
    const fields = this.#withCookies(this.#lines(lines), url, jar)
    const { slowly = false, chunked = false, unasked = false, version, trailing } = spec
    const odd = { ...(version && { version }), ...(trailing !== undefined && { trailing }) }
    const isProvoked = provoked !== undefined
    const what = { method, url, target, fields, body, jar, isProvoked }
    return { ...what, slowly, chunked, unasked, ...odd }
  }

  /** Fetches what an answer leads to. */
  async follow(url: URL, session: Session = new Session()): Promise<Exchange> {
    const jar = session.jarOf('first')
    const lines = this.#lines({ ...this.#fieldsOf('first', url), Accept: ACCEPT })
    const fields = this.#withCookies(lines, url, jar)
    const target = url.pathname + url.search
    return await this.exchange({ method: 'GET', url, target, fields, body: null, jar })
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
   * Counts the effects so far.
   *
   * @throws HarnessFailed where that cannot be done
   */
  async effects(): Promise<number> {
    const { effects } = this.adapter
    if (effects === undefined) throw new HarnessFailed('The adapter does not say where to count.')
    const url = new URL(effects.url, this.page)
    const fields = this.#lines({ ...this.#fieldsOf('first', url), Accept: 'application/json' })
    const sent = { method: 'GET', url, target: url.pathname + url.search, fields, body: null }
    const answer = await this.#untilNow(() => this.exchange(sent))
    const value = answer.response === null ? undefined : jsonOf(answer.response)
    const found = atPointer(value, effects.pointer)
    if (typeof found === 'number') return found
    if (Array.isArray(found)) return found.length
    const where = `${url.href}#${effects.pointer}`
    throw new HarnessFailed(`No number and no list at ${where} (${describe(answer)}).`, answer)
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

  /** Names of the fields whose values no report shows. */
  secrets(): ReadonlySet<string> {
    const second = Object.keys(this.adapter.secondUser ?? {})
    const own = Object.keys(this.adapter.fields ?? {})
    const names = [...CREDENTIALS, 'Proxy-Authorization', ...this.#credentials(), ...second, ...own]
    return new Set(names.map(name => name.toLowerCase()))
  }

  #pageRequest(spec: PageSpec, session: Session): Sent {
    const { user = 'first', poe = true, fields = {}, shortLived = false } = spec
    const { adapter } = this
    const short = shortLived ? adapter.shortLived : undefined
    const how: PageRequest = short ?? this.#asking()
    const url = new URL(short?.url ?? '', this.page)
    const method = how.method ?? (this.#isMint ? 'POST' : 'GET')
    const content = how.content === undefined ? null : typed(how.content, this.#next())
    const lines = {
      ...this.#fieldsOf(user, url),
      Accept: ACCEPT,
      ...(poe && this.#ways.hails ? { POE: '1' } : {}),
      ...(content === null ? {} : { 'Content-Type': content.type }),
      ...how.fields,
      ...fields,
    }
    const target = url.pathname + url.search
    const jar = session.jarOf(user)
    const all = this.#withCookies(this.#lines(lines), url, jar)
    return { method, url, target, fields: all, body: content?.bytes ?? null, jar }
  }

  /** What is sent to a link, by the form that it was found in. */
  #adapterFor({ form }: Link): Adapter {
    const { adapter } = this
    return form === null || form === undefined
      ? adapter
      : throughForm(adapter, form, this.#isAsForm)
  }

  #withCookies(
    fields: readonly (readonly [string, string])[],
    url: URL,
    jar: CookieJar | null = null,
  ): readonly (readonly [string, string])[] {
    const isCookie = ([name]: readonly [string, string]) => /^cookie$/i.test(name)
    const line = jar?.lineFor(url, fields.find(isCookie)?.[1]) ?? null
    if (line === null) return fields
    return [...fields.filter(field => !isCookie(field)), ['Cookie', line]]
  }

  #content(
    spec: RequestSpec,
    provoked: Provoked | undefined,
    adapter: Adapter,
    count: number,
  ): TypedBytes | null {
    if (provoked?.content !== undefined) return typed(provoked.content, count)
    const { method = this.#ways.method, body } = spec
    const kind = body ?? (['POST', 'PUT', 'PATCH'].includes(method) ? 'valid' : 'none')
    return contentOf(adapter, kind, count)
  }

  /**
   * The fields of whoever asks. They were given for the judged server, and go to where the adapter
   * says that it is; never to where the server leads.
   */
  #fieldsOf(user: User, { origin }: URL): Readonly<Record<string, string>> {
    const { fields = {}, secondUser } = this.adapter
    if (!this.#origins.has(origin)) return {}
    if (user === 'first') return fields
    const own = new Set(this.#credentials().map(name => name.toLowerCase()))
    const others = Object.entries(fields).filter(([name]) => !own.has(name.toLowerCase()))
    return { ...Object.fromEntries(others), ...(user === 'second' ? secondUser : {}) }
  }

  #credentials(): readonly string[] {
    const { fields = {}, credentials = CREDENTIALS } = this.adapter
    const names = new Set(credentials.map(name => name.toLowerCase()))
    return Object.keys(fields).filter(name => names.has(name.toLowerCase()))
  }

  #asking(): PageRequest {
    return this.#ways.page ?? this.adapter.page ?? {}
  }

  /** A name that comes later wins. */
  #lines(lines: Lines): [string, string][] {
    const byName = new Map<string, [string, string][]>()
    for (const [name, values] of Object.entries(lines)) {
      const all = [values].flat().map(value => value.replaceAll('{origin}', this.page.origin))
      byName.set(
        name.toLowerCase(),
        all.map(value => [name, value]),
      )
    }
    return [...byName.values()].flat()
  }

  #numberOf(link: Link): number {
    const known = this.#numbers.get(nameOf(link))
    if (known !== undefined) return known
    const count = this.#next()
    this.#numbers.set(nameOf(link), count)
    return count
  }

  #next(): number {
    this.#count += 1
    return this.#count
  }
}

function isLater(response: RawResponse | null): boolean {
  return response?.status === 503 && fieldValues(response, 'Retry-After').length > 0
}

function nameOf({ url, mark }: Link): string {
  return `${url.href} ${mark}`
}
