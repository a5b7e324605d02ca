/**
 * The judged server, as the adapter describes it: how to ask it for links (or have keys or tags in
 * their place), how to send to them, and how to count what happened.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { atPointer } from '../protocols/json-pointer.js'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { Adapter, PageRequest, Provoked } from './adapter.js'
import type { Door, Need, RequestSpec, Target } from './catalogue.js'
import { contentOf, type TypedBytes, typed } from './contents.js'
import { jsonOf, linkIn } from './find-links.js'
import { forged, spelt } from './spellings.js'
import { type Lines, type Link, type Ways, waysOf } from './ways.js'
import { type Exchange, Http1Wire, type Sent, type Wire } from './wire.js'
import { describe } from './words.js'

/** Something that is asked before the question could not be had; it says nothing about the rule. */
export class CannotTell extends Error {
  override readonly name: string = 'CannotTell'
  readonly exchange: Exchange | null

  /**
   * @param message - what went wrong
   * @param exchange - what shows it
   */
  constructor(message: string, exchange: Exchange | null = null) {
    super(message)
    this.exchange = exchange
  }
}

/** We could not do our part. */
export class HarnessFailed extends CannotTell {
  override readonly name = 'HarnessFailed'
}

/** The page hands out a link of another origin, which is never asked. */
export class LinkElsewhere extends CannotTell {
  override readonly name = 'LinkElsewhere'
}

/** Who asks. */
export type User = 'first' | 'second' | 'nobody'

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

/** How a page is asked for a link. */
export interface PageSpec {
  readonly user?: User
  readonly poe?: boolean
  readonly fields?: Readonly<Record<string, string>>
  readonly shortLived?: boolean
}

const ACCEPT = 'application/json, text/html;q=0.9, */*;q=0.5'
const CREDENTIALS = ['Authorization', 'Cookie']
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
  #count = 0
  /** Requests to one link are alike, so that a repeat is one; `{n}` is another for each link. */
  readonly #numbers = new Map<string, number>()
  /** Whether GET was answered 404 or 405, so that an empty POST is the way. */
  #isMint: boolean

  /**
   * @param page - where links are handed out
   * @param adapter - what else is known
   * @param wire - the way there
   * @param restart - restarts it, where that can be done
   * @param door - by which scheme it is judged
   */
  constructor(
    page: URL,
    adapter: Adapter,
    wire: Wire,
    restart: (() => Promise<void>) | null,
    door: Door = 'poe',
  ) {
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
    }
  }

  /** Asks the page, or the endpoint that makes links. */
  async ask(spec: PageSpec = {}): Promise<Exchange> {
    const answer = await this.wire.exchange(this.#pageRequest(spec))
    const isClosed = [404, 405].includes(answer.response?.status ?? 0)
    const isSaid = this.#asking().method !== undefined || spec.shortLived === true
    if (!isClosed || isSaid || this.#isMint) return answer
    this.#isMint = true
    return await this.wire.exchange(this.#pageRequest(spec))
  }

  /**
   * Fetches a link, or what the door has in its place.
   *
   * @throws CannotTell where there is none
   */
  async mint(spec: PageSpec = {}): Promise<Minted> {
    const target = new URL(this.adapter.door?.target ?? '', this.page)
    switch (this.#ways.source) {
      case 'key':
        return { link: { url: target, mark: randomUUID() }, answer: null }
      case 'tag':
        return this.#tag(target, await this.ask(spec))
      case 'page':
        return this.#linkFrom(await this.ask(spec))
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

  #linkFrom(answer: Exchange): Minted {
    const { response, sent } = answer
    if (response === null) throw new CannotTell(`No link: ${describe(answer)}.`, answer)
    const reference = response.status < 400 ? this.#referenceIn(response) : null
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
    return { link: { url, mark: '' }, answer }
  }

  #referenceIn(response: RawResponse): string | null {
    const { link = 'auto' } = this.adapter
    if (link !== 'auto' || this.door === 'poe') return linkIn(response, link)
    const below = linkIn(response, { pointer: '/id' })
    const id = below === null ? null : `${this.page.pathname}/${encodeURIComponent(below)}`
    return linkIn(response, 'location') ?? id
  }

  /** Writes a request to a link. */
  request(spec: RequestSpec, link: Link): Sent {
    const { method = this.#ways.method, to, user = 'first', poe = true } = spec
    const provoked = spec.provoke === undefined ? undefined : this.adapter.provoke?.[spec.provoke]
    const content = this.#content(spec, provoked, this.#numberOf(link))
    const lines = {
      ...this.#fieldsOf(user, link.url),
      Accept: ACCEPT,
      ...(poe && this.#ways.hails ? { POE: '1' } : {}),
      ...(content === null ? {} : { 'Content-Type': content.type }),
      ...this.#ways.fields(spec, link),
      ...provoked?.fields,
      ...spec.fields,
    }
    const { url } = link
    const target = targetOf(url, to)
    const body = content?.bytes ?? null
    const { slowly = false, chunked = false, unasked = false } = spec
    return { method, url, target, fields: this.#lines(lines), body, slowly, chunked, unasked }
  }

  /** Fetches what an answer links to. */
  async follow(url: URL): Promise<Exchange> {
    const fields = this.#lines({ ...this.#fieldsOf('first', url), Accept: '*/*' })
    const target = url.pathname + url.search
    return await this.wire.exchange({ method: 'GET', url, target, fields, body: null })
  }

  /** Asks the page again with the validators of an earlier answer. */
  async revalidate(earlier: Exchange): Promise<Exchange> {
    const fields: Record<string, string> = {}
    for (const { name, value } of earlier.response?.fields ?? []) {
      if (/^etag$/i.test(name)) fields['If-None-Match'] = value
      if (/^last-modified$/i.test(name)) fields['If-Modified-Since'] = value
    }
    return await this.ask({ fields })
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
    const answer = await this.wire.exchange(sent)
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

  #pageRequest({ user = 'first', poe = true, fields = {}, shortLived = false }: PageSpec): Sent {
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
    return { method, url, target, fields: this.#lines(lines), body: content?.bytes ?? null }
  }

  #content(spec: RequestSpec, provoked: Provoked | undefined, count: number): TypedBytes | null {
    if (provoked?.content !== undefined) return typed(provoked.content, count)
    const { method = this.#ways.method, body } = spec
    const kind = body ?? (['POST', 'PUT', 'PATCH'].includes(method) ? 'valid' : 'none')
    return contentOf(this.adapter, kind, count)
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

function nameOf({ url, mark }: Link): string {
  return `${url.href} ${mark}`
}

function targetOf(link: URL, to: Target): string {
  if (!('link' in to)) return link.pathname + link.search
  if (to.forged !== undefined) return forged(link, to.forged)
  return to.spelling === undefined ? link.pathname + link.search : spelt(link, to.spelling)
}
