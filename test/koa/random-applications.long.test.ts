/** As `random-applications.test.ts`, with many more of them. */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { answers, compareAnswers } from '../support/random-answer.js'
import { applications, tryApplication } from '../support/random-application.js'

const RUNS = 400

describe('many applications', () => {
  it('[POE-2-2, POE-2-20] have one effect at most, and say nothing that is not so', async () => {
    const property = fc.asyncProperty(applications, async each => {
      expect(await tryApplication(each)).to.deep.equal([])
    })
    await fc.assert(property, { numRuns: RUNS })
  })

  it('[FALSE-4292, FALSE-4293] answer as they do without the library', async () => {
    const property = fc.asyncProperty(answers, async each => {
      expect((await compareAnswers(each)).join('; ')).to.equal('')
    })
    await fc.assert(property, { numRuns: RUNS })
  })
})
