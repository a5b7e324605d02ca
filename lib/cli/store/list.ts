/**
 * `poe store list` and `poe store export`: records, page by page.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { resourceOf } from '../../engine/resource-of.js'
import type { ListedRecord } from '../../engine/store.js'
import { readCount } from '../arguments.js'
import { Misuse } from '../command.js'
import { type RecordView, viewOf } from './record-view.js'
import {
  CALL_MS,
  COMMON_HELP,
  type Desk,
  EXIT_HELP,
  readDuration,
  textOf,
  type Verb,
  type VerbValues,
} from './verb.js'

const USUAL = 100
const PAGE = 500
const STATES = ['undecided', 'running', 'spent', 'all'] as const

const FILTER_FLAGS = {
  state: { type: 'string' },
  resource: { type: 'string' },
  'older-than': { type: 'string' },
  limit: { type: 'string' },
  cursor: { type: 'string' },
} as const

const FILTER_HELP = `\
  --resource <name>      only of this resource; of a spent record the store does not keep it
  --older-than <time>    undecided for longer than this, such as 90s, 15m, 2h or 1d
  --limit <n>            stop after about so many records
  --cursor <text>        go on where a list said that there is more`

/** The verb. */
export const LIST: Verb = {
  name: 'list',
  summary: 'list records, undecided ones unless told otherwise',
  usage: '[--state <state>] [filters]',
  help: `Lists records, a line for each: since when, key, owner. What \`settle\` takes.

  --state <state>        undecided (the default), running, spent, or all
${FILTER_HELP.replace('so many records', 'so many records. Default: 100')}
${COMMON_HELP}

--json prints {"records": [...], "cursor": ...}; a cursor that is not null says that there is more.
Of a spent record the store keeps no key, only its hash: \`show\` finds it by the key or the link.

${EXIT_HELP}`,
  flags: FILTER_FLAGS,
  words: 0,
  changes: false,
  plan(values) {
    const filter = readFilter(values, 'undecided', USUAL)
    return async desk => {
      const found: ListedView[] = []
      const cursor = await eachRecord(desk, filter, view => {
        found.push(view)
      })
      desk.print({ records: found, cursor }, [
        ...found.map(lineOf),
        ...(found.length === 0
          ? [`No record is ${filter.state === 'all' ? 'there' : filter.state}.`]
          : []),
        ...(cursor === null ? [] : [`There is more: --cursor '${cursor}'`]),
      ])
      return 0
    }
  },
}

/** The verb. */
export const EXPORT: Verb = {
  name: 'export',
  summary: 'print all records as NDJSON, without content and secrets',
  usage: '[--state <state>] [filters]',
  help: `Prints a line of JSON for each record, while servers go on. No body, no secret, no digest
of who claimed it. It is a report, no backup: nothing reads it back.

  --state <state>        all (the default), undecided, running or spent
${FILTER_HELP}
${COMMON_HELP}

${EXIT_HELP}`,
  flags: FILTER_FLAGS,
  words: 0,
  changes: false,
  plan(values) {
    const filter = readFilter(values, 'all', Number.POSITIVE_INFINITY)
    return async desk => {
      const { terminal } = desk
      const cursor = await eachRecord(desk, filter, view => {
        terminal.out(JSON.stringify(view))
      })
      if (cursor !== null) terminal.err(`There is more: --cursor '${cursor}'`)
      return 0
    }
  },
}

/** What a list tells: of an undecided record what decides it, of others all. */
type ListedView = Partial<RecordView> & Pick<RecordView, 'key' | 'resource' | 'state' | 'owner'>

interface Filter {
  readonly state: (typeof STATES)[number]
  readonly resource: string | null
  readonly olderThanMs: number | null
  readonly limit: number
  readonly cursor: string | null
}

function readFilter(values: VerbValues, state: Filter['state'], limit: number): Filter {
  const given = textOf(values, 'state') ?? state
  const known = STATES.find(each => each === given)
  if (known === undefined) throw new Misuse(`--state takes one of ${STATES.join(', ')}.`)
  const older = textOf(values, 'older-than')
  if (older !== undefined && known !== 'undecided') {
    throw new Misuse('--older-than goes with --state undecided: other records have no such time.')
  }
  return {
    state: known,
    resource: textOf(values, 'resource') ?? null,
    olderThanMs: older === undefined ? null : readDuration(older, 'older-than'),
    limit: readCount(textOf(values, 'limit'), 'limit') ?? limit,
    cursor: textOf(values, 'cursor') ?? null,
  }
}

/** @returns the cursor of the next page; `null` where all were looked at */
async function eachRecord(
  desk: Desk,
  filter: Filter,
  tell: (view: ListedView) => void,
): Promise<string | null> {
  const interrupted = desk.terminal.interruption()
  const stopped = new Promise(resolve => interrupted.addEventListener('abort', resolve))
  let { cursor } = filter
  let count = 0
  do {
    interrupted.throwIfAborted()
    const most = Math.min(PAGE, filter.limit - count)
    const page = await pageOf(desk, filter, cursor, most)
    for (const view of page.views) {
      if (filter.resource !== null && view.resource !== filter.resource) continue
      tell(view)
      count += 1
    }
    cursor = page.cursor
    // A reader may be slow, and where the store has all at hand nothing else lets a signal in.
    await Promise.race([desk.terminal.flushed?.(), stopped])
    await nextTurn()
  } while (cursor !== null && count < filter.limit)
  return cursor
}

async function pageOf(
  { opened: { admin, store } }: Desk,
  { state, olderThanMs }: Filter,
  cursor: string | null,
  limit: number,
): Promise<{ readonly views: readonly ListedView[]; readonly cursor: string | null }> {
  try {
    if (state !== 'undecided') {
      const page = await admin.scan({ ...(state !== 'all' && { state }), limit, cursor })
      return { views: page.records.map(viewOf), cursor: page.cursor }
    }
    // By the index of doubt, which costs as much as there is undecided.
    const { nowMs } = await store.epoch(CALL_MS)
    const before = olderThanMs === null ? undefined : Math.max(0, nowMs - olderThanMs)
    const page = await store.list({ state, limit, cursor, before }, CALL_MS)
    return { views: page.records.map(undecided), cursor: page.cursor }
  } catch (error) {
    if (error instanceof TypeError && cursor !== null) {
      throw new Misuse('--cursor is none that this list has given.')
    }
    throw error
  }
}

function undecided({ key, owner, sinceMs }: ListedRecord): ListedView {
  const since = new Date(sinceMs).toISOString()
  return { key, resource: resourceOf(key), state: 'undecided', owner, since }
}

function lineOf(view: ListedView): string {
  const { state, since, leaseUntil, key, id, owner, status, location } = view
  const name = key ?? id
  switch (state) {
    case 'spent':
      return ['spent', name, status, location].filter(part => part != null).join(' ')
    case 'running':
      return `running until ${leaseUntil} ${name} ${owner}`
    default:
      return [state, since ?? '', name, owner].filter(part => part != null).join(' ')
  }
}
