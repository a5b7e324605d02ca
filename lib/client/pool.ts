/**
 * Links ahead of their use, so that a busy client spends no round trip on them.
 *
 * @see POE draft 3
 */
import type { PoeClient } from './client.js'
import { ClientError } from './errors.js'
import type { FoundLink } from './known-links.js'
import type { PostOutcome } from './outcome.js'

/** How many links are remembered. */
const MOST_SEEN = 10_000

/** Options of {@link linkPool}. */
export interface LinkPoolOptions {
  /** The mint endpoint, or what gets a link. */
  readonly source: string | URL | (() => Promise<FoundLink>)
  /**
   * How many links are kept ready.
   *
   * @defaultValue 4
   */
  readonly size?: number
  /**
   * A link is not handed out when it ends sooner than this, in milliseconds.
   *
   * @defaultValue 60_000
   */
  readonly leastLifeMs?: number
}

/**
 * Makes a pool; nothing is fetched before the first `take`.
 *
 * @param client - whose links these are
 * @param options - see {@link LinkPoolOptions}
 * @throws RangeError for a size that is no whole number from 1 to 1,000
 */
export function linkPool(client: PoeClient, options: LinkPoolOptions): LinkPool {
  return new LinkPool(client, options)
}

/** A pool of fresh links; see {@link linkPool}. */
export class LinkPool {
  readonly #client: PoeClient
  readonly #get: () => Promise<FoundLink>
  readonly #size: number
  readonly #leastLifeMs: number
  readonly #ready: FoundLink[] = []
  /** Links that were taken in, so that none is given twice; the oldest are forgotten first. */
  readonly #seen = new Set<string>()
  #coming = 0

  /** @internal */
  constructor(client: PoeClient, { source, size = 4, leastLifeMs = 60_000 }: LinkPoolOptions) {
    if (!Number.isInteger(size) || size < 1 || size > 1_000) {
      throw new RangeError('A pool holds a whole number of links, from 1 to 1,000')
    }
    this.#client = client
    this.#get = typeof source === 'function' ? source : () => client.mint(source)
    this.#size = size
    this.#leastLifeMs = leastLifeMs
  }

  /** How many links are ready. */
  get ready(): number {
    return this.#ready.length
  }

  /**
   * Gives a link that nobody else gets, at once where one is ready, and refills in the background.
   *
   * @returns the link
   * @throws ClientError `ERR_POE_NO_LINK_FOUND` where the source gives one that was given before
   * @throws what `client.mint`, or the source, throws
   */
  async take(): Promise<FoundLink> {
    let found = this.#ready.shift()
    while (found !== undefined && !this.#isFresh(found)) found = this.#ready.shift()
    const link = found ?? (await this.#getNew())
    this.#refill()
    return link
  }

  /**
   * Takes in the link that a success answer carries for the next POST: its only `POE-Links` member.
   *
   * @param outcome - of a POST; any
   * @returns whether there was one, not taken in before, and room for it
   */
  add(outcome: PostOutcome): boolean {
    const { response } = outcome
    if (outcome.outcome !== 'accepted' || response === null) return false
    const [link, ...more] = this.#client.announced(response, outcome.link)
    if (link === undefined || more.length > 0 || this.#ready.length >= this.#size) return false
    if (!this.#isNew(link)) return false
    this.#ready.push(link)
    return true
  }

  /** Of two orders at one link the second would be taken for a repeat of the first. */
  async #getNew(): Promise<FoundLink> {
    const found = await this.#get()
    if (this.#isNew(found)) return found
    const help =
      'The source of the pool gave a link that it had given before; use links one by one.'
    throw new ClientError('ERR_POE_NO_LINK_FOUND', help)
  }

  #isNew({ link }: FoundLink): boolean {
    if (this.#seen.has(link)) return false
    this.#seen.add(link)
    const [oldest] = this.#seen
    if (this.#seen.size > MOST_SEEN && oldest !== undefined) this.#seen.delete(oldest)
    return true
  }

  #isFresh({ expiresAtMs }: FoundLink): boolean {
    const { clock } = this.#client.options
    return expiresAtMs === null || expiresAtMs - clock.now() >= this.#leastLifeMs
  }

  /** What cannot be had now is asked for again by the next `take`. */
  #refill(): void {
    while (this.#ready.length + this.#coming < this.#size) {
      this.#coming += 1
      this.#getNew()
        .then(link => this.#ready.push(link))
        .catch(() => {})
        .finally(() => {
          this.#coming -= 1
        })
    }
  }
}
