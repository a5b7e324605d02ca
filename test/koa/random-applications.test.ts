/**
 * Applications of which chance decides: never two effects, never a false word, nothing left behind.
 * `random-applications.long.test.ts` tries more of them.
 */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { SEED } from '../support/chance.js'
import { effects, ON_KOA, words } from '../support/random-suite.js'
import type { Planted } from '../support/random-trial.js'
import * as spoilt from '../support/spoilt-stores.js'

describe('any application', () => {
  it('[POE-2-2, POE-2-20] has one effect at most, and says nothing that is not so', async () => {
    await fc.assert(effects(ON_KOA, 'memory'), { seed: SEED, numRuns: 25 })
  })

  it('[FALSE-4292, FALSE-4293] answers as it does without the library', async () => {
    await fc.assert(words(ON_KOA), { seed: SEED, numRuns: 100 })
  })

  const planted: Readonly<Record<string, Planted>> = {
    'undecided treated as free': {
      wrapStore: store => spoilt.undecidedIsFree(store, null as never),
    },
    'a 500 believed': { rules: { reports: [500] } },
    'an application that is wrong about what happened': {
      rules: { reconcile: () => ({ verdict: 'did-not-happen' }) },
    },
    'a rule by which nothing succeeds': { rules: { success: () => false } },
  }
  for (const [what, fault] of Object.entries(planted)) {
    it(`[POE-2-20] a planted fault is found: ${what}`, async () => {
      const property = effects(ON_KOA, 'memory', fault)
      const { failed } = await fc.check(property, { seed: 2, numRuns: 100, endOnFailure: true })
      expect(failed).to.equal(true)
    })
  }
})
