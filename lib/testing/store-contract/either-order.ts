/**
 * Two writes on one key at once: what comes of them is what comes of them one after the other, in
 * one order or the other. A store that looks first, and writes later, lets both count.
 */
import assert from 'node:assert/strict'
import type { Claim, Store } from '../../engine/store.js'
import {
  answer,
  LEASE_MS,
  PATIENT_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

/** What two writes at once work with. */
interface Rivalry<Tx> {
  readonly trial: Trial<Tx>
  /** The stores by which the one and the other write. */
  readonly stores: readonly [Store<Tx>, Store<Tx>]
  /** Of no epoch, so that it is good for any key. */
  readonly claim: Claim
}

type Write = <Tx>(store: Store<Tx>, key: string, claim: Claim) => Promise<{ state: string }>

const WRITES: Readonly<Record<string, Write>> = {
  renew: (store, key) => store.renew(key, 'a', LEASE_MS, PATIENT_MS),
  mark: (store, key) => store.mark(key, 'a', PATIENT_MS),
  complete: (store, key) => store.complete(key, 'a', answer('a'), PATIENT_MS),
  release: (store, key) => store.release(key, 'a', PATIENT_MS),
  free: (store, key) => store.settle(key, 'a', 'free', PATIENT_MS),
  settle: (store, key) => store.settle(key, 'a', answer('settled'), PATIENT_MS),
  claim: (store, key, claim) => store.claim(key, { ...claim, owner: 'b' }, PATIENT_MS),
}

const ON_SPENT: Readonly<Record<string, Write>> = {
  attach: (store, key) => store.attachBody(key, 'a', answer('attached'), PATIENT_MS),
  release: (store, key) => store.release(key, 'a', PATIENT_MS),
  claim: (store, key, claim) => store.claim(key, { ...claim, owner: 'b' }, PATIENT_MS),
}

/** How a key of the owner `a` comes into a state. */
const STATES = {
  running: { onSilence: 'free', writes: WRITES },
  undecided: { onSilence: 'undecided', writes: WRITES },
  free: { onSilence: 'free', writes: WRITES },
  spent: { onSilence: 'free', writes: ON_SPENT },
} as const

/** Cases about two writes at once. */
export function eitherOrderCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return (Object.keys(STATES) as (keyof typeof STATES)[]).map(state =>
    storeCase(
      options,
      `[FALSE-4333] at once: two writes on a key that is ${state} count as if in turn`,
      async trial => {
        const other = options.capabilities.crossProcess ? await trial.reopen() : trial.store
        const claim = await trial.makeClaim('any', { owner: 'a', epoch: null })
        const rivalry = { trial, stores: [trial.store, other], claim } as const
        const names = Object.keys(STATES[state].writes)
        await Promise.all(
          names.flatMap((one, at) =>
            names.slice(at + 1).map(two => expectEitherOrder(rivalry, state, one, two)),
          ),
        )
      },
    ),
  )
}

async function expectEitherOrder<Tx>(
  rivalry: Rivalry<Tx>,
  state: keyof typeof STATES,
  one: string,
  two: string,
): Promise<void> {
  const inTurn = await Promise.all([
    outcomeOf(rivalry, state, [one, two], false),
    outcomeOf(rivalry, state, [two, one], false),
  ])
  for (const names of [
    [one, two],
    [two, one],
  ] as const) {
    const seen = await outcomeOf(rivalry, state, names, true)
    assert.ok(
      inTurn.includes(seen),
      `${names.join(' and ')} at once came to ${seen}; in turn to ${inTurn.join(' or ')}`,
    )
  }
}

/** What two writes were told, whose the key is afterwards, and what their silence makes of it. */
async function outcomeOf<Tx>(
  { trial, stores, claim }: Rivalry<Tx>,
  state: keyof typeof STATES,
  names: readonly [string, string],
  isAtOnce: boolean,
): Promise<string> {
  const { store } = trial
  const { onSilence, writes } = STATES[state]
  const key = `${names.join(' ')} ${isAtOnce}`
  await store.claim(key, { ...claim, onSilence }, PATIENT_MS)
  if (state === 'spent') await store.complete(key, 'a', answer('a'), PATIENT_MS)
  else if (state !== 'running') await store.renew(key, 'a', 0, PATIENT_MS)
  const found = await store.read(key, null, PATIENT_MS)
  const replaces = found.state === 'spent' ? found.mark : null
  const told: Record<string, string> = {}
  const run = async (name: string, by: Store<Tx>): Promise<void> => {
    const state = (await writes[name]?.(by, key, { ...claim, replaces }))?.state ?? ''
    // Of a key that is just being decided a claim may be told that it is running still.
    told[name] = name === 'claim' && state !== 'claimed' ? 'refused' : state
  }
  const [first, second] = [() => run(names[0], stores[0]), () => run(names[1], stores[1])]
  if (isAtOnce) await Promise.all([first(), second()])
  else {
    await first()
    await second()
  }
  for (const owner of ['a', 'b']) {
    told[`renewal by ${owner}`] = (await store.renew(key, owner, 0, PATIENT_MS)).state
  }
  const last = await store.read(key, null, PATIENT_MS)
  const body = last.state === 'spent' ? Buffer.from(last.outcome.body ?? []).toString() : ''
  return JSON.stringify([Object.entries(told).sort(), last.state, body])
}
