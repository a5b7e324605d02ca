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
