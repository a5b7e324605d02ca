/**
 * The adapter: what has to be known of a server to judge it, as a small JSON file or as options.
 */

/** A content and its media type. */
export type AdapterContent =
  | { readonly json: unknown }
  | { readonly form: Readonly<Record<string, string>> }
  | { readonly type: string; readonly text: string }

/** Where in an answer the link is. */
export type LinkPlace =
  /** `field`: POE-Links; `form`: the action of the first form with POST; `location`: Location. */
  | 'auto'
  | 'field'
  | 'form'
  | 'location'
  /** A member of a JSON answer (RFC 6901). */
  | { readonly pointer: string }

/** How a link is asked for. */
export interface PageRequest {
  readonly method?: 'GET' | 'POST'
  readonly fields?: Readonly<Record<string, string>>
  readonly content?: AdapterContent
}

/** How to make the handler behave. */
export interface Provoked {
  /** Fields of the POST. */
  readonly fields?: Readonly<Record<string, string>>
  /** The content instead of `valid`. */
  readonly content?: AdapterContent
}

/** What is peculiar to a server that is judged by a sibling scheme of POE. */
export interface DoorSettings {
  /** The field that carries the key. Default: Idempotency-Key. */
  readonly field?: string
  /** Whether the key is written as a Structured Field String. Default: true. */
  readonly quoted?: boolean
  /** Where the operation is sent, absolute or relative to the URL. Default: the URL. */
  readonly target?: string
  /** How it is sent. Default: POST, and PUT to action resources. */
  readonly method?: 'POST' | 'PUT' | 'PATCH'
  /** Whether nobody may do without a key or a condition. Default: not known. */
  readonly required?: boolean
}

/** What has to be known of a server. All of it can be left out. */
export interface ServerAdapter {
  /** Where the link is. Default: POE-Links, else the JSON member `link`, else a form's action. */
  readonly link?: LinkPlace
  /** How a link is asked for. Default: GET, and an empty POST where GET is answered 404 or 405. */
  readonly page?: PageRequest
  /** Fields of every request: a login, an Origin. `{origin}` becomes that of the page. */
  readonly fields?: Readonly<Record<string, string>>
  /** Which of `fields` say who is asking. Default: Authorization and Cookie. */
  readonly credentials?: readonly string[]
  /** Fields instead of those of the first user. */
  readonly secondUser?: Readonly<Record<string, string>>
  /** A content that the server accepts; `{n}` in a text becomes another number for each link. */
  readonly valid?: AdapterContent
  /** Another one. Default: `valid` with other bytes. */
  readonly otherValid?: AdapterContent
  /** One of another media type. Default: a flat JSON `valid` as a form, and the other way round. */
  readonly otherType?: AdapterContent
  /** A content that the server refuses. */
  readonly invalid?: AdapterContent
  /** Where effects are counted. */
  readonly effects?: {
    /** Absolute, or relative to the page. */
    readonly url: string
    /** A number, or a list whose members count (RFC 6901). */
    readonly pointer: string
  }
  readonly provoke?: {
    /** The handler takes longer, half a second at least, and succeeds. */
    readonly slow?: Provoked
    /** The handler takes longer and reports a failure. */
    readonly slowFailure?: Provoked
    /** The handler reports a failure. */
    readonly failure?: Provoked
  }
  /**
   * Another path that leads to the same resource, or looks like it: `{token}` stands for the last
   * segment of a link.
   */
  readonly sibling?: string
  /** For the doors besides POE. */
  readonly door?: DoorSettings
  /** How to get links with a short life. */
  readonly shortLived?: PageRequest & {
    /** Absolute, or relative to the page. Default: the page. */
    readonly url?: string
    /** After this they are over, in milliseconds; at most 60,000. */
    readonly lifeMs: number
  }
}

/** An adapter that cannot be used; the message says what to change. */
export class AdapterError extends TypeError {
  override readonly name = 'AdapterError'
}

type Shape = Readonly<Record<string, (value: unknown, at: string) => void>>

const SHORT_LIFE_LIMIT_MS = 60_000
/** A second line of these would make the request another one. */
const OURS = /^(?:host|content-length|transfer-encoding|connection)$/i
const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Reads the text of an adapter file.
 *
 * @param text - JSON
 * @returns the adapter, checked
 * @throws AdapterError
 */
export function readAdapter(text: string): ServerAdapter {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new AdapterError(`The adapter is not JSON: ${(error as Error).message}`)
  }
  checkAdapter(value)
  return value as ServerAdapter
}

/**
 * Checks that a value is an adapter: names, types, and nothing that is not known.
 *
 * @throws AdapterError
 */
