/**
 * Wrong servers that let a second POST run beside the first one once somebody has come or gone:
 * `poe check` passed them, since nobody looked meanwhile, and nobody gave up.
 */
import { expect } from 'chai'
import { CHECKS } from 'post-once-exactly/conformance'
import { resultOf } from './wrong-runs.js'

describe('poe check of what comes and goes while a POST runs', () => {
  for (const [name, id] of [
    ['looked-unlocked', 'POE-2-15/others'],
    ['refused-unlocked', 'POE-2-15/others'],
    ['waiter-left-unlocked', 'POE-2-15/others'],
    ['left-unlocked', 'POE-2-22/given-up'],
  ] as const) {
    it(`[FALSE-4251] ${name} is caught by ${id}`, async () => {
      const check = CHECKS.find(one => one.id === id)
      expect(check && (await resultOf(check, name, true))).to.equal('fail')
    })
  }
})
