/**
 * What the client knows of links: which URLs are POE resources, and when they end.
 *
 * @see POE draft 3
 */
import type { Adapter, ResolvedClientOptions } from './options.js'

/** How many links are remembered; the oldest go first. */
const MOST_LINKS = 10_000

/** A link that a page announced. */
export interface FoundLink {
  /** The absolute URL. */
  readonly link: string
  /** When it ends, in milliseconds since the Unix epoch by this machine's clock; `null`: unsaid. */
  readonly expiresAtMs: number | null
}

/**
 * Reads the links that an answer's fields announce, of any origin. Most announce nothing, so where
 * the answer came from ({@link finalUrl}) is taken apart only where there is a link.
 */
export type ReadLinks = (response: Response, asked: URL, adapter: Adapter) => readonly URL[]

/** The links that a client has learned or was told. */
export class KnownLinks {
  readonly #options: ResolvedClientOptions
  readonly #read: ReadLinks
  readonly #links = new Map<string, number | null>()

  constructor(options: ResolvedClientOptions, readLinks: ReadLinks) {
    this.#options = options
    this.#read = readLinks
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
    const [oldest] = this.#links.keys()
    if (this.#links.size > MOST_LINKS && oldest !== undefined) this.#links.delete(oldest)
  }

  /** Forgets a link that is spent. */
  forget(href: string): void {
    this.#links.delete(href)
  }

  /**
   * Learns the links that an answer's fields announce. They are resolved where the answer came
   * from, and allowed for the origin that was asked: a redirect speaks for no other one.
   */
  learn(response: Response, asked: URL): URL[] {
    const { adapter } = this.#options
    const urls = this.#read(response, asked, adapter).filter(url => this.isAllowed(url, asked))
    for (const url of urls) this.add(url, null)
    return urls
  }

  /** Whether a link, or a redirect, may lead there from what was asked. */
  isAllowed(url: URL, asked: URL): boolean {
    const { origins } = this.#options
    if (origins === 'any' || url.origin === asked.origin) return true
    return origins.some(origin => new URL(origin).origin === url.origin)
  }
}

/** Where an answer came from, after redirects. */
export function finalUrl({ url }: { readonly url?: string }, asked: URL): URL {
  return url ? new URL(url) : asked
}
