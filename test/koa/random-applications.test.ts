/**
 * Applications of which chance decides: never two effects, never a false word, nothing left behind.
 * `random-applications.long.test.ts` tries more of them.
 */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { answers, compareAnswers } from '../support/random-answer.js'
import { applications, type Planted, tryApplication } from '../support/random-application.js'
import * as spoilt from '../support/spoilt-stores.js'

const RUNS = 100

describe('any application', () => {
  it('[POE-2-2, POE-2-20] has one effect at most, and says nothing that is not so', async () => {
    await fc.assert(
      fc.asyncProperty(applications, async each => {
        expect(await tryApplication(each)).to.deep.equal([])
      }),
      { numRuns: RUNS },
    )
  })

  it('[FALSE-4292, FALSE-4293] answers as it does without the library', async () => {
    const property = fc.asyncProperty(answers, async each => {
      expect((await compareAnswers(each)).join('; ')).to.equal('')
    })
    await fc.assert(property, { numRuns: RUNS })
  })

  const planted: Readonly<Record<string, Planted>> = {
    'undecided treated as free': {
      wrapStore: store => spoilt.undecidedIsFree(store, null as never),
    },
    'a 500 believed': { rules: { reports: [500] } },
    'a rule by which nothing succeeds': { rules: { success: () => false } },
  }
  for (const [what, fault] of Object.entries(planted)) {
    it(`[POE-2-20] a planted fault is found: ${what}`, async () => {
      const property = fc.asyncProperty(applications, async each => {
        expect(await tryApplication(each, fault)).to.deep.equal([])
      })
      const { failed } = await fc.check(property, { seed: 1, numRuns: 300, endOnFailure: true })
      expect(failed).to.equal(true)
    })
  }
})
