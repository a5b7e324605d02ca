/**
 * Two writes on one message at once: what comes of them is what comes of them one after the other,
 * in one order or the other. A renewal is often on its way beside the end of an attempt.
 */
import assert from 'node:assert/strict'
import type { OutboxStore } from '../../engine/outbox/outbox-store.js'
import type { OwnerReply } from '../../engine/store.js'
import { type OutboxTrial, outboxCase } from './outbox-trial.js'
import { LEASE_MS, PATIENT_MS, type StoreCase, type StoreContractOptions } from './trial.js'

type Write = (outbox: OutboxStore, key: string) => Promise<OwnerReply>

/** By what a message is: what may be done with it. */
const WRITES: Readonly<Record<'running' | 'dead', Readonly<Record<string, Write>>>> = {
  running: {
    renew: (outbox, key) => outbox.renew(key, 'a', LEASE_MS, PATIENT_MS),
    deliver: (outbox, key) => outbox.end(key, 'a', { verdict: 'delivered' }, PATIENT_MS),
    bury: (outbox, key) => outbox.end(key, 'a', { verdict: 'dead', error: 'no' }, PATIENT_MS),
  },
  dead: {
    revive: (outbox, key) => outbox.revive(key, PATIENT_MS),
    drop: (outbox, key) => outbox.drop(key, PATIENT_MS),
  },
}

/** Cases about two writes on one message at once. */
export function outboxEitherOrderCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return (Object.keys(WRITES) as (keyof typeof WRITES)[]).map(state =>
    outboxCase(
      options,
      `[FALSE-4341] outbox: two writes at once on a message that is ${state} count as if in turn`,
      async each => {
        const names = Object.keys(WRITES[state])
        for (const [at, one] of names.entries()) {
          for (const two of names.slice(at + 1)) await expectEitherOrder(each, state, one, two)
        }
      },
    ),
  )
}

async function expectEitherOrder<Tx>(
  each: OutboxTrial<Tx>,
  state: keyof typeof WRITES,
  one: string,
  two: string,
): Promise<void> {
  const inTurn = [
    await outcomeOf(each, state, [one, two], false),
    await outcomeOf(each, state, [two, one], false),
  ]
  for (const names of [
    [one, two],
    [two, one],
  ] as const) {
    const seen = await outcomeOf(each, state, names, true)
    assert.ok(
      inTurn.includes(seen),
      `${names.join(' and ')} at once came to ${seen}; in turn to ${inTurn.join(' or ')}`,
    )
  }
}

/** What two writes were told, and what the message is afterwards. */
async function outcomeOf<Tx>(
  each: OutboxTrial<Tx>,
  state: keyof typeof WRITES,
  names: readonly [string, string],
  isAtOnce: boolean,
): Promise<string> {
  const { outbox } = each
  const key = `${names.join('-')}-${isAtOnce}`
  await each.write([key], { name: key })
  await each.take('a', { names: [key] })
  if (state === 'dead') await each.expectEnd(key, 'a', { verdict: 'dead', error: 'no' }, 'ok')
  const told: Record<string, string | undefined> = {}
  const run = async (name: string): Promise<void> => {
    told[name] = (await WRITES[state][name]?.(outbox, key))?.state
  }
  if (isAtOnce) await Promise.all(names.map(run))
  else for (const name of names) await run(name)
  const count = (await outbox.counts(PATIENT_MS)).counts.find(({ name }) => name === key)
  const { waiting = 0, running = 0, dead = 0 } = count ?? {}
  return JSON.stringify([Object.entries(told).sort(), { waiting, running, dead }])
}
