/**
 * `poe store purge`, `rotate-epoch` and `rotate-secret`: what concerns the whole store.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { StoredSecret } from '../../engine/store.js'
import { makeSecret } from '../../protocols/poe/index.js'
import { readCount } from '../arguments.js'
import { Misuse } from '../command.js'
import {
  CALL_MS,
  CHANGE_FLAGS,
  CHANGE_HELP,
  type Desk,
  EXIT_HELP,
  isGiven,
  textOf,
  type Verb,
} from './verb.js'

const BATCH = 500
/** Between two batches servers have the store for themselves. */
const PAUSE_MS = 50

/** The verb. */
export const PURGE: Verb = {
  name: 'purge',
  summary: 'remove records that are past their time',
  usage: '[--limit <n>]',
  help: `Removes records that are past their horizon, ${BATCH} at a time with pauses between, so
that servers go on. A claim that somebody is at work on stays, and so does what has no end. Redis
removes its records by itself.

  --limit <n>            stop after so many records
${CHANGE_HELP}

${EXIT_HELP}`,
  flags: { ...CHANGE_FLAGS, limit: { type: 'string' } },
  words: 0,
  changes: true,
  plan(values) {
    const limit = readCount(textOf(values, 'limit'), 'limit') ?? Number.POSITIVE_INFINITY
    return desk => purge(desk, limit)
  },
}

/** The verb. */
export const ROTATE_EPOCH: Verb = {
  name: 'rotate-epoch',
  summary: 'void all unspent links, after a backup was restored',
  usage: '',
  help: `Gives the store another name for its memory. For after a backup was restored: the store has
forgotten what came after it, and a link that was spent since would look unspent. From then on links
that were handed out before and have no record are answered 410, \`forgotten\`, and none of them
runs; records that are there answer as before. Servers that run notice it at the next POST.

${CHANGE_HELP}

${EXIT_HELP}`,
  flags: CHANGE_FLAGS,
  words: 0,
  changes: true,
  plan: () => rotateEpoch,
}

/** The verb. */
export const ROTATE_SECRET: Verb = {
  name: 'rotate-secret',
  summary: 'sign new links with a fresh secret',
  usage: '[--drop <id>] [--print]',
  help: `Where the store keeps the secrets (no \`secrets\` option is given): puts a fresh one first,
which signs, and keeps the others, which go on verifying. A server that runs takes it on when it
reads the secrets again: at its start, or at the first link that another one signed with it (for a
second after its last reading it answers that one 404).

Where the application gives them (\`secrets: [...]\`), nothing is stored: it makes a text, and says
where it goes: before the others, which stay listed until lifetime and horizon of the last link that
they signed are over (25 hours by default).

  --drop <id>            retire this secret instead: every link that it signed is unverifiable then.
                         For one that is older than lifetime and horizon, or that was stolen. Start
                         all servers again afterwards: they still have it in memory
  --print                make a text for the \`secrets\` option, and touch no store
${CHANGE_HELP}

Secrets that a store keeps are never printed, their ids are.

${EXIT_HELP}`,
  flags: { ...CHANGE_FLAGS, drop: { type: 'string' }, print: { type: 'boolean' } },
  words: 0,
  changes: true,
  plan(values) {
    const drop = textOf(values, 'drop')
    if (isGiven(values, 'print') && drop !== undefined) {
      throw new Misuse('Give one of --drop and --print.')
    }
    return drop === undefined ? addSecret : desk => dropSecret(desk, drop)
  },
  alone: (values, about) => (isGiven(values, 'print') ? printSecret(about) : null),
}

