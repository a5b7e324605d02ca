/**
 * How requests to the judged server are written: the fields of whoever asks, cookies, contents and
 * spellings. Nothing is sent here.
 */
import type { PageRequest, Provoked, ServerAdapter } from './adapter.js'
import type { Door, RequestSpec } from './catalogue.js'
import { contentOf, type TypedBytes, throughForm, typed } from './contents.js'
import type { CookieJar } from './cookies.js'
import type { Session, User } from './session.js'
import { targetOf } from './spellings.js'
import { type Lines, type Link, type Ways, waysOf } from './ways.js'
import type { Sent } from './wire.js'

/** How a page is asked for a link. */
export interface PageSpec {
  readonly user?: User
  readonly poe?: boolean
  readonly fields?: Readonly<Record<string, string>>
  readonly shortLived?: boolean
}

const ACCEPT = 'application/json, text/html;q=0.9, */*;q=0.5'
const CREDENTIALS = ['Authorization', 'Cookie']
/** What tells how a page is asked for, and by whom not. */
const ABOUT_CONTENT = /^(?:accept|content)(?:-|$)/i

/** Writes the requests of a run. */
export class RequestWriter {
  readonly #page: URL
  readonly #adapter: ServerAdapter
  readonly #ways: Ways
  /** Where the judged server is, by the words of whoever asks for the judgement. */
  readonly #origins: ReadonlySet<string>
  /** Flat JSON of the adapter is sent as the form of the page. */
  #isAsForm = false
  #count = 0
  /** The first link that was used: what others have in common with it is no part of a token. */
  #firstUrl: URL | null = null
  /** Requests to one link are alike, so that a repeat is one; `{n}` is another for each link. */
  readonly #numbers = new Map<string, number>()

  /**
   * @param page - where links are handed out
   * @param adapter - what else is known
   * @param door - the scheme that the server is judged by
   */
  constructor(page: URL, adapter: ServerAdapter, door: Door) {
    this.#page = page
    this.#adapter = adapter
    this.#ways = waysOf(door, adapter)
    const places = ['', adapter.shortLived?.url ?? '', adapter.door?.target ?? '']
    this.#origins = new Set(places.map(place => new URL(place, page).origin))
  }

  /** How links are asked for, unless they are to be short-lived. */
  get asking(): PageRequest {
    return this.#ways.page ?? this.#adapter.page ?? {}
  }

  /** Names of the fields that say who asks. */
  get credentials(): readonly string[] {
    const { fields = {}, credentials = CREDENTIALS } = this.#adapter
    const names = new Set(credentials.map(name => name.toLowerCase()))
    return Object.keys(fields).filter(name => names.has(name.toLowerCase()))
  }

  /** Names of the fields, in lower case, whose values no report shows. */
  get secrets(): ReadonlySet<string> {
    const { fields, secondUser, page, shortLived } = this.#adapter
    const asked = Object.keys({ ...page?.fields, ...shortLived?.fields })
    const own = Object.keys({ ...fields, ...secondUser })
    const known = [...CREDENTIALS, 'Proxy-Authorization', ...this.credentials, ...own]
    const names = [...known, ...asked.filter(name => !ABOUT_CONTENT.test(name))]
    return new Set(names.map(name => name.toLowerCase()))
  }

  /** From now on flat JSON of the adapter is sent as the form of the page, where there is one. */
  sendForms(): void {
    this.#isAsForm = true
  }

  /** From now on the contents of one link are those of another one. */
  liken(link: Link, other: Link): void {
    this.#numbers.set(nameOf(link), this.#numberOf(other))
  }

  /**
   * A request to the page, or to the endpoint that makes links.
   *
   * @param isMint - links are made by POST
   */
  toPage(spec: PageSpec, session: Session, isMint: boolean): Sent {
    const { user = 'first', poe = true, fields = {}, shortLived = false } = spec
    const short = shortLived ? this.#adapter.shortLived : undefined
    const how: PageRequest = short ?? this.asking
    const url = new URL(short?.url ?? '', this.#page)
    const method = how.method ?? (isMint ? 'POST' : 'GET')
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
    const all = withCookies(this.#lines(lines), url, jar)
    return { method, url, target, fields: all, body: content?.bytes ?? null, jar }
  }

  /** A request to a link. */
  toLink(spec: RequestSpec, link: Link): Sent {
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
    this.#firstUrl ??= url
    const target = targetOf(url, to, this.#adapter.sibling, this.#firstUrl)
    const body = content?.bytes ?? null
    const jar = spec.cookies === false ? null : (session?.jarOf(user) ?? null)
    const fields = withCookies(this.#lines(lines), url, jar)
    const { slowly = false, chunked = false, unasked = false, version, trailing } = spec
    const odd = { ...(version && { version }), ...(trailing !== undefined && { trailing }) }
    const isRefused = provoked !== undefined && spec.provoke !== 'slow'
    const what = { method, url, target, fields, body, jar, isRefused }
    return { ...what, slowly, chunked, unasked, ...odd }
  }

  /** A GET of what an answer leads to, or of another place, by whoever asks first. */
  toPlace(url: URL, jar: CookieJar | null = null, accept: string = ACCEPT): Sent {
    const lines = this.#lines({ ...this.#fieldsOf('first', url), Accept: accept })
    const fields = withCookies(lines, url, jar)
    return { method: 'GET', url, target: url.pathname + url.search, fields, body: null, jar }
  }

  /** What is sent to a link, by the form that it was found in. */
  #adapterFor({ form }: Link): ServerAdapter {
    return form === null || form === undefined
      ? this.#adapter
      : throughForm(this.#adapter, form, this.#isAsForm)
  }

  #content(
    spec: RequestSpec,
    provoked: Provoked | undefined,
    adapter: ServerAdapter,
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
    const { fields = {}, secondUser } = this.#adapter
    if (!this.#origins.has(origin)) return {}
    if (user === 'first') return fields
    const own = new Set(this.credentials.map(name => name.toLowerCase()))
    const others = Object.entries(fields).filter(([name]) => !own.has(name.toLowerCase()))
    return { ...Object.fromEntries(others), ...(user === 'second' ? secondUser : {}) }
  }

  /** A name that comes later wins. */
  #lines(lines: Lines): [string, string][] {
    const byName = new Map<string, [string, string][]>()
    for (const [name, values] of Object.entries(lines)) {
      const all = [values].flat().map(value => value.replaceAll('{origin}', this.#page.origin))
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

/** Fields with the cookies that a browser would send there. */
export function withCookies(
  fields: readonly (readonly [string, string])[],
  url: URL,
  jar: CookieJar | null = null,
): readonly (readonly [string, string])[] {
  const isCookie = ([name]: readonly [string, string]) => /^cookie$/i.test(name)
  const line = jar?.lineFor(url, fields.find(isCookie)?.[1]) ?? null
  if (line === null) return fields
  return [...fields.filter(field => !isCookie(field)), ['Cookie', line]]
}

function nameOf({ url, mark }: Link): string {
  return `${url.href} ${mark}`
}
