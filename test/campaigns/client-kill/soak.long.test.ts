/** A short soak of the client; the long one is `npm run client-soak`. */
import { expect } from 'chai'
import { runSoak } from './soak-run.js'

describe('a soak of the client', () => {
  it('[CL-09] leaves no listener, timer or socket of 3,000 sends, and no memory', async () => {
    const { faults, ...figures } = await runSoak(3_000, false)
    expect(faults, JSON.stringify(figures)).to.deep.equal([])
  })

  it('[CL-17] leaves a journal that is small', async () => {
    const { faults, ...figures } = await runSoak(400, true)
    expect(faults, JSON.stringify(figures)).to.deep.equal([])
    expect(figures.journalMost).to.be.above(0)
  })
})