async function purge(desk: Desk, limit: number): Promise<number> {
  const { store, admin } = desk.opened
  if (store.capabilities.nativeExpiry) {
    desk.print({ isDone: true, removed: 0 }, ['This store removes them by itself.'])
    return 0
  }
  const { expired } = await admin.count()
  const most = Math.min(limit, expired)
  const found =
    expired === 1 ? '1 record is past its time' : `${expired} records are past their time`
  if (!(await desk.confirm([`${found}; to be removed: ${most}.`]))) return 0
  const interrupted = desk.terminal.interruption()
  let removed = 0
  for (;;) {
    const batch = await store.purge(Math.min(BATCH, limit - removed))
    removed += batch.removed
    desk.terminal.live?.(`${removed} removed`)
    if (!batch.more || batch.removed === 0 || removed >= limit) break
    if (interrupted.aborted) {
      desk.terminal.err(`Interrupted; ${removed} were removed.`)
      interrupted.throwIfAborted()
    }
    await pause(PAUSE_MS)
  }
  desk.terminal.live?.('')
  desk.print({ isDone: true, removed }, [`${removed} removed.`])
  return 0
}

async function rotateEpoch(desk: Desk): Promise<number> {
  const { store } = desk.opened
  const sure = await desk.confirm([
    'Every link that was handed out and is not spent is void from then on: its holder is told to ',
    'get another one. What is spent, running or undecided answers as before.',
  ])
  if (!sure) return 0
  await store.rotateEpoch()
  const { epochs } = await store.epoch(CALL_MS)
  desk.print({ isDone: true, epochs }, ['Rotated. Servers that run notice it at the next POST.'])
  return 0
}

/** For the application's own configuration: printed, for that is its purpose, and kept nowhere. */
function printSecret({ terminal, isJson }: Pick<Desk, 'terminal' | 'isJson'>): number {
  const secret = randomBytes(32).toString('base64url')
  if (isJson) {
    terminal.out(JSON.stringify({ isDone: false, secret }))
    return 0
  }
  terminal.out(secret)
  terminal.err('Nothing was stored. Put it into the configuration of every server, before the')
  terminal.err(
    'others: poe({ secrets: [the new one, ...the old ones] }). In two steps, where servers',
  )
  terminal.err(
    'are not changed all at once: first at the end of the list everywhere, then in front.',
  )
  terminal.err('Leave the old ones there for lifetime and horizon (25 hours by default).')
  return 0
}

async function addSecret(desk: Desk): Promise<number> {
  const kept = await desk.opened.store.secrets([], CALL_MS)
  if (kept.length === 0) {
    desk.terminal.err('The store keeps no secrets: the application gives its own.')
    return printSecret(desk)
  }
  const fresh = makeSecret()
  const lines = [
    `Secrets now: ${idsOf(kept)}; the first one signs.`,
    `A fresh one, ${fresh.id}, is put before them, and signs from then on.`,
  ]
  return await replace(desk, kept, [fresh, ...kept], lines)
}

async function dropSecret(desk: Desk, id: string): Promise<number> {
  const kept = await desk.opened.store.secrets([], CALL_MS)
  const rest = kept.filter(secret => secret.id !== id)
  if (rest.length === kept.length) {
    desk.terminal.err(`The store keeps no secret ${id}. It has: ${idsOf(kept) || 'none'}.`)
    return 1
  }
  if (rest.length === 0) {
    desk.terminal.err('It is the only one. Put another before it first: `poe store rotate-secret`.')
    return 1
  }
  const lines = [
    `The secret ${id} is dropped: no link that it signed can be verified from then on.`,
  ]
  return await replace(desk, kept, rest, lines)
}

async function replace(
  desk: Desk,
  kept: readonly StoredSecret[],
  next: readonly StoredSecret[],
  lines: readonly string[],
): Promise<number> {
  if (!(await desk.confirm(lines))) return 0
  const ids = kept.map(({ id }) => id)
  if (!(await desk.opened.admin.replaceSecrets(ids, next))) {
    desk.terminal.err('Somebody else has changed the secrets just now; nothing was written.')
    return 1
  }
  const now = next.map(({ id }) => id)
  desk.print({ isDone: true, secretIds: now }, [`Secrets now: ${now.join(', ')}.`])
  return 0
}

function idsOf(secrets: readonly StoredSecret[]): string {
  return secrets.map(({ id }) => id).join(', ')
}
