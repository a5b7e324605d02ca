/**
 * Which record is meant: by its key, or by a link as it was handed out.
 */
import { readToken, recordKey } from '../../protocols/poe/index.js'
import { Misuse } from '../command.js'
import type { Desk } from './verb.js'

/** How far is looked for the resource of a link, in records. */
const MOST_LOOKED_AT = 100_000

/** Of a key or a link, for the help. */
export const KEY_HELP = `\
  <key or link>          a record's key, as logs and \`list\` tell it; or a link
  --resource <name>      of a link: the resource's name. Needed where its record is spent`

/** The flag that goes with it. */
export const KEY_FLAGS = { resource: { type: 'string' } } as const

/**
 * Reads a key or a link.
 *
 * @param word - what was given
 * @param resource - the resource's name, where it was given
 * @returns finds the key; gives `null` where no record is there that it could be
 * @throws Misuse
 */
export function readKey(
  word: string | undefined,
  resource: string | undefined,
): (desk: Desk) => Promise<string | null> {
  if (word === undefined || word === '') throw new Misuse('Give a key, or a link.')
  const nonce = nonceOf(word)
  if (nonce === null) {
    if (resource !== undefined) throw new Misuse('--resource goes with a link, not with a key.')
    return async () => word
  }
  if (resource !== undefined) return async () => recordKey(resource, nonce)
  return desk => searched(desk, nonce)
}

/** The nonce of the link's token; `null` for what is no link of ours. */
function nonceOf(word: string): string | null {
  for (const segment of word.split(/[/?#]/)) {
    const token = readToken(segment)
    if (token !== null) return token.nonce
  }
  return null
}

/** The undoing of an action has a key of its own, which begins with that of the action. */
function isOf(key: string, nonce: string): boolean {
  return key.replace(/:undo\d+$/, '').endsWith(`:${nonce}`)
}

/** Only of claims is the key kept; what is spent is known by the hash of it. */
async function searched(desk: Desk, nonce: string): Promise<string | null> {
  let count = 0
  for await (const { key } of desk.operator.undecided()) {
    if (isOf(key, nonce)) return key
    count += 1
    if (count >= MOST_LOOKED_AT) break
  }
  let cursor: string | null = null
  const { admin } = desk.opened
  do {
    const page = await admin.scan({ state: 'running', limit: 1_000, cursor })
    const found = page.records.find(({ key }) => key !== null && isOf(key, nonce))
    if (found !== undefined) return found.key
    cursor = page.cursor
  } while (cursor !== null)
  throw new Misuse(
    'No claim of that link is under way or undecided. It may be spent or unused: give --resource ' +
      'with the name of its resource.',
  )
}
