/**
 * The links that an answer announces.
 *
 * @see POE draft 3; RFC 8288 3.2
 */
import { type LinkMember, readLinkField } from '../protocols/link-field.js'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { Expectation } from './catalogue.js'
import { announced, baseOf, referencesIn, textIn } from './find-links.js'
import { resolved, told, type UnmetExpectation, unmet } from './unmet-expectation.js'
import type { Exchange } from './wire.js'

/** Whether `POE-Links` keeps a rule of its grammar. */
export function judgePoeLinks(
  rule: Extract<Expectation, { readonly poeLinks: unknown }>['poeLinks'],
  { sent }: Exchange,
  response: RawResponse,
): UnmetExpectation | null {
  const { links, dropped, emptyMembers } = announced(response)
  const seen = `POE-Links: ${fieldValues(response, 'POE-Links').join(', ')}`
  const isNothing = links.length + dropped.length === 0
  switch (rule) {
    case 'quoted': {
      const isWrong = links.some(({ deviation }) => deviation === 'unquoted')
      const isBad = dropped.some(({ reason }) => reason !== 'fragment')
      return isWrong || isBad ? unmet('URI references between double quotes', seen) : null
    }
    case 'no fragment': {
      const isCut = links.some(({ deviation }) => deviation === 'fragment')
      const isDropped = dropped.some(({ reason }) => reason === 'fragment')
      return isCut || isDropped ? unmet('no fragment', seen) : null
    }
    case 'not empty':
      return isNothing ? unmet('a link, or no field', seen) : null
    case 'no empty members':
      return emptyMembers > 0 && !isNothing ? unmet('no empty members', seen) : null
    case 'own origin': {
      const isForeign = links.some(({ reference }) => {
        return (
          URL.canParse(reference, sent.url) &&
          new URL(reference, sent.url).origin !== sent.url.origin
        )
      })
      return isForeign ? unmet(`links at ${sent.url.origin}`, seen) : null
    }
  }
}

/** Whether each announced link stands in the content, too. */
export function judgeContentLinks(
  { sent }: Exchange,
  response: RawResponse,
): UnmetExpectation | null {
  const base = baseOf(response, sent.url)
  const there = new Set([...referencesIn(response)].map(one => bare(one, base)))
  const text = textIn(response)
  const missing = announced(response).links.find(({ reference }) => {
    return !there.has(bare(reference, sent.url)) && !text.includes(reference)
  })
  return missing === undefined
    ? null
    : unmet(`${missing.reference} in the content`, 'it is not there')
}

/** Relations by which servers lead to a result. */
export const ANY_RESULT: RegExp = /^related$|:/i
/** The one that clients take for proof, and whose definition names the anchor. */
export const TO_RESULT: RegExp = /^urn:post-once-exactly:rel:result$/i

/** Whether links to a result have the target of the request as their context. */
export function judgeResultLink(
  { sent }: Exchange,
  response: RawResponse,
  relation: RegExp,
): UnmetExpectation | null {
  const value = fieldValues(response, 'Link').join(', ')
  const links = readLinkField(value)
  if (links === null) return unmet('a Link field that can be read', value)
  const toResult = links.filter(link => relationsOf(link).some(one => relation.test(one)))
  const stray = toResult.find(({ params }) => {
    const anchor = params.get('anchor')
    return anchor === undefined || resolved(anchor, sent.url) !== sent.url.href
  })
  return stray === undefined
    ? null
    : unmet(`an anchor that is ${sent.target}`, stray.params.get('anchor') ?? 'no anchor')
}

/** Whether a link with a relation goes along. */
export function judgeLinkTo(
  rel: string,
  { sent }: Exchange,
  response: RawResponse,
): UnmetExpectation | null {
  const there = linkedFrom(response, rel, sent.url)
  return there === null ? unmet(`a link with rel=${rel}`, told(response, 'Link')) : null
}

/** Where the first link with a relation leads; `null` where there is none. */
export function linkedFrom(response: RawResponse, rel: string, base: URL): URL | null {
  const links = readLinkField(fieldValues(response, 'Link').join(', ')) ?? []
  const found = links.find(link => relationsOf(link).includes(rel))
  if (found === undefined || !URL.canParse(found.target, base)) return null
  return new URL(found.target, base)
}

function relationsOf({ params }: LinkMember): readonly string[] {
  return (params.get('rel') ?? '').toLowerCase().split(/\s+/)
}

/** Fragments are another rule's matter. */
function bare(reference: string, base: URL): string {
  return resolved(reference, base).split('#', 1)[0] ?? ''
}
