/** What handlers say of which chance decides, in words for any server. */
import { createRequire } from 'node:module'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import createError from 'http-errors'

const rawBody = createRequire(import.meta.url)('raw-body')

/** What a handler says after its effect: that it is done. */
export const YES = ['json', 'text', 'stream', 'slow', '204', '303', 'by itself', 'begun'] as const
/** What it says in place of an effect: that nothing happened. */
export const NO = ['a refusal', 'a thrown refusal'] as const
/** What says nothing about the effect. */
export const SILENCE = [
  ...(['an error', 'a status of others', '500', 'nothing', 'no Location', 'breaks'] as const),
  ...(['an end of others', 'an answer of others', 'content of others', 'a missing file'] as const),
  ...(['null', 'a broken pipe', 'no JSON', 'a lost answer', 'a lost request'] as const),
]

/** Errors that are thrown alike on any server. */
export const ERRORS = {
  'an error': () => {
    throw new Error('planted')
  },
  'a status of others': () => {
    throw Object.assign(new Error('planted'), { status: 404 })
  },
  'an end of others': () => {
    throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  },
  'an answer of others': () => {
    throw createError(500, Object.assign(new Error('planted'), { status: 422 }))
  },
  'content of others': async () => {
    await rawBody(Readable.from([Buffer.alloc(9)]), { limit: 2 })
  },
  'a missing file': () => {
    throw createError(404, Object.assign(new Error('planted'), { code: 'ENOENT' }))
  },
  null: () => {
    throw null
  },
} as const

/** What JSON cannot say. */
export function circular(): object {
  const one: Record<string, unknown> = {}
  return Object.assign(one, { one })
}

/** Passes what is left of a content on to what fails. */
export async function pipeOn(content: Readable): Promise<void> {
  const failing = new Writable({ write: (_piece, _coding, done) => done(new Error('planted')) })
  await pipeline(content.readable ? content : Readable.from(['tea']), failing)
}

/** What a handler may say. */
export type Word = (typeof YES)[number] | (typeof NO)[number] | (typeof SILENCE)[number]

/** Whether it says that it is done. */
export function isYes(word: Word): boolean {
  return (YES as readonly Word[]).includes(word)
}

/** Whether it says that nothing happened. */
export function isNo(word: Word): boolean {
  return (NO as readonly Word[]).includes(word)
}

/** Comes in pieces. */
export async function* slowly(): AsyncGenerator<Buffer> {
  yield Buffer.from('do')
  await pause(8)
  yield Buffer.from('ne')
}

/** Comes in pieces, and not to an end. */
export async function* breaking(): AsyncGenerator<Buffer> {
  yield* slowly()
  throw new Error('planted')
}
