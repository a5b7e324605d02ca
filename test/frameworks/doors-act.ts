/**
 * What the handlers of the applications with every door do, as values: the same as on Koa, for
 * servers of any kind.
 */
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import createError from 'http-errors'
import { BINARY, LARGE, type Ledger } from '../koa/doors/doors-app.js'

/** What a request asks for. */
export interface Asked {
  readonly operation: string
  readonly verb: string
  readonly target?: string | undefined
  /** How much content it says to have. */
  readonly bytes: number
}

/** What is to be answered. */
export interface Spoken {
  readonly status: number
  readonly fields: Readonly<Record<string, string | readonly string[]>>
  readonly content: Uint8Array | Readable | null
}

/** Does what is asked for in the field `X-Do`. */
export async function act(
  { operation, verb, target, bytes }: Asked,
  ledger: Ledger,
): Promise<Spoken> {
  if (bytes > 1_048_576) throw createError(413, 'too large')
  ledger.run(operation)
  const [name = '', argument] = verb.split(' ')
  switch (name) {
    case 'refuse':
      return { status: Number(argument), ...json({ refused: argument }) }
    case 'throw':
      throw createError(Number(argument), 'refused')
    case 'boom':
      throw new Error('a surprise')
    case 'slow':
      await pause(Number(argument))
      break
    case 'wait':
      await ledger.doorOf(operation).opened
      break
    case 'hang':
      ledger.effect(operation, target)
      return new Promise<Spoken>(() => {})
    default:
  }
  const thing = ledger.effect(operation, target)
  return shape(name, thing, { Location: `/things/${thing}` })
}

function shape(verb: string, thing: number, made: { readonly Location: string }): Spoken {
  const binary = { ...made, 'Content-Type': 'application/octet-stream' }
  switch (verb) {
    case 'empty':
      return { status: 204, fields: {}, content: null }
    case 'binary':
      return { status: 201, fields: binary, content: BINARY }
    case 'stream':
      return { status: 201, fields: binary, content: Readable.from(PIECES) }
    case 'large':
      return { status: 201, fields: binary, content: LARGE }
    case 'large-bare':
      return { status: 201, fields: {}, content: LARGE }
    case 'redirect':
      return { status: 303, fields: made, content: null }
    case 'cookies': {
      const { fields, content } = json({ thing })
      const more = { 'Set-Cookie': ['a=1', 'b=2'], 'X-Request-Id': 'r1' }
      return { status: 201, fields: { ...made, ...fields, ...more, ...BASIC }, content }
    }
    default: {
      const { fields, content } = json({ thing })
      return { status: 201, fields: { ...made, ...fields }, content }
    }
  }
}

const PIECES = ['one ', 'two ', 'three'].map(piece => Buffer.from(piece))
const BASIC = { 'WWW-Authenticate': 'Basic' }

function json(value: unknown) {
  return {
    fields: { 'Content-Type': 'application/json' },
    content: Buffer.from(JSON.stringify(value)),
  }
}
