/**
 * The forms of a page, filled in as a browser would: hidden fields, defaults, and something
 * plausible where a person would type.
 *
 * @see HTML 4.10.21 (form submission)
 */
import type { DefaultTreeAdapterTypes } from 'parse5'
import type { RawResponse } from '../testing/raw-response.js'
import { actionOf, baseOf, elementsOf, isHtml } from './find-links.js'

type Element = DefaultTreeAdapterTypes.Element
type Attributes = ReadonlyMap<string, string>

/** A form of a page that is sent by POST. */
export interface PageForm {
  /** Where it is sent, resolved, without a fragment. */
  readonly action: string
  readonly isMultipart: boolean
  /** What it sends by itself: hidden fields and defaults. */
  readonly defaults: Readonly<Record<string, string>>
  /** What it sends where everything that can be typed in is typed in; `{n}` is a number. */
  readonly filled: Readonly<Record<string, string>>
}

/** The forms of a page that are sent by POST, in their order. */
export function formsIn(response: RawResponse, url: URL): PageForm[] {
  if (!isHtml(response)) return []
  const elements = elementsOf(response.body.toString('utf8'))
  const base = baseOf(response, url)
  return [...controlsIn(elements)].flatMap(([form, controls]) => {
    const attributes = attributesOf(form)
    if (attributes.get('method')?.toLowerCase() !== 'post') return []
    const button = controls.find(isButton)
    const own = button === undefined ? undefined : attributesOf(button).get('formaction')
    const action = resolved(actionOf(own ?? attributes.get('action'), base, url), url)
    if (action === null) return []
    const isMultipart = attributes.get('enctype')?.toLowerCase() === 'multipart/form-data'
    return [{ action, isMultipart, ...valuesOf(controls, button) }]
  })
}

/** Whether a page has a field for a password. */
export function asksForPassword(response: RawResponse): boolean {
  if (!isHtml(response)) return false
  return elementsOf(response.body.toString('utf8')).some(element => {
    return (
      element.tagName === 'input' && /^password$/i.test(attributesOf(element).get('type') ?? '')
    )
  })
}

function resolved(reference: string, base: URL): string | null {
  if (!URL.canParse(reference, base)) return null
  const url = new URL(reference, base)
  url.hash = ''
  return url.href
}

/** The forms of a page and what each of them has in it: one pass, for shops have many. */
function controlsIn(elements: readonly Element[]): ReadonlyMap<Element, readonly Element[]> {
  const controls = new Map<Element, Element[]>()
  const named = new Map<string, Element>()
  for (const element of elements) {
    if (element.tagName !== 'form') continue
    controls.set(element, [])
    const id = attributesOf(element).get('id')
    if (id !== undefined && !named.has(id)) named.set(id, element)
  }
  const around = new Map<unknown, Element>()
  // Whatever an element stands in comes before it.
  for (const element of elements) {
    const form = controls.has(element) ? element : around.get(element.parentNode)
    if (form !== undefined) around.set(element, form)
    const id = attributesOf(element).get('form')
    const owner = id === undefined ? form : named.get(id)
    if (owner !== undefined) controls.get(owner)?.push(element)
  }
  return controls
}

function valuesOf(controls: readonly Element[], button: Element | undefined) {
  const defaults: Record<string, string> = {}
  const filled: Record<string, string> = {}
  for (const control of controls) {
    const attributes = attributesOf(control)
    const name = attributes.get('name') ?? ''
    if (name === '' || attributes.has('disabled')) continue
    if (isButton(control)) {
      if (control === button) defaults[name] = attributes.get('value') ?? ''
      continue
    }
    const value = defaultOf(control, attributes)
    if (value !== null && value !== '') defaults[name] = value
    const typedIn = value === null || value === '' ? plausible(control, attributes) : value
    if (typedIn !== null && !(name in filled)) filled[name] = typedIn
  }
  return { defaults, filled: { ...filled, ...defaults } }
}

function isButton(element: Element): boolean {
  const type = attributesOf(element).get('type')?.toLowerCase()
  if (element.tagName === 'button') return type === undefined || type === 'submit'
  return element.tagName === 'input' && (type === 'submit' || type === 'image')
}

/** What a control sends untouched; `null` for nothing. */
function defaultOf(control: Element, attributes: Attributes): string | null {
  switch (control.tagName) {
    case 'input': {
      const type = attributes.get('type') ?? ''
      if (/^(?:button|file|reset)$/i.test(type)) return null
      const isTick = /^(?:checkbox|radio)$/i.test(type)
      if (isTick) return attributes.has('checked') ? (attributes.get('value') ?? 'on') : null
      return attributes.get('value') ?? ''
    }
    case 'textarea':
      return textOf(control)
    case 'select': {
      const options = optionsOf(control)
      const chosen = options.find(option => attributesOf(option).has('selected')) ?? options[0]
      return chosen === undefined ? null : optionValue(chosen)
    }
    default:
      return null
  }
}

/** What a person might type in, where there is nothing yet. */
function plausible(control: Element, attributes: Attributes): string | null {
  if (control.tagName === 'select') {
    return (
      optionsOf(control)
        .map(optionValue)
        .find(value => value !== '') ?? null
    )
  }
  if (control.tagName === 'textarea') return 'poe check {n}'
  if (control.tagName !== 'input') return null
  switch (attributes.get('type')?.toLowerCase()) {
    case 'checkbox':
      return attributes.has('required') ? (attributes.get('value') ?? 'on') : null
    case 'radio':
      return attributes.get('value') ?? 'on'
    case 'number':
    case 'range':
      return attributes.get('min') ?? '1'
    case 'email':
      return 'check{n}@example.org'
    case 'url':
      return 'https://example.org/{n}'
    case 'tel':
      return '5550100'
    case 'date':
      return new Date().toISOString().slice(0, 10)
    case 'hidden':
    case 'file':
    case 'reset':
    case 'button':
      return null
    default:
      return shortened('check {n}', attributes.get('maxlength'))
  }
}

function shortened(text: string, limit: string | undefined): string {
  const most = Number(limit ?? Number.NaN)
  return most < text.length + 6 ? '1' : text
}

function optionsOf(select: Element): Element[] {
  const options: Element[] = []
  const open: DefaultTreeAdapterTypes.ChildNode[] = [...select.childNodes]
  for (let node = open.shift(); node !== undefined; node = open.shift()) {
    if ('tagName' in node && node.tagName === 'option') options.push(node)
    else if ('childNodes' in node) open.unshift(...node.childNodes)
  }
  return options.filter(option => !attributesOf(option).has('disabled'))
}

function optionValue(option: Element): string {
  return attributesOf(option).get('value') ?? textOf(option).trim()
}

function textOf({ childNodes }: Element): string {
  return childNodes.map(node => ('value' in node ? node.value : '')).join('')
}

function attributesOf({ attrs }: Element): Attributes {
  return new Map(attrs.map(({ name, value }) => [name, value]))
}
