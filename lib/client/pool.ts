/**
 * Links ahead of their use, so that a busy client spends no round trip on them.
 *
 * @see POE draft 3
 */
import type { PoeClient } from './client.js'
import type { FoundLink } from './known-links.js'
import type { PostOutcome } from './outcome.js'

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
  /** Answers whose link was taken in. */
  readonly #added = new WeakSet<Response>()
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
   * @throws what `client.mint`, or the source, throws
   */
  async take(): Promise<FoundLink> {
    let found = this.#ready.shift()
    while (found !== undefined && !this.#isFresh(found)) found = this.#ready.shift()
    const link = found ?? (await this.#get())
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
    if (this.#added.has(response)) return false
    const [link, ...more] = this.#client.announced(response, outcome.link)
    if (link === undefined || more.length > 0 || this.#ready.length >= this.#size) return false
    this.#added.add(response)
    this.#ready.push(link)
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
      this.#get()
        .then(link => this.#ready.push(link))
        .catch(() => {})
        .finally(() => {
          this.#coming -= 1
        })
    }
  }
}
