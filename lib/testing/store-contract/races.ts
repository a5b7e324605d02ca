/**
 * Races: many at once, in one process and through two stores on one memory.
 */
import assert from 'node:assert/strict'
import type { Claim, ClaimReply, Store } from '../../engine/store.js'
import {
  answer,
  PATIENT_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

const RIVALS = 50

/** Cases about many callers at once. */
export function raceCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      `[RACE-01] [RACE-03] ${RIVALS} claims at once: one gets the key`,
      async trial => {
        for (let round = 0; round < 5; round += 1) {
          await race(trial, `key-${round}`, [trial.store])
        }
      },
    ),
    storeCase(
      options,
      `${RIVALS} claims at once on a lapsed free key: one gets it`,
      async trial => {
        await trial.fallSilent('key', 'gone', { onSilence: 'free' })
        await race(trial, 'key', [trial.store])
      },
    ),
    storeCase(
      options,
      'complete and rivals at once: the key is spent or was released, never both',
      async trial => {
        await trial.take('key', 'a')
        const [completed, released] = await Promise.all([
          trial.store.complete('key', 'a', answer(), PATIENT_MS),
          trial.store.release('key', 'a', PATIENT_MS),
          trial.store.renew('key', 'a', 1_000, PATIENT_MS),
        ])
        const counted = [completed.state, released.state].filter(state => state === 'ok')
        assert.equal(counted.length, 1, 'of complete and release at once, one counts')
        const state = completed.state === 'ok' ? 'spent' : 'none'
        await trial.expectState('key', state, 'what counted is what is there')
      },
    ),
    ...(options.capabilities.crossProcess ? shared(options) : []),
  ]
}

function shared<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      `[RACE-07] ${RIVALS} claims at once through two stores: one gets the key`,
      async trial => {
        const other = await trial.reopen()
        for (let round = 0; round < 5; round += 1) {
          await race(trial, `key-${round}`, [trial.store, other])
        }
      },
    ),
  ]
}

async function race<Tx>(
  trial: Trial<Tx>,
  key: string,
  stores: readonly Store<Tx>[],
): Promise<void> {
  const claim = await trial.makeClaim(key)
  const claims = Array.from({ length: RIVALS }, (_, index): Claim => {
    return { ...claim, owner: `rival-${index}`, principal: `p${index}` }
  })
  const replies = await Promise.all(
    claims.map((each, index) => storeAt(stores, index).claim(key, each, PATIENT_MS)),
  )
  const winner = replies.findIndex(reply => reply.state === 'claimed')
  const states = count(replies)
  assert.deepEqual(states, { claimed: 1, running: RIVALS - 1 }, `${RIVALS} claims at once`)
  const completed = await trial.store.complete(key, `rival-${winner}`, answer(`${winner}`))
  assert.equal(completed.state, 'ok', 'the one that was told so owns the key')
  await trial.expectOutcome(key, answer(`${winner}`), "the winner's outcome")
}

function storeAt<Tx>(stores: readonly Store<Tx>[], index: number): Store<Tx> {
  const store = stores[index % stores.length]
  assert.ok(store !== undefined, 'there is a store')
  return store
}

function count(replies: readonly ClaimReply[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of replies) counts[state] = (counts[state] ?? 0) + 1
  return counts
}
