/**
 * The proof of the doors leaves nothing out: each check catches a wrong server.
 */
import { expect } from 'chai'
import { DOOR_CHECKS, type Door } from 'post-once-exactly/conformance'
import { ACTION_FAULTS } from './action-faults.js'
import { CONDITION_FAULTS } from './condition-faults.js'
import { KEY_FAULTS } from './key-faults.js'

const FAULTS: readonly (readonly [Door, readonly { readonly caughtBy: readonly string[] }[]])[] = [
  ['idempotency-key', KEY_FAULTS],
  ['action-id', ACTION_FAULTS],
  ['conditional', CONDITION_FAULTS],
]

describe('the wrong servers of the doors', () => {
  for (const [door, faults] of FAULTS) {
    it(`${door}: each check catches one, and each of them is caught`, () => {
      expect(faults.filter(({ caughtBy }) => caughtBy.length === 0)).to.deep.equal([])
      const caught = new Set(faults.flatMap(({ caughtBy }) => caughtBy.map(bare)))
      const idle = DOOR_CHECKS[door].map(({ id }) => id).filter(id => !caught.has(id))
      expect(idle).to.deep.equal([])
    })
  }
})

function bare(id: string): string {
  return id.replace(/^warn /, '')
}
