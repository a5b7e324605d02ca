/**
 * `poe store stats`: how many records there are, and what is oldest.
 */
import { resourceOf } from '../../engine/resource-of.js'
import type { StoreCounts } from '../../engine/store-admin.js'
import { CALL_MS, COMMON_HELP, type Desk, EXIT_HELP, shownTime, type Verb } from './verb.js'

const MOST_BY_RESOURCE = 10_000
const STATES = ['running', 'undecided', 'spent', 'free', 'expired'] as const
const MEANINGS = {
  running: 'an owner is at work',
  undecided: 'the owner fell silent: decide them with `settle`',
  spent: 'done, with an outcome',
  free: 'the owner fell silent and nothing happened; as good as absent',
  expired: 'past their time; `purge` removes them',
} as const

/** The verb. */
export const STATS: Verb = {
  name: 'stats',
  summary: 'count records by state and resource',
  usage: '',
  help: `Counts all records by state, undecided ones by resource too, and tells what is oldest and
which epochs hold. Only of claims do stores keep the key, and so the resource; in no record is its
epoch kept. It reads everything once: for a person, not for a scraper.

${COMMON_HELP}

${EXIT_HELP}`,
  flags: {},
  words: 0,
  changes: false,
  plan: () => stats,
}

async function stats(desk: Desk): Promise<number> {
  const { admin, store } = desk.opened
  const counts = await admin.count()
  const { epochs } = await store.epoch(CALL_MS)
  const { resources, isWhole } = await byResource(desk)
  const { nowMs, oldestUndecidedMs, nextLapseMs, ...states } = counts
  const object = {
    ...{ store: desk.address.name, at: new Date(nowMs).toISOString(), ...states },
    oldestUndecided: isoOf(oldestUndecidedMs),
    nextLapse: isoOf(nextLapseMs),
    undecidedByResource: Object.fromEntries(resources),
    isUndecidedByResourceWhole: isWhole,
    epochs,
  }
  desk.print(object, [
    ...lines(desk, counts),
    ...resourceLines(resources, isWhole),
    epochLine(epochs),
  ])
  return 0
}

function lines(desk: Desk, counts: StoreCounts): string[] {
  const { nowMs, oldestUndecidedMs, nextLapseMs, undecided } = counts
  const rows = STATES.map(state => {
    const line = `${state.padEnd(10)} ${String(counts[state]).padStart(9)}   ${MEANINGS[state]}`
    return state === 'undecided' && undecided > 0 ? desk.coloured('yellow', line) : line
  })
  if (oldestUndecidedMs !== null) {
    rows.push(`Undecided for longest: since ${shownTime(oldestUndecidedMs, nowMs)}`)
  }
  if (nextLapseMs !== null) rows.push(`Next lease ends: ${shownTime(nextLapseMs, nowMs)}`)
  return rows
}

async function byResource(desk: Desk) {
  const resources = new Map<string, number>()
  let count = 0
  for await (const { key } of desk.operator.undecided()) {
    const name = resourceOf(key) ?? '(other)'
    resources.set(name, (resources.get(name) ?? 0) + 1)
    count += 1
    if (count >= MOST_BY_RESOURCE) return { resources, isWhole: false }
  }
  return { resources, isWhole: true }
}

function resourceLines(resources: ReadonlyMap<string, number>, isWhole: boolean): string[] {
  const rows = [...resources].map(([name, count]) => `  ${name}: ${count} undecided`)
  return isWhole ? rows : [...rows, `  (of the first ${MOST_BY_RESOURCE})`]
}

function epochLine(epochs: readonly string[]): string {
  const [first] = epochs
  return epochs.length === 1 ? `Epoch: ${first}` : `Epochs: ${epochs.length}, one in each bucket`
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
