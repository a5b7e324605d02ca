/**
 * Each check is needed: without what it demands, a wrong server that it alone convicts would pass.
 */
import { expect } from 'chai'
import { CHECKS, type Check } from 'post-once-exactly/conformance'
import { sideBySide } from '../support/side-by-side.js'
import { ALL_WRONG, aloneFor, caughtBy } from './caught-by.js'
import { withoutDemands } from './without-demands.js'
import { resultOf } from './wrong-runs.js'

const AT_ONCE = 12
const TRIES = 4
/** They look at what others have used, so nothing is to be seen where they are alone. */
const OF_A_RUN = ['POE-2-1/later', 'POE-2-1/later-other-body', 'POE-2-7/later', 'POE-2-2/whole-run']

describe('the checks of links, without what they demand', () => {
  it('for each, a server passes that it alone convicts', async function () {
    this.timeout(240_000)
    const idle: string[] = []
    await sideBySide(CHECKS, AT_ONCE, async check => {
      if (OF_A_RUN.includes(check.id)) return
      const others = ALL_WRONG.map(({ name }) => name).filter(name =>
        caughtBy(name).includes(check.id),
      )
      const names = [...new Set([...aloneFor(check.id), ...others])].slice(0, TRIES)
      // Each once more: a busy machine may have hidden what is wrong.
      for (const name of [...names, ...names]) if (await isMissed(check, name)) return
      idle.push(`${check.id}: ${names}`)
    })
    expect(idle).to.deep.equal([])
  })
})

/** Whether a check that is mutated lets a server through that it catches. */
async function isMissed(check: Check, name: string): Promise<boolean> {
  const whole = await resultOf(check, name, true)
  return whole === 'fail' && (await resultOf(withoutDemands(check), name, false)) !== 'fail'
}
