/**
 * `poe store check`: whether the store can be relied on.
 */
import type { StoreSetting } from '../../engine/store-admin.js'
import { CALL_MS, COMMON_HELP, type Desk, type Verb } from './verb.js'

/** A clock that is off by more is worth a word, in milliseconds. */
const MOST_SKEW_MS = 1_000
const LONG_SILENCE_MS = 900_000
const COLOURS = { right: 'green', doubtful: 'yellow', wrong: 'red' } as const

/** The verb. */
export const CHECK_STORE: Verb = {
  name: 'check',
  summary: 'say what is wrong with the store, and how to mend it',
  usage: '',
  help: `Looks at the version of its tables, at the clocks, at what keeps answers on the disk, and
at what waits for an operator. Changes nothing. The clock is compared with this machine's: run
it where the servers run.

${COMMON_HELP}

Exit codes: 0 nothing is wrong (there may be doubts), 1 something is wrong or the store cannot be
used, 2 misuse.`,
  flags: {},
  words: 0,
  changes: false,
  plan: () => check,
}

async function check(desk: Desk): Promise<number> {
  const { store, admin } = desk.opened
  const sentMs = Date.now()
  // Refuses tables of another version, a replica, and what the store never works with.
  const { nowMs } = await store.epoch(CALL_MS)
  const clock = clockSetting(nowMs, sentMs, Date.now())
  const known = await store.secrets([], CALL_MS)
  const settings = [
    { name: 'version of the tables', value: 'as this release needs it', ...RIGHT },
    ...(desk.address.kind === 'sqlite' ? [] : [clock]),
    secretsSetting(known.length),
    ...(await admin.settings(CALL_MS)),
    await silence(desk),
  ]
  const isWrong = settings.some(({ level }) => level === 'wrong')
  desk.print({ store: desk.address.name, isRight: !isWrong, settings }, [
    ...settings.map(setting => lineOf(desk, setting)),
    isWrong ? 'Something is wrong.' : 'Nothing is wrong.',
  ])
  return isWrong ? 1 : 0
}

const RIGHT = { level: 'right', advice: null } as const

function clockSetting(nowMs: number, sentMs: number, receivedMs: number): StoreSetting {
  const skewMs = Math.round(nowMs - (sentMs + receivedMs) / 2)
  const value = `${skewMs} ms against this machine`
  const name = "the store's clock"
  if (Math.abs(skewMs) <= MOST_SKEW_MS + (receivedMs - sentMs) / 2) return { name, value, ...RIGHT }
  const advice =
    "Links and leases go by the store's clock, so nothing runs twice; but one that is set while " +
    'servers run makes leases and links end early or late. Let NTP keep both.'
  return { name, value, level: 'doubtful', advice }
}

function secretsSetting(count: number): StoreSetting {
  const value = count === 0 ? "the application's" : `${count}, kept in the store`
  return { name: 'signing secrets', value, ...RIGHT }
}

async function silence(desk: Desk): Promise<StoreSetting> {
  const { store } = desk.opened
  const { nowMs } = await store.epoch(CALL_MS)
  const before = nowMs - LONG_SILENCE_MS
  let page = await store.list({ state: 'undecided', before, limit: 100 }, CALL_MS)
  let count = page.records.length
  while (page.cursor !== null && count < 1_000) {
    const { cursor } = page
    page = await store.list({ state: 'undecided', before, limit: 100, cursor }, CALL_MS)
    count += page.records.length
  }
  const name = 'undecided for 15 min'
  if (count === 0) return { name, value: 'none', ...RIGHT }
  const value = page.cursor === null ? String(count) : `${count} or more`
  const advice = 'Their callers wait for a decision: `poe store list`, then `poe store settle`.'
  return { name, value, level: 'doubtful', advice }
}

function lineOf(desk: Desk, { name, value, level, advice }: StoreSetting): string {
  const head = `${desk.coloured(COLOURS[level], level.padEnd(9))}${name}: ${value}`
  return advice === null ? head : `${head}\n         ${advice}`
}
