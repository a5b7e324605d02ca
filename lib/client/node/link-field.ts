/**
 * Reads `Link` fields: our result relation, and relations that an adapter names.
 *
 * @see RFC 8288 3
 */
import LinkHeader from 'http-link-header'
import { RESULT_RELATION } from '../../protocols/poe/names.js'
import { webUrl } from '../answer.js'
import type { LinkReader } from '../options.js'

/** How much of a `Link` value is read, in characters. */
const LIMIT_CHARS = 65_536

/** Reads with a library; a value that it cannot read holds no links. */
export const linkReader: LinkReader & {
  /** Targets with a relation, as absolute URLs. */
  targets(field: string | null, base: URL, relation: string): readonly URL[]
} = {
  result(field, link) {
    for (const { rel, uri, anchor } of parse(field)) {
      if (!hasRelation(rel, RESULT_RELATION)) continue
      if (webUrl(anchor ?? null, link)?.href !== link.href) continue
      const target = webUrl(uri, link)
      if (target !== null) return target.href
    }
    return null
  },
  targets(field, base, relation) {
    return parse(field).flatMap(({ rel, uri }) => {
      const target = hasRelation(rel, relation) ? webUrl(uri, base) : null
      return target === null ? [] : [target]
    })
  },
}

/** A member without `rel` names no relation. @see RFC 8288 3.3 */
function hasRelation(rel: string | undefined, relation: string): boolean {
  return rel?.split(/\s+/).includes(relation) === true
}

function parse(field: string | null) {
  if (field === null || field.length > LIMIT_CHARS) return []
  try {
    // The library's time grows with the square of a run of white space, which means nothing.
    return LinkHeader.parse(field.replace(/\s{2,}/g, ' ')).refs
  } catch {
    return []
  }
}
