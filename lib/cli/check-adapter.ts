/**
 * What `poe check` is told of the server: a file, and flags.
 */
import { readFile } from 'node:fs/promises'
import { AdapterError, readAdapter, type ServerAdapter } from '../conformance/index.js'
import { fromWhereTyped } from './arguments.js'
import { Misuse, type Terminal } from './command.js'

/** The flags that make an adapter. */
export interface AdapterFlags {
  readonly adapter?: string
  readonly header?: readonly string[]
  readonly valid?: string
  readonly invalid?: string
  readonly 'second-user'?: readonly string[]
  readonly effects?: string
}

/** RFC 9110 5.6.2 and 5.5. */
const FIELD = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/

/**
 * Reads the adapter: flags add to the file, and win over it.
 *
 * @throws Misuse; no value of a field is in its message
 */
export async function readAdapterFlags(
  values: AdapterFlags,
  terminal: Terminal,
): Promise<ServerAdapter> {
  const path = values.adapter
  const file = path === undefined ? {} : adapterOf(await readGiven(path, '--adapter', terminal))
  const fields = readFields(values.header, '--header')
  const secondUser = readFields(values['second-user'], '--second-user')
  const valid = readJson(values.valid, '--valid')
  const invalid = readJson(values.invalid, '--invalid')
  const effects = readEffects(values.effects)
  const known = file.credentials ?? ['Authorization', 'Cookie']
  return {
    ...file,
    ...(fields === null ? {} : { fields: { ...file.fields, ...fields } }),
    ...(secondUser === null
      ? {}
      : {
          secondUser: { ...file.secondUser, ...secondUser },
          credentials: [...known, ...Object.keys(secondUser)],
        }),
    ...(valid === null ? {} : { valid }),
    ...(invalid === null ? {} : { invalid }),
    ...(effects === null ? {} : { effects }),
  }
}

function adapterOf(text: string): ServerAdapter {
  try {
    return readAdapter(text)
  } catch (error) {
    if (error instanceof AdapterError) throw new Misuse(error.message)
    throw error
  }
}

function readFields(
  lines: readonly string[] | undefined,
  flag: string,
): Readonly<Record<string, string>> | null {
  if (lines === undefined) return null
  const fields: Record<string, string> = {}
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? []
    // The line is not repeated: it may hold a secret.
    if (name === undefined || value === undefined) {
      throw new Misuse(`${flag} takes a name, a colon and a value: 'X-User: ann'.`)
    }
    fields[name] = value.trim()
  }
  return fields
}

function readJson(text: string | undefined, flag: string): { readonly json: unknown } | null {
  if (text === undefined) return null
  try {
    return { json: JSON.parse(text) as unknown }
  } catch {
    throw new Misuse(`${flag} takes JSON; other contents go into an adapter file.`)
  }
}

function readEffects(text: string | undefined): Required<ServerAdapter>['effects'] | null {
  if (text === undefined) return null
  const at = text.indexOf('#')
  const pointer = text.slice(at + 1)
  if (at < 0 || (pointer !== '' && !pointer.startsWith('/'))) {
    throw new Misuse("--effects takes a URL, # and a JSON pointer: '/ledger#/orders'.")
  }
  return { url: text.slice(0, at), pointer }
}

/**
 * Reads a file that was named.
 *
 * @throws Misuse where it cannot be read
 */
export async function readGiven(path: string, flag: string, terminal: Terminal): Promise<string> {
  const file = fromWhereTyped(path, terminal)
  try {
    // Some editors begin a file with a mark that is no part of JSON.
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '')
  } catch (error) {
    throw new Misuse(`${flag}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}
