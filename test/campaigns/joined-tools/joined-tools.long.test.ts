/**
 * Property: a handler with random statements through random tools, with random throws and kills,
 * leaves a database in which each row's link is spent, and the rows of each spent link are there.
 */
import { expect } from 'chai'
import { describeWith } from '../../support/servers/programs.js'
import { runCampaign } from './campaign.js'

describeWith(['postgres', 'initdb'], 'random handlers of random tools', () => {
  it('[POE-A-1] rows and marks stand or fall together', async function () {
    this.timeout(240_000)
    const seed = Date.now() % 1_000_000
    const result = await runCampaign({ seed, rounds: 8, deaths: 2 })
    const told = JSON.stringify({ seed, ...result })
    expect(result.faults, told).to.deep.equal([])
    expect(result.deaths, told).to.equal(2)
    expect(result.spent, told).to.be.within(5, result.orders - 5)
  })

  for (const plant of ['plain', 'swallows'] as const) {
    it(`[POE-A-1] finds what is planted: ${plant}`, async () => {
      const result = await runCampaign({ seed: 7, rounds: 12, plant })
      expect(result.faults, JSON.stringify(result)).to.not.have.lengthOf(0)
    })
  }
})
