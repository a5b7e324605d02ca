/**
 * The proof of the doors leaves nothing out: each check is the only one that convicts some wrong
 * server, and each wrong server is caught.
 */
import { expect } from 'chai'
import { DOOR_CHECKS, type Door } from 'post-once-exactly/conformance'
import { ACTION_FAULTS } from './action-faults.js'
import { aloneFor } from './alone.js'
import { CONDITION_FAULTS } from './condition-faults.js'
import { KEY_FAULTS } from './key-faults.js'

type Faults = Parameters<typeof aloneFor>[0]

const FAULTS: readonly (readonly [Door, Faults])[] = [
  ['idempotency-key', KEY_FAULTS as Faults],
  ['action-id', ACTION_FAULTS as Faults],
  ['conditional', CONDITION_FAULTS as Faults],
]

describe('the wrong servers of the doors', () => {
  for (const [door, faults] of FAULTS) {
    it(`${door}: each of them is caught`, () => {
      expect(faults.filter(({ caughtBy }) => caughtBy.length === 0)).to.deep.equal([])
    })

    it(`${door}: each check is the only one that convicts some of them`, () => {
      const ids = DOOR_CHECKS[door].map(({ id }) => id)
      expect(ids.filter(id => aloneFor(faults, id).length === 0)).to.deep.equal([])
    })

    it(`${door}: what blocks a check has been asked before it`, () => {
      const late = DOOR_CHECKS[door].filter(({ blockedBy = [] }, at) => {
        const before = DOOR_CHECKS[door].slice(0, at).map(({ id }) => id)
        return [blockedBy].flat().some(id => !before.includes(id))
      })
      expect(late.map(({ id }) => id)).to.deep.equal([])
    })
  }
})
