/**
 * What the client knows of links: which URLs are POE resources, and when they end.
 *
 * @see POE draft 3
 */
import { formatPoeLinks, resolvePoeLinks } from '../protocols/poe/links.js'
import { parseJson, readText, webUrl } from './answer.js'
import { httpDateMs } from './delay.js'
import type { LinkReader, ResolvedOptions } from './options.js'

/** How many links are remembered; the oldest go first. */
const MOST_LINKS = 10_000

/** A link that a page announced. */
export interface FoundLink {
  /** The absolute URL. */
  readonly link: string
  /** When it ends, in milliseconds since the Unix epoch by this machine's clock; `null`: unsaid. */
  readonly expiresAtMs: number | null
}

/** The links that a client has learned or was told. */
export class KnownLinks {
  readonly #options: ResolvedOptions
  readonly #reader: LinkReader | null
  readonly #links = new Map<string, number | null>()

  constructor(options: ResolvedOptions, reader: LinkReader | null) {
    this.#options = options
    this.#reader = reader
  }

  has(url: URL): boolean {
    return this.#links.has(url.href)
  }

  /** When a link ends; `null` where that is not known. */
  expiresAtMs(url: URL): number | null {
    return this.#links.get(url.href) ?? null
  }

  /** Remembers a link that was announced, or that the caller vouches for. */
  add(url: URL, expiresAtMs: number | null): void {
    const known = this.expiresAtMs(url)
    this.#links.delete(url.href)
    this.#links.set(url.href, expiresAtMs ?? known)
    if (this.#links.size <= MOST_LINKS) return
    for (const oldest of this.#links.keys()) {
      this.#links.delete(oldest)
      break
    }
  }

  /** Forgets a link that is spent. */
  forget(href: string): void {
    this.#links.delete(href)
  }

  /** Learns the links that an answer's fields announce. */
  learn(response: Response, asked: URL): URL[] {
    // Most answers announce nothing, and this is asked of every answer.
    const { linkRelation } = this.#options.adapter
    if (linkRelation === undefined && !response.headers.has('poe-links')) return []
    const urls = this.#announced(response, finalUrl(response, asked))
    for (const url of urls) this.add(url, null)
    return urls
  }

  /**
   * Learns the links of a page, from its fields and, where it is JSON, from its content.
   *
   * @param response - the page; its content is read
   * @param asked - what was asked for
   * @param isMinted - the page answered an empty POST, so that its `Location` is a link too
   * @returns the links, the one that the content names first
   */
  async find(response: Response, asked: URL, isMinted: boolean): Promise<readonly FoundLink[]> {
    const base = finalUrl(response, asked)
    const announced = this.learn(response, asked)
    const told = this.#told(response, base, await this.#content(response))
    const location = isMinted ? webUrl(response.headers.get('location'), base) : null
    const all = [told?.url ?? null, ...announced, location]
    const urls = new Map<string, URL>()
    for (const url of all) {
      if (url !== null && this.#isAllowed(url, base)) urls.set(url.href, url)
    }
    const only = urls.size === 1
    return [...urls.values()].map(url => {
      const isTold = only || url.href === told?.url?.href
      const expiresAtMs = isTold ? (told?.expiresAtMs ?? null) : null
      this.add(url, expiresAtMs)
      return { link: url.href, expiresAtMs }
    })
  }

  #announced(response: Response, base: URL): URL[] {
    const { origins, adapter } = this.#options
    const { linkRelation } = adapter
    const announced = resolvePoeLinks(response.headers.get('poe-links'), base, { origins })
    const field = response.headers.get('link')
    if (linkRelation === undefined || this.#reader === null) return announced.map(toUrl)
    const related = this.#reader.targets(field, base, linkRelation).map(toUrl)
    return [...announced.map(toUrl), ...related.filter(url => this.#isAllowed(url, base))]
  }

  /** What the content says, at the places that the adapter names or our own server uses. */
  #told(response: Response, base: URL, content: unknown) {
    const { linkPointer, expiresPointer } = this.#options.adapter
    const link = atPointer(content, linkPointer ?? '/link')
    const url = typeof link === 'string' ? webUrl(link, base) : null
    const isMeant = linkPointer !== undefined || (url !== null && this.has(url))
    if (url === null || !isMeant) return null
    const sentMs = httpDateMs(response.headers.get('date') ?? '')
    const endMs = toMs(atPointer(content, expiresPointer ?? '/expires'))
    if (endMs === null) return { url, expiresAtMs: null }
    const nowMs = this.#options.clock.now()
    return { url, expiresAtMs: sentMs === null ? endMs : nowMs + endMs - sentMs }
  }

  async #content(response: Response): Promise<unknown> {
    const type = response.headers.get('content-type') ?? ''
    const text = await readText(response, this.#options.bodyLimitBytes)
    return /[/+]json\b/i.test(type) && text !== null ? parseJson(text) : undefined
  }

  #isAllowed(url: URL, base: URL): boolean {
    const { origins } = this.#options
    return resolvePoeLinks(formatPoeLinks([url.href]), base, { origins }).length > 0
  }
}

/**
 * The member of a JSON value that a pointer names.
 *
 * @returns `undefined` where there is none
 * @see RFC 6901
 */
export function atPointer(value: unknown, pointer: string): unknown {
  if (pointer === '') return value
  if (!pointer.startsWith('/')) return undefined
  let at = value
  for (const step of pointer.slice(1).split('/')) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

/** A date as text, or seconds since the epoch. */
function toMs(value: unknown): number | null {
  const ms = typeof value === 'number' ? value * 1_000 : Date.parse(String(value))
  return Number.isFinite(ms) ? ms : null
}

/** Where the answer came from, after redirects. */
function finalUrl(response: Response, asked: URL): URL {
  return response.url === '' ? asked : new URL(response.url)
}

function toUrl(href: string): URL {
  return new URL(href)
}