export function checkAdapter(value: unknown): asserts value is ServerAdapter {
  shaped(ADAPTER)(value, 'The adapter')
}

const PAGE_REQUEST: Shape = { method, fields, content }
const PROVOKED = shaped({ fields, content })

const ADAPTER: Shape = {
  link: place,
  page: shaped(PAGE_REQUEST),
  fields,
  credentials,
  secondUser: fields,
  valid: content,
  otherValid: content,
  otherType: content,
  invalid: content,
  effects: shaped({ url: text, pointer }, ['url', 'pointer']),
  provoke: shaped({ slow: PROVOKED, slowFailure: PROVOKED, failure: PROVOKED }),
  sibling,
  door: shaped({ field: fieldName, quoted: flag, target: text, method: use, required: flag }),
  shortLived: shaped({ ...PAGE_REQUEST, url: text, lifeMs: shortLife }, ['lifeMs']),
}

function shaped(shape: Shape, required: readonly string[] = []) {
  return (value: unknown, at: string): void => {
    const members = recordOf(value, at)
    for (const [name, member] of Object.entries(members)) {
      const check = Object.hasOwn(shape, name) ? shape[name] : undefined
      if (check === undefined) {
        throw new AdapterError(
          `${at} has no member ${name}; known: ${Object.keys(shape).join(', ')}.`,
        )
      }
      if (member !== undefined) check(member, `${at}: ${name}`)
    }
    for (const name of required) {
      if (members[name] === undefined) throw new AdapterError(`${at} lacks ${name}.`)
    }
  }
}

function recordOf(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new AdapterError(`${at} must be an object.`)
}

function text(value: unknown, at: string): asserts value is string {
  if (typeof value !== 'string') throw new AdapterError(`${at} must be a text.`)
}

function sibling(value: unknown, at: string): void {
  text(value, at)
  if (!value.startsWith('/') || !value.includes('{token}')) {
    throw new AdapterError(`${at} must be a path with {token} in it.`)
  }
}

function pointer(value: unknown, at: string): void {
  text(value, at)
  if (value !== '' && !value.startsWith('/')) {
    throw new AdapterError(`${at} must be a JSON pointer: empty, or beginning with a slash.`)
  }
}

function method(value: unknown, at: string): void {
  if (value !== 'GET' && value !== 'POST') throw new AdapterError(`${at} must be GET or POST.`)
}

function use(value: unknown, at: string): void {
  if (!['POST', 'PUT', 'PATCH'].includes(String(value))) {
    throw new AdapterError(`${at} must be POST, PUT or PATCH.`)
  }
}

function flag(value: unknown, at: string): void {
  if (typeof value !== 'boolean') throw new AdapterError(`${at} must be true or false.`)
}

function fieldName(value: unknown, at: string): void {
  text(value, at)
  if (!FIELD_NAME.test(value) || OURS.test(value)) {
    throw new AdapterError(`${at} must be the name of a field that the suite may send.`)
  }
}

function fields(value: unknown, at: string): void {
  for (const [name, line] of Object.entries(recordOf(value, at))) {
    text(line, `${at}: ${name}`)
    // The value is not told: it may be a secret.
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(line)) {
      throw new AdapterError(`${at}: ${JSON.stringify(name)} cannot be sent as a field.`)
    }
    if (OURS.test(name)) throw new AdapterError(`${at}: ${name} is set by the suite itself.`)
  }
}

function credentials(value: unknown, at: string): void {
  if (!Array.isArray(value)) throw new AdapterError(`${at} must be a list of field names.`)
  for (const name of value) text(name, at)
}

function shortLife(value: unknown, at: string): void {
  const isIn = typeof value === 'number' && value > 0 && value <= SHORT_LIFE_LIMIT_MS
  if (!isIn) throw new AdapterError(`${at} must be milliseconds, from 1 to ${SHORT_LIFE_LIMIT_MS}.`)
}

function place(value: unknown, at: string): void {
  if (typeof value === 'object') shaped({ pointer }, ['pointer'])(value, at)
  else if (!['auto', 'field', 'form', 'location'].includes(String(value))) {
    throw new AdapterError(`${at} must be auto, field, form, location or {"pointer": "/..."}.`)
  }
}

function content(value: unknown, at: string): void {
  const members = recordOf(value, at)
  if ('json' in members) shaped({ json: () => {} })(value, at)
  else if ('form' in members) shaped({ form: strings })(value, at)
  else shaped({ type: text, text }, ['type', 'text'])(value, at)
}

function strings(value: unknown, at: string): void {
  for (const [name, member] of Object.entries(recordOf(value, at))) text(member, `${at}: ${name}`)
}
