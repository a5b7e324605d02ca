/**
 * A response that carries links: the `POE-Links` field, and the protection from caches without
 * which one link would be handed to two people.
 *
 * @see POE draft 3, 4; RFC 9111 3, 5.2
 */
import type { ServerResponse } from 'node:http'
import { formatPoeLinks, parsePoe } from '../protocols/poe/index.js'
import { POE_RELATION } from '../protocols/poe/names.js'
import { beforeFields, FieldsListener } from './before-fields.js'
import { addToField, keepFromFronts } from './fields.js'
import type { ResolvedPoeOptions } from './options.js'

/** The most that is advertised in one field; links beyond it are in the body only. Characters. */
export const ADVERTISED_LIMIT = 4_096

type AdvertisementOptions = Pick<ResolvedPoeOptions, 'advertise' | 'linkField'>

/** The links of one response. */
export class Advertisement extends FieldsListener {
  readonly #response: ServerResponse
  readonly #options: AdvertisementOptions
  readonly #links: string[] = []
  #size = 0

  constructor(response: ServerResponse, options: AdvertisementOptions) {
    super()
    this.#response = response
    this.#options = options
    beforeFields(response, this)
  }

  /** Adds a link; `null` for one that is protected, but not advertised: an action's. */
  add(link: string | null): void {
    if (link === null) return
    this.#size += link.length + 4
    // The first is always advertised, so that the response is never without protection.
    if (this.#links.length === 0 || this.#size <= ADVERTISED_LIMIT) this.#links.push(link)
  }

  /** @internal Writes the fields. */
  override beforeFields(): void {
    const response = this.#response
    const { advertise, linkField } = this.#options
    protect(response)
    if (this.#links.length === 0) return
    if (advertise === 'when-asked') addToField(response, 'Vary', 'POE')
    // A 304 would renew an old page with links that are not in it.
    if (response.statusCode === 304) return
    if (
      advertise === 'when-asked' &&
      parsePoe(response.req.headers.poe as string | undefined) === null
    )
      return
    const value = formatPoeLinks(this.#links)
    if (value !== null) response.setHeader('POE-Links', value)
    if (!linkField) return
    for (const link of this.#links) {
      addToField(response, 'Link', `<${link}>; rel="${POE_RELATION}"`)
    }
  }
}

/**
 * Not `no-store`: Back would then fetch a fresh link, and so arm the double order again.
 */
function protect(response: ServerResponse): void {
  const given = response.getHeader('cache-control')
  if (given === undefined || !/\bno-store\b/i.test(String(given))) {
    response.setHeader('Cache-Control', 'private, no-cache')
  }
  keepFromFronts(response)
  for (const name of UNSAFE) if (response.hasHeader(name)) response.removeHeader(name)
}

const UNSAFE = ['expires', 'etag', 'last-modified']
