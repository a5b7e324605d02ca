/**
 * Wrong servers that a single failure, or a single POST after it, does not show: `poe check` passed
 * them, since it never sent more than that.
 */
import { expect } from 'chai'
import { CHECKS } from 'post-once-exactly/conformance'
import { resultOf } from './wrong-runs.js'

describe('poe check of what comes after a failure', () => {
  for (const [name, id] of [
    ['failed-unlocked', 'POE-2-2/race-after-failure'],
    ['waiting-all-run', 'POE-2-15/waiting'],
    ['burnt-by-second-failure', 'POE-2-3/failure'],
  ] as const) {
    it(`[FALSE-3604] ${name} is caught by ${id}`, async () => {
      const check = CHECKS.find(one => one.id === id)
      expect(check && (await resultOf(check, name, true))).to.equal('fail')
    })
  }
})
