/**
 * What every answer at a POE resource carries: `Allow` for the state that was found, and the
 * fields that keep the answer and its address to the person who asked.
 *
 * @see RFC 9110 10.2.1, 15.5.6; RFC 9111 5.2.2.5
 */
import type { ServerResponse } from 'node:http'
import { beforeFields, FieldsListener } from './before-fields.js'
import { keepFromFronts } from './fields.js'

/** What an application may say in place of ours: it tells no other site the path either. */
const PATHLESS: ReadonlySet<string> = new Set([
  ...['same-origin', 'origin', 'strict-origin'],
  ...['origin-when-cross-origin', 'strict-origin-when-cross-origin'],
])

/** Writes the fields at the last moment, so that neither a router nor an error page wins. */
export class ResourceState extends FieldsListener {
  readonly #response: ServerResponse
  #allow: string | null = null

  constructor(response: ServerResponse) {
    super()
    this.#response = response
    beforeFields(response, this)
  }

  /** @internal */
  override beforeFields(): void {
    const response = this.#response
    // A refusal has said so already, and to set a field costs more than to look at it.
    if (response.getHeader('cache-control') !== 'no-store') {
      response.setHeader('Cache-Control', 'no-store')
    }
    keepFromFronts(response)
    const policy = response.getHeader('referrer-policy')
    if (policy === undefined || !PATHLESS.has(String(policy))) {
      response.setHeader('Referrer-Policy', 'no-referrer')
    }
    if (this.#allow === null) response.removeHeader('allow')
    else response.setHeader('Allow', this.#allow)
  }

  /** Notes what the answer's `Allow` says; `null` for no such field. */
  setAllow(methods: string | null): void {
    this.#allow = methods
  }
}
