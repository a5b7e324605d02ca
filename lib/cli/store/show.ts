/**
 * `poe store show`: one record.
 */
import { decodeOutcome } from '../../engine/outcome.js'
import { bodyOf } from '../report.js'
import { KEY_FLAGS, KEY_HELP, readKey } from './key-of.js'
import { viewOf } from './record-view.js'
import { COMMON_HELP, type Desk, isGiven, textOf, type Verb } from './verb.js'

/** The verb. */
export const SHOW: Verb = {
  name: 'show',
  summary: 'show one record, by its key or its link',
  usage: '<key or link> [--body]',
  help: `Shows what the store holds of one record. No secret and no digest of who claimed it; the
body of the answer only where it is asked for.

${KEY_HELP}
  --body                 the body of the recorded answer, too: it is somebody's data
${COMMON_HELP}

Exit codes: 0 shown, 1 there is no record or the store cannot be used, 2 misuse.`,
  flags: { ...KEY_FLAGS, body: { type: 'boolean' } },
  words: 1,
  changes: false,
  plan(values, [word]) {
    const find = readKey(word, textOf(values, 'resource'))
    const withBody = isGiven(values, 'body')
    return desk => show(desk, find, withBody)
  },
}

async function show(
  desk: Desk,
  find: (desk: Desk) => Promise<string | null>,
  withBody: boolean,
): Promise<number> {
  const key = await find(desk)
  const record = key === null ? null : await desk.opened.admin.find(key)
  if (key === null || record === null) {
    desk.print(null, [])
    desk.terminal.err('The store has no record of it: never used, released, or purged.')
    return 1
  }
  const view = viewOf(record)
  const body = withBody ? { body: await readBody(desk, key) } : {}
  const lines = Object.entries(view)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.padEnd(12)} ${value}`)
  if (withBody)
    lines.push('', typeof body.body === 'string' ? body.body : JSON.stringify(body.body))
  desk.print({ ...view, ...body }, lines)
  return 0
}

/** JSON as a value, text as text, all else in base64; `null` for none. */
async function readBody(desk: Desk, key: string): Promise<unknown> {
  const found = await desk.operator.inspect(key)
  if (found.state !== 'spent') return null
  const { body, fields } = decodeOutcome(found.outcome, found.nowMs)
  if (body.kind !== 'kept') return null
  const type = fields.find(([name]) => name === 'content-type')?.[1] ?? null
  return bodyOf({ bytes: body.bytes, type, failure: null })
}
