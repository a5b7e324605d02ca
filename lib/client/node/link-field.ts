/**
 * Reads `Link` fields: our result relation, and relations that an adapter names.
 *
 * @see RFC 8288 3
 */
import { type LinkMember, readLinkField } from '../../protocols/link-field.js'
import { RESULT_RELATION } from '../../protocols/poe/names.js'
import { webUrl } from '../answer.js'
import type { LinkReader } from '../options.js'

/** How much of a `Link` value is read, in characters. */
const LIMIT_CHARS = 65_536

/** Reads values; one that cannot be read holds no links. */
export const linkReader: LinkReader & {
  /** Targets with a relation, as absolute URLs. */
  targets(field: string | null, base: URL, relation: string): readonly URL[]
} = {
  result(field, link) {
    for (const { target, params } of membersOf(field, RESULT_RELATION)) {
      if (webUrl(params.get('anchor') ?? null, link)?.href !== link.href) continue
      const url = webUrl(target, link)
      if (url !== null) return url.href
    }
    return null
  },
  targets(field, base, relation) {
    return membersOf(field, relation).flatMap(({ target }) => webUrl(target, base) ?? [])
  },
}

/** A member without `rel` names no relation. @see RFC 8288 3.3 */
function membersOf(field: string | null, relation: string): readonly LinkMember[] {
  const members = field === null || field.length > LIMIT_CHARS ? null : readLinkField(field)
  return (members ?? []).filter(({ params }) => {
    return params.get('rel')?.split(/\s+/).includes(relation) === true
  })
}
