/**
 * The links in an answer: in its fields, in JSON, in forms; and every reference that it has.
 *
 * @see POE draft 3; RFC 6901
 */
import { type DefaultTreeAdapterTypes, parse } from 'parse5'
import { atPointer } from '../protocols/json-pointer.js'
import { type PoeLinksReading, parsePoeLinks } from '../protocols/poe/links.js'
import { fieldValues, type RawResponse } from '../testing/raw-response.js'
import type { LinkPlace } from './adapter.js'

/**
 * Finds the link that a check uses.
 *
 * @param response - the page's answer
 * @param place - where the adapter says that the link is
 * @param url - of the page
 * @returns a reference that is relative to the URL of the page; `null` where there is none
 */
export function linkIn(response: RawResponse, place: LinkPlace, url: URL): string | null {
  if (typeof place === 'object') return textAt(response, place.pointer)
  switch (place) {
    case 'field':
      return announced(response).links[0]?.reference ?? null
    case 'form':
      return formAction(response, url)
    case 'location':
      return fieldValues(response, 'Location')[0] ?? null
    case 'auto':
      return (
        linkIn(response, 'field', url) ??
        linkIn(response, { pointer: '/link' }, url) ??
        linkIn(response, 'form', url) ??
        (response.status === 201 ? linkIn(response, 'location', url) : null) ??
        onlyReference(response)
      )
  }
}

/** What `POE-Links` says, read leniently. */
export function announced(response: Pick<RawResponse, 'fields'>): PoeLinksReading {
  const lines = fieldValues(response, 'POE-Links')
  return parsePoeLinks(lines.length === 0 ? null : lines.join(', '))
}

/** Every reference in the content: texts of JSON, attributes of HTML, words of anything else. */
export function referencesIn(response: RawResponse): ReadonlySet<string> {
  const content = response.body.toString('utf8')
  switch (kindOf(response)) {
    case 'json':
      return new Set(textsIn(jsonOf(response)))
    case 'html':
      return new Set(elementsOf(content).flatMap(({ attrs }) => attrs.map(({ value }) => value)))
    case 'other':
      return new Set(content.split(/[\s"'<>]+/))
  }
}

/**
 * What stands in the content as text, scripts included: without what JSON and XML escape in a link,
 * and of HTML without what is markup.
 */
export function textIn(response: RawResponse): string {
  const content = response.body.toString('utf8')
  const text = kindOf(response) === 'html' ? textOfHtml(content) : content
  return text.replaceAll(/\\\/|\\u002f/gi, '/').replaceAll(/\\u0026|&amp;/gi, '&')
}

function textOfHtml(content: string): string {
  const nodes = elementsOf(content).flatMap(({ childNodes }) => childNodes)
  return nodes
    .map(node => (node.nodeName === '#text' && 'value' in node ? node.value : ''))
    .join('\n')
}

/** The content as JSON; `undefined` where it is none. */
export function jsonOf(response: RawResponse): unknown {
  try {
    return JSON.parse(response.body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** The media type without its parameters, in small letters; empty where there is none. */
export function mediaTypeOf(response: Pick<RawResponse, 'fields'>): string {
  return (
    (fieldValues(response, 'Content-Type')[0] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  )
}

/** Whether it is a page of HTML. */
export function isHtml(response: RawResponse): boolean {
  return kindOf(response) === 'html'
}

function kindOf(response: RawResponse): 'json' | 'html' | 'other' {
  const type = mediaTypeOf(response)
  if (/[/+]json$/.test(type)) return 'json'
  return /^(?:text\/html|application\/xhtml\+xml)$/.test(type) ? 'html' : 'other'
}

/** Where JSON or plain text has one reference and no other, that is the link. */
function onlyReference(response: RawResponse): string | null {
  if (response.status >= 300 || kindOf(response) === 'html') return null
  // Behind the first mark of a row there is no need to look: that would take the square of it.
  const marks = /(?<![.,;:!?)])[.,;:!?)]+$/
  const references = [...referencesIn(response)].map(one => one.replace(marks, ''))
  const found = new Set(references.filter(one => /^(?:\/[^/\s]|https?:\/\/)\S+$/i.test(one)))
  const [only] = found
  return found.size === 1 ? (only ?? null) : null
}

function textAt(response: RawResponse, pointer: string): string | null {
  const value = atPointer(jsonOf(response), pointer)
  return typeof value === 'string' ? value : null
}

/** Whether an address has a name in it that no person has chosen: a logout's has none. */
function hasMadeName(action: string): boolean {
  return action.split(/[^\w-]+/).some(name => name.length > 10 && /\d|[a-z][A-Z]/.test(name))
}

/** Where the first form leads whose address may be a link; or else the first of all. */
function formAction(response: RawResponse, url: URL): string | null {
  if (kindOf(response) !== 'html') return null
  const actions = elementsOf(response.body.toString('utf8')).flatMap(({ tagName, attrs }) => {
    const attributes = new Map(attrs.map(({ name, value }) => [name, value]))
    const isSent = tagName === 'form' && attributes.get('method')?.toLowerCase() === 'post'
    return isSent ? [attributes.get('action') ?? ''] : []
  })
  const action = actions.find(hasMadeName) ?? actions[0]
  return action === undefined ? null : actionOf(action, baseOf(response, url), url)
}

/**
 * Where a form is sent: an action is relative to the base of its page, and an empty one is the
 * page itself.
 */
export function actionOf(action: string | undefined, base: URL, url: URL): string {
  const isAsItStands = !action || base.href === url.href || !URL.canParse(action, base)
  return isAsItStands ? (action ?? '') : new URL(action, base).href
}

/** What the references of a page are relative to (HTML 4.2.3); fields are relative to its URL. */
export function baseOf(response: RawResponse, url: URL): URL {
  if (kindOf(response) !== 'html') return url
  for (const { tagName, attrs } of elementsOf(response.body.toString('utf8'))) {
    const href = attrs.find(({ name }) => name === 'href')?.value
    if (tagName !== 'base' || href === undefined) continue
    return URL.canParse(href, url) ? new URL(href, url) : url
  }
  return url
}

/** All elements of a document, in their order. */
export function elementsOf(html: string): DefaultTreeAdapterTypes.Element[] {
  const elements: DefaultTreeAdapterTypes.Element[] = []
  const open: DefaultTreeAdapterTypes.Node[] = [parse(html)]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if ('tagName' in node) elements.push(node)
    if ('childNodes' in node) open.push(...[...node.childNodes].reverse())
  }
  return elements
}

function textsIn(value: unknown): string[] {
  const texts: string[] = []
  const open: unknown[] = [value]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (typeof at === 'string') texts.push(at)
    else if (typeof at === 'object' && at !== null) open.push(...Object.values(at))
  }
  return texts
}
