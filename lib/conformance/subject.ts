/**
 * The judged server, as the adapter describes it: how to ask it for links, how to send to them, and
 * how to count what happened.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { atPointer } from '../protocols/json-pointer.js'
import type { Adapter, PageRequest, Provoked } from './adapter.js'
import type { Need, RequestSpec } from './catalogue.js'
import { contentOf, type TypedBytes, typed } from './contents.js'
import { jsonOf, linkIn } from './find-links.js'
import { forged, spelt } from './spellings.js'
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

/** Who asks. */
export type User = 'first' | 'second' | 'nobody'

/** A link, and the answer that it came in. */
export interface Minted {
  readonly link: URL
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
  readonly #restart: (() => Promise<void>) | null
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
   */
  constructor(page: URL, adapter: Adapter, wire: Wire, restart: (() => Promise<void>) | null) {
    this.page = page
    this.adapter = adapter
    this.wire = wire
    this.#restart = restart
    this.#isMint = adapter.page?.method === 'POST'
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
        return contentOf(adapter, 'otherType', 0) !== null
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
    const isSaid = this.adapter.page?.method !== undefined || spec.shortLived === true
    if (!isClosed || isSaid || this.#isMint) return answer
    this.#isMint = true
    return await this.wire.exchange(this.#pageRequest(spec))
  }

  /**
   * Fetches a link.
   *
   * @throws CannotTell where there is none
   */
  async mint(spec: PageSpec = {}): Promise<Minted> {
    const answer = await this.ask(spec)
    const { response, sent } = answer
    if (response === null) throw new CannotTell(`No link: ${describe(answer)}.`, answer)
    const reference = response.status < 400 ? linkIn(response, this.adapter.link ?? 'auto') : null
    if (reference === null || !URL.canParse(reference, sent.url)) {
      const where = 'say in the adapter where the link is ("link"), or how to ask for it ("page")'
      throw new CannotTell(`No link in the answer (${describe(answer)}): ${where}.`, answer)
    }
    const link = new URL(reference, sent.url)
    link.hash = ''
    return { link, answer }
  }

  /** Writes a request to a link. */
  request(spec: RequestSpec, link: URL): Sent {
    const { method = 'POST', to, user = 'first', poe = true } = spec
    const provoked = spec.provoke === undefined ? undefined : this.adapter.provoke?.[spec.provoke]
    const content = this.#content(spec, provoked, this.#numberOf(link))
    const lines = {
      ...this.#fieldsOf(user),
      Accept: ACCEPT,
      ...(poe ? { POE: '1' } : {}),
      ...(content === null ? {} : { 'Content-Type': content.type }),
      ...provoked?.fields,
      ...spec.fields,
    }
    const target = 'page' in to ? link.pathname + link.search : targetOf(link, to)
    const body = content?.bytes ?? null
    const slowly = spec.slowly === true
    return { method, url: link, target, fields: this.#lines(lines), body, slowly }
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
    const fields = this.#lines({ ...this.#fieldsOf('first'), Accept: 'application/json' })
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
    const how: PageRequest = short ?? adapter.page ?? {}
    const url = new URL(short?.url ?? '', this.page)
    const method = how.method ?? (this.#isMint ? 'POST' : 'GET')
    const content = how.content === undefined ? null : typed(how.content, this.#next())
    const lines = {
      ...this.#fieldsOf(user),
      Accept: ACCEPT,
      ...(poe ? { POE: '1' } : {}),
      ...(content === null ? {} : { 'Content-Type': content.type }),
      ...how.fields,
      ...fields,
    }
    const target = url.pathname + url.search
    return { method, url, target, fields: this.#lines(lines), body: content?.bytes ?? null }
  }

  #content(spec: RequestSpec, provoked: Provoked | undefined, count: number): TypedBytes | null {
    if (provoked?.content !== undefined) return typed(provoked.content, count)
    const { method = 'POST', body } = spec
    const kind = body ?? (['POST', 'PUT', 'PATCH'].includes(method) ? 'valid' : 'none')
    return contentOf(this.adapter, kind, count)
  }

  #fieldsOf(user: User): Readonly<Record<string, string>> {
    const { fields = {}, secondUser } = this.adapter
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

  /** One line for each name; a later one wins. */
  #lines(lines: Readonly<Record<string, string>>): [string, string][] {
    const byName = new Map<string, [string, string]>()
    for (const [name, value] of Object.entries(lines)) {
      byName.set(name.toLowerCase(), [name, value.replaceAll('{origin}', this.page.origin)])
    }
    return [...byName.values()]
  }

  #numberOf({ href }: URL): number {
    const known = this.#numbers.get(href)
    if (known !== undefined) return known
    const count = this.#next()
    this.#numbers.set(href, count)
    return count
  }

  #next(): number {
    this.#count += 1
    return this.#count
  }
}

function targetOf(link: URL, to: Exclude<RequestSpec['to'], { page: true }>): string {
  if (to.forged !== undefined) return forged(link, to.forged)
  return to.spelling === undefined ? link.pathname + link.search : spelt(link, to.spelling)
}
