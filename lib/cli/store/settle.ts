/**
 * `poe store settle` and `poe store release`: what becomes of one record.
 */
import type { Reconciled } from '../../engine/operation.js'
import { decisionOf } from '../../engine/reconciled.js'
import type { StoredRecord } from '../../engine/store-admin.js'
import { Misuse } from '../command.js'
import { KEY_FLAGS, KEY_HELP, readKey } from './key-of.js'
import {
  CALL_MS,
  CHANGE_FLAGS,
  CHANGE_HELP,
  type Desk,
  isGiven,
  shownTime,
  textOf,
  type Verb,
  type VerbValues,
} from './verb.js'

/** The verb. */
export const SETTLE: Verb = {
  name: 'settle',
  summary: 'decide an undecided record',
  usage: '<key or link> (--happened [--location <uri>] | --did-not-happen)',
  help: `Decides a record whose owner fell silent. It happened: whoever asks again is told so, and
led to the result. It did not, *and cannot any more*: the link is free, and the next POST runs. Find
out first, where the effect is: a wrong word here is a second effect, or a lost one.

${KEY_HELP}
  --happened             it took effect
    --location <uri>     where its result is
    --status <n>         of the answer that is told; by default 201 with a location, else 200
  --did-not-happen       it did not take effect, and whoever began it cannot do it any more
  --owner <id>           decide only what this owner left; by default whoever the record names
${CHANGE_HELP}

Exit codes: 0 decided, 1 it is not undecided (any more) or the store cannot be used, 2 misuse or not
confirmed.`,
  flags: {
    ...{ ...KEY_FLAGS, ...CHANGE_FLAGS, happened: { type: 'boolean' } },
    'did-not-happen': { type: 'boolean' },
    ...{ location: { type: 'string' }, status: { type: 'string' }, owner: { type: 'string' } },
  },
  words: 1,
  changes: true,
  plan(values, [word]) {
    const find = readKey(word, textOf(values, 'resource'))
    const verdict = readVerdict(values)
    const owner = textOf(values, 'owner') ?? null
    return desk => settle(desk, find, verdict, owner)
  },
}

/** The verb. */
export const RELEASE: Verb = {
  name: 'release',
  summary: 'free the claim of a process that is known to be dead',
  usage: '<key or link> [--did-not-happen]',
  help: `Frees a claim that is at work, before its lease ends. Only where its process is known to be
dead: nothing else tells it. Whatever the old holder still says afterwards does not count: its
renewal and its completion are refused, a transaction of its is undone.

A claim whose silence means doubt may have had its effect already. It is freed only with
--did-not-happen; to say the contrary, wait for the end of its lease and \`settle\` it.

${KEY_HELP}
  --did-not-happen       it did not take effect, and cannot any more
${CHANGE_HELP}

Exit codes: 0 freed, 1 there is nothing to free or the store cannot be used, 2 misuse or not
confirmed.`,
  flags: { ...KEY_FLAGS, ...CHANGE_FLAGS, 'did-not-happen': { type: 'boolean' } },
  words: 1,
  changes: true,
  plan(values, [word]) {
    const find = readKey(word, textOf(values, 'resource'))
    const isKnown = isGiven(values, 'did-not-happen')
    return desk => release(desk, find, isKnown)
  },
}

function readVerdict(values: VerbValues): Reconciled {
  const [isDone, isNot] = [isGiven(values, 'happened'), isGiven(values, 'did-not-happen')]
  if (isDone === isNot) throw new Misuse('Give one of --happened and --did-not-happen.')
  const [location, status] = [textOf(values, 'location'), textOf(values, 'status')]
  if (isNot) {
    if (location === undefined && status === undefined) return { verdict: 'did-not-happen' }
    throw new Misuse('--location and --status go with --happened.')
  }
  const verdict: Reconciled = {
    verdict: 'happened',
    outcome: {
      ...(location !== undefined && { location }),
      ...(status !== undefined && { status: Number(status) }),
    },
  }
  try {
    decisionOf('settle', verdict, 0)
  } catch (error) {
    throw new Misuse(`${error instanceof Error ? error.message : error}.`)
  }
  return verdict
}

