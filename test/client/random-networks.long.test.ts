/** As `random-networks.test.ts`, with many more of them. */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { classify } from 'post-once-exactly/client'
import { SEED } from '../support/chance.js'
import { networks, tryNetwork } from './random-network.js'

const RUNS = 350

describe('many networks', function () {
  this.timeout(300_000)

  it('[POE-2-14, POE-5-1, POE-5-4] make no outcome false', async () => {
    const told = new Set<string>()
    const property = fc.asyncProperty(networks, async each => {
      const played = await tryNetwork(each)
      for (const what of played.told) told.add(what.split(' ', 1)[0] ?? '')
      expect(played.wrong).to.deep.equal([])
    })
    await fc.assert(property, { seed: SEED, numRuns: RUNS, endOnFailure: true })
    // Whoever only ever says that it does not know is of no use.
    expect([...told]).to.include.members(['accepted', 'accepted-earlier', 'refused', 'unknown'])
  })

  it('[POE-2-14] a planted fault is found: a try that may be on its way is forgotten', async () => {
    const forgetful: typeof classify = (answer, past, rules) => {
      return { ...classify(answer, past, rules), isAdrift: false }
    }
    const property = fc.asyncProperty(networks, async each => {
      expect((await tryNetwork(each, { classify: forgetful })).wrong).to.deep.equal([])
    })
    const { failed } = await fc.check(property, { seed: 8, numRuns: 900, endOnFailure: true })
    expect(failed).to.equal(true)
  })
})
