/**
 * Asks a server over a socket of its own, any method and any target, byte for byte, and reads the
 * answer in the form in which tests look at it.
 */
import {
  fieldValues,
  type RawRequestParts,
  rawRequest,
  requestBytes,
  responseOf,
} from 'post-once-exactly/testing'

/** An answer as it came. */
export interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly text: string
  /** Every field, names in lower case, several lines joined. */
  readonly fields: Readonly<Record<string, string>>
  /** One field's value, `null` where it is absent. */
  field(name: string): string | null
  /** The members of `Allow`, sorted; `null` where it is absent. */
  readonly allow: readonly string[] | null
  /** The body as a JSON object. */
  json(): Record<string, unknown>
}

/** The part of a world that is asked. */
export interface Asked {
  readonly port: number
}

/** Sends one request; nothing is checked, normalised or followed. */
export async function ask(
  { port }: Asked,
  method: string,
  path: string,
  parts: Pick<RawRequestParts, 'body'> & { headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> {
  const bytes = requestBytes({ method, path, ...parts })
  const { status, body, fields: lines } = responseOf(await rawRequest({ port, bytes }))
  const names = new Set(lines.map(({ name }) => name.toLowerCase()))
  const fields = Object.fromEntries(
    [...names].map(name => [name, fieldValues({ fields: lines }, name).join(', ')]),
  )
  const field = (name: string) => fields[name.toLowerCase()] ?? null
  return {
    status,
    body,
    fields,
    field,
    text: body.toString(),
    allow: membersOf(field('Allow')),
    json: () => JSON.parse(body.toString()) as Record<string, unknown>,
  }
}

/** POSTs JSON, as {@link ask}. */
export function post(
  asked: Asked,
  path: string,
  json: unknown = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const body = JSON.stringify(json)
  return ask(asked, 'POST', path, {
    body,
    headers: { 'Content-Type': 'application/json', ...headers },
  })
}

/** The members of a list field, sorted; `null` where the field is absent. */
export function membersOf(value: string | null): readonly string[] | null {
  return value === null
    ? null
    : value
        .split(',')
        .map(each => each.trim())
        .filter(Boolean)
        .sort()
}
