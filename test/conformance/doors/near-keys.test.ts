/**
 * Wrong servers with keys, actions and conditions that `poe check` passed: they keep the last few
 * only, take for one what is near to each other, or go by the spelling of a URI.
 */
import { expect } from 'chai'
import { type Door, runConformance, type ServerAdapter } from 'post-once-exactly/conformance'
import { ACTION_FAULTS } from './action-faults.js'
import { startActionServer } from './action-server.js'
import { ACTIONS_ADAPTER, CONDITIONS_ADAPTER, KEYS_ADAPTER } from './adapters.js'
import { CONDITION_FAULTS } from './condition-faults.js'
import { startConditionServer } from './condition-server.js'
import { unlike } from './judged.js'
import { type DoorFault, KEY_FAULTS } from './key-faults.js'
import { startKeyServer } from './key-server.js'
import type { DoorServer } from './plain.js'

interface Judged<Behaviour> {
  readonly door: Door
  readonly path: string
  readonly adapter: ServerAdapter
  readonly start: (behaviour: Partial<Behaviour>) => Promise<DoorServer>
  readonly faults: readonly DoorFault<Behaviour>[]
}

const KEYS = {
  door: 'idempotency-key',
  path: '/payments',
  adapter: KEYS_ADAPTER,
  start: startKeyServer,
  faults: KEY_FAULTS,
} as const
const ACTIONS = {
  door: 'action-id',
  path: '/actions',
  adapter: ACTIONS_ADAPTER,
  start: startActionServer,
  faults: ACTION_FAULTS,
} as const
const CONDITIONS = {
  door: 'conditional',
  path: '/stock/tea',
  adapter: CONDITIONS_ADAPTER,
  start: startConditionServer,
  faults: CONDITION_FAULTS,
} as const

/** What is not as it should be with a wrong server. */
async function caughtBy<B>(judged: Judged<B>, name: string): Promise<readonly string[]> {
  const { door, path, adapter, start, faults } = judged
  const wrong = faults.find(fault => fault.name === name)
  if (wrong === undefined) throw new TypeError(`There is no ${name}`)
  const server = await start(wrong.behaviour)
  const url = server.origin + path
  const report = await runConformance({ url, door, adapter, rounds: 1, ageMs: 0 })
  await server.close()
  return unlike(report)
}

describe('poe check of servers that take one for another', () => {
  for (const [name, ids] of [
    ['case-blind', ['IK-2.6-1/case']],
    ['cut-short', ['IK-2.6-1/end']],
    ['last-keys', ['IK-1-1/later', 'IK-2.6-2/later']],
  ] as const) {
    it(`[FALSE-4664] keys: ${name} is caught`, async () => {
      expect(await caughtBy(KEYS, name)).to.deep.equal(ids)
    })
  }

  for (const [name, id] of [
    ['spelt', 'ACT-01/spelt'],
    ['forgets-soon', 'ACT-01/later'],
  ] as const) {
    it(`[FALSE-4664] actions: ${name} is caught`, async () => {
      expect(await caughtBy(ACTIONS, name)).to.deep.equal([id])
    })
  }

  it('[FALSE-4664] conditions: begins is caught', async () => {
    expect(await caughtBy(CONDITIONS, 'begins')).to.deep.equal(['COND-01/part'])
  })
})
