/** List fields of a response. */
import type { ServerResponse } from 'node:http'

/**
 * Adds a member to a list field, in one line; `Vary` members are not repeated, and `*` is left
 * alone.
 */
export function addToField(response: ServerResponse, name: string, member: string): void {
  const given = response.getHeader(name)
  const present = Array.isArray(given) ? given.join(', ') : String(given ?? '')
  if (present === '') {
    response.setHeader(name, member)
    return
  }
  const members = present.split(',').map(each => each.trim().toLowerCase())
  if (members.includes('*') || members.includes(member.toLowerCase())) return
  response.setHeader(name, `${present}, ${member}`)
}

/**
 * Removes what is said to the caches of a site's own front: to them it counts more than
 * `Cache-Control`.
 *
 * @see RFC 9213
 */
export function keepFromFronts(response: ServerResponse): void {
  for (const name of TARGETED) if (response.hasHeader(name)) response.removeHeader(name)
}

const TARGETED = [
  ...['cdn-cache-control', 'cloudflare-cdn-cache-control', 'vercel-cdn-cache-control'],
  ...['netlify-cdn-cache-control', 'surrogate-control', 'edge-control', 'x-accel-expires'],
]