async function settle(
  desk: Desk,
  find: (desk: Desk) => Promise<string | null>,
  verdict: Reconciled,
  expected: string | null,
): Promise<number> {
  const record = await foundAt(desk, find)
  if (record === null) return 1
  const { key, owner, state, leaseUntilMs } = record
  if (state !== 'undecided' || owner === null || key === null) {
    const what = state === 'running' ? 'is at work; wait for the end of its lease' : `is ${state}`
    return refuse(desk, key, `The record ${what}, not undecided.`)
  }
  if (expected !== null && expected !== owner) {
    return refuse(desk, key, `The record is another owner's by now: ${owner}.`)
  }
  const { nowMs } = await desk.opened.store.epoch(CALL_MS)
  const since = `Undecided since ${shownTime(leaseUntilMs, nowMs)}`
  const lines = [`Record: ${key}`, since, ...consequence(verdict)]
  if (!(await desk.confirm(lines))) return 0
  if (!(await desk.operator.settle(key, owner, verdict))) {
    return refuse(
      desk,
      key,
      'It is not undecided any more: somebody else decided, or its owner did.',
    )
  }
  desk.print({ isDone: true, key, owner, verdict: verdict.verdict }, ['Decided.'])
  return 0
}

function consequence(verdict: Reconciled): string[] {
  if (verdict.verdict !== 'happened') {
    return ['It did not happen, and cannot any more: the next POST runs it.']
  }
  const { location } = verdict.outcome
  const result = location === undefined ? [] : [`Its result is at ${location}.`]
  return ['It happened: nobody runs it again.', ...result]
}

async function release(
  desk: Desk,
  find: (desk: Desk) => Promise<string | null>,
  isKnown: boolean,
): Promise<number> {
  const record = await foundAt(desk, find)
  if (record === null) return 1
  const { key, owner, state, leaseUntilMs, onSilence } = record
  if (state === 'undecided') return refuse(desk, key, 'It is undecided: `settle` decides it.')
  if (state !== 'running' || owner === null || key === null) {
    return refuse(desk, key, `The record is ${state}: nobody holds it.`)
  }
  const { nowMs } = await desk.opened.store.epoch(CALL_MS)
  const ends = shownTime(leaseUntilMs, nowMs)
  if (onSilence === 'undecided' && !isKnown) {
    return refuse(
      desk,
      key,
      'Its effect may have happened. Say --did-not-happen if it did not and cannot any more; ' +
        `else \`settle\` it once its lease ends: ${ends}.`,
    )
  }
  const lines = [
    ...[`Record: ${key}`, `Its lease ends ${ends}; its owner is ${owner}.`],
    'It is freed now, and the next POST runs it. Is the process of its owner dead?',
  ]
  if (!(await desk.confirm(lines))) return 0
  const reply = await desk.opened.store.release(key, owner, CALL_MS)
  if (reply.state !== 'ok') {
    return refuse(desk, key, "The claim is not this owner's any more: look at it again.")
  }
  desk.print({ isDone: true, key, owner }, ['Freed.'])
  return 0
}

async function foundAt(
  desk: Desk,
  find: (desk: Desk) => Promise<string | null>,
): Promise<StoredRecord | null> {
  const key = await find(desk)
  const record = key === null ? null : await desk.opened.admin.find(key)
  if (record === null) refuse(desk, key, 'The store has no record of it.')
  return record
}

function refuse(desk: Desk, key: string | null, why: string): number {
  desk.terminal.err(why)
  if (desk.isJson) desk.terminal.out(JSON.stringify({ isDone: false, key, message: why }))
  return 1
}
