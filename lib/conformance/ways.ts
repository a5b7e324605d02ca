/**
 * What is peculiar to each door on the wire: where an operation is had, and how a request says
 * which operation it belongs to.
 *
 * @see POE draft 3; draft-ietf-httpapi-idempotency-key-header-07 2.1; RFC 9110 13.1
 */
import type { PageRequest, ServerAdapter } from './adapter.js'
import type { ConditionForm, Door, KeyForm, RequestSpec } from './catalogue.js'
import type { PageForm } from './forms.js'
import type { Session } from './session.js'

/** The doors, the default first. */
export const DOORS: readonly Door[] = ['poe', 'idempotency-key', 'action-id', 'conditional']

/** Something that is to happen once: a link; or a target with a key or an entity tag. */
export interface Link {
  readonly url: URL
  /** The key or the tag; empty where the URI alone says it. */
  readonly mark: string
  /** The form of the page that is sent there. */
  readonly form?: PageForm | null
  /** In which session it was handed out. */
  readonly session?: Session
}

/** Field lines by name; several values are several lines. */
export type Lines = Readonly<Record<string, string | readonly string[]>>

/** What is peculiar to a door. */
export interface Ways {
  /** The method that uses an operation up. */
  readonly method: string
  /** `page`: a page or an endpoint names it; `key`: we make it up; `tag`: the target tells it. */
  readonly source: 'page' | 'key' | 'tag'
  /** How the page is asked; `null`: by GET, or by an empty POST where that is refused. */
  readonly page: PageRequest | null
  /** Whether requests say `POE: 1`. */
  readonly hails: boolean
  /** What a request says about its operation. */
  fields(spec: Pick<RequestSpec, 'key' | 'condition'>, link: Link): Lines
}

const LONG_CHARS = 10_000
const NEARLY_LONG_CHARS = 120
const STRANGER = '"poe-check-stranger"'

/** The ways of a door. */
export function waysOf(door: Door, adapter: ServerAdapter): Ways {
  const { field = 'Idempotency-Key', quoted = true, method } = adapter.door ?? {}
  const page = adapter.page ?? {}
  const silent = { hails: false, fields: () => ({}) }
  switch (door) {
    case 'poe':
      return { ...silent, method: 'POST', source: 'page', page: null, hails: true }
    case 'action-id':
      return {
        ...silent,
        method: method ?? 'PUT',
        source: 'page',
        page: { method: 'POST', ...page },
      }
    case 'idempotency-key':
      return {
        hails: false,
        method: method ?? 'POST',
        source: 'key',
        page: { method: 'GET', ...page },
        fields: ({ key = 'own' }, { mark }) => keyFields(field, quoted, key, mark),
      }
    case 'conditional':
      return {
        hails: false,
        method: method ?? 'POST',
        source: 'tag',
        page: { method: 'GET', ...page },
        fields: ({ condition = 'current' }, { mark }) => conditionFields(condition, mark),
      }
  }
}

function keyFields(field: string, quoted: boolean, form: KeyForm, key: string): Lines {
  const values = written(form, quoted, key)
  return values === null ? {} : { [field]: values }
}

function written(form: KeyForm, quoted: boolean, key: string): string | readonly string[] | null {
  const inQuotes = `"${key}"`
  const own = (one: string) => (quoted ? `"${one}"` : one)
  switch (form) {
    case 'own':
      return own(key)
    case 'word':
      return own(`order-${key}`)
    case 'capitals':
      return own(`order-${key}`.toUpperCase())
    case 'long-a':
    case 'long-b':
      return own(`${key.padEnd(NEARLY_LONG_CHARS, 'x')}${form.slice(-1)}`)
    case 'bare':
      return key
    case 'parameters':
      return `${inQuotes};p=1`
    case 'none':
      return null
    case 'unbalanced':
      return `"${key}`
    case 'number':
      return `4${key.replaceAll(/\D/g, '').slice(0, 11)}`
    case 'bytes':
      return `:${Buffer.from(key).toString('base64')}:`
    case 'list':
      return `(${inQuotes})`
    case 'two-lines':
      return [inQuotes, `"${key}-2"`]
    case 'trailing':
      return `${inQuotes} x`
    case 'empty':
      return '""'
    case 'blank':
      return ''
    case 'long':
      return own(key.padEnd(LONG_CHARS, 'x'))
  }
}

function conditionFields(form: ConditionForm, tag: string): Lines {
  switch (form) {
    case 'current':
      return { 'If-Match': tag }
    case 'any':
      return { 'If-Match': '*' }
    case 'listed':
      return { 'If-Match': `${STRANGER}, ${tag}` }
    case 'weak':
      return { 'If-Match': `W/${tag}` }
    case 'unquoted':
      return { 'If-Match': tag.replaceAll('"', '') }
    case 'stranger':
      return { 'If-Match': STRANGER }
    case 'longer':
      return { 'If-Match': tag.replace(/"$/, 'x"') }
    case 'shorter':
      return { 'If-Match': tag.length > 2 ? tag.replace(/.(?="$)/, '') : STRANGER }
    case 'absent':
      return { 'If-None-Match': '*' }
    case 'unlike':
      return { 'If-None-Match': tag }
    case 'none':
      return {}
  }
}
