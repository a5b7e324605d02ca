/**
 * The links of a page: those that its fields announce, and those that its content names.
 *
 * @see POE draft 3; RFC 6901
 */

import { httpDateMs } from '../protocols/http-date.js'
import { atPointer } from '../protocols/json-pointer.js'
import { resolvePoeLinks } from '../protocols/poe/links.js'
import { parseJson, readText, webUrl } from './answer.js'
import type { PoeCore } from './core.js'
import { type FoundLink, finalUrl } from './known-links.js'

/**
 * Learns the links of a page, from its fields and, where it is JSON, from its content.
 *
 * @param client - who learns them
 * @param response - the page; its content is read
 * @param asked - what was asked for
 * @param isMinted - the page answered an empty POST, so that its `Location` is a link too
 * @returns the links, the one that the content names first
 */
export async function findLinks(
  client: PoeCore,
  response: Response,
  asked: URL,
  isMinted: boolean,
): Promise<readonly FoundLink[]> {
  const { known } = client
  const base = finalUrl(response, asked)
  const announced = known.learn(response, asked)
  const told = toldBy(client, response, base, await contentOf(client, response))
  const location = isMinted ? webUrl(response.headers.get('location'), base) : null
  const urls = new Map<string, URL>()
  for (const url of [told?.url ?? null, ...announced, location]) {
    if (url !== null && known.isAllowed(url, asked)) urls.set(url.href, url)
  }
  const only = urls.size === 1
  return [...urls.values()].map(url => {
    const isTold = only || url.href === told?.url.href
    const expiresAtMs = isTold ? (told?.expiresAtMs ?? null) : null
    known.add(url, expiresAtMs)
    return { link: url.href, expiresAtMs }
  })
}

/**
 * The links that an answer announces, by the whole parser.
 *
 * @returns absolute URLs of any origin, without repeats
 */
export function readAllLinks(response: Response, asked: URL): readonly URL[] {
  const value = response.headers.get('poe-links')
  if (value === null) return []
  return resolvePoeLinks(value, finalUrl(response, asked), { origins: 'any' }).map(
    href => new URL(href),
  )
}

/** What the content says, at the places that the adapter names or our own server uses. */
function toldBy({ options, known }: PoeCore, response: Response, base: URL, content: unknown) {
  const { linkPointer, expiresPointer } = options.adapter
  const link = atPointer(content, linkPointer ?? '/link')
  const url = typeof link === 'string' ? webUrl(link, base) : null
  const isMeant = linkPointer !== undefined || (url !== null && known.has(url))
  if (url === null || !isMeant) return null
  const sentMs = httpDateMs(response.headers.get('date') ?? '')
  const endMs = toMs(atPointer(content, expiresPointer ?? '/expires'))
  if (endMs === null) return { url, expiresAtMs: null }
  return { url, expiresAtMs: sentMs === null ? endMs : options.clock.now() + endMs - sentMs }
}

async function contentOf({ options }: PoeCore, response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? ''
  const text = await readText(response, options.bodyLimitBytes)
  return /[/+]json\b/i.test(type) && text !== null ? parseJson(text) : undefined
}

/** A date as text, or seconds since the epoch. */
function toMs(value: unknown): number | null {
  const ms = typeof value === 'number' ? value * 1_000 : Date.parse(String(value))
  return Number.isFinite(ms) ? ms : null
}
