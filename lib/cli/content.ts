/**
 * The content of a POST, as the arguments give it.
 */
import { readFile } from 'node:fs/promises'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { parseJson } from '../client/answer.js'
import { fromWhereTyped } from './arguments.js'
import { Misuse, type Terminal } from './command.js'

/** The flags that give content. */
export const CONTENT_FLAGS = {
  json: { type: 'string' },
  form: { type: 'string' },
  data: { type: 'string' },
} as const

/** Where content comes from. */
export interface ContentSource {
  readonly kind: 'text' | 'file' | 'stdin'
  /** The text, or the path. */
  readonly value: string
  readonly type: string
}

/**
 * Reads which content is meant, and nothing of it yet.
 *
 * @throws Misuse
 */
export function readContentSource(values: {
  readonly json?: string
  readonly form?: string
  readonly data?: string
}): ContentSource {
  const { json, form, data } = values
  const given = [json, form, data].filter(value => value !== undefined)
  if (given.length === 0) {
    throw new Misuse("Give the content: --json, --form or --data; --data '' for none.")
  }
  if (given.length > 1) throw new Misuse('Give one of --json, --form and --data.')
  if (json !== undefined) return { kind: 'text', value: checkJson(json), type: 'application/json' }
  if (form !== undefined) {
    return { kind: 'text', value: form, type: 'application/x-www-form-urlencoded' }
  }
  return { ...dataSource(data ?? ''), type: 'application/octet-stream' }
}

/**
 * Reads the content.
 *
 * @param source - what {@link readContentSource} gave
 * @param terminal - has stdin, and the folder for relative paths
 * @param signal - ends the reading of stdin
 * @throws Misuse for a file that cannot be read
 * @throws the signal's reason
 */
export async function readContent(
  source: ContentSource,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<string | Uint8Array<ArrayBuffer>> {
  if (source.kind === 'text') return source.value
  if (source.kind === 'stdin') return await readStdin(terminal, signal)
  const path = fromWhereTyped(source.value, terminal)
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Misuse(`The file of --data cannot be read: ${why}`)
  }
}

function checkJson(text: string): string {
  if (parseJson(text) !== undefined) return text
  const path = /^@./.test(text) ? text : '@file'
  throw new Misuse(
    'What --json gives is no JSON; nothing was sent. Is it quoted for the shell? A file is sent ' +
      `with --data ${path} --header 'Content-Type: application/json'.`,
  )
}

function dataSource(data: string): Omit<ContentSource, 'type'> {
  if (data === '-' || data === '@-') return { kind: 'stdin', value: '' }
  if (data === '@') throw new Misuse('--data @ lacks the name of a file.')
  if (data.startsWith('@')) return { kind: 'file', value: data.slice(1) }
  return { kind: 'text', value: data }
}

async function readStdin(
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (terminal.isTyped) terminal.err('Type the content; Ctrl-D on a line of its own ends it.')
  try {
    return new Uint8Array(await buffer(addAbortSignal(signal, terminal.stdin())))
  } catch (error) {
    signal.throwIfAborted()
    const why = error instanceof Error ? error.message : String(error)
    throw new Misuse(`The content cannot be read from stdin: ${why}`)
  }
}
