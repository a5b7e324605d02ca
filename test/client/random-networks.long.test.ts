/** As `random-networks.test.ts`, with many more of them. */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { classify } from 'post-once-exactly/client'
import { SEED } from '../support/chance.js'
import { networks, type RandomNetwork, tryNetwork } from './random-network.js'

const RUNS = 350
/** The first try comes after a front has refused the second one; chance needs an idle machine. */
const LATE: RandomNetwork = {
  client: 'whole',
  server: {
    ...{ kind: 'bare', door: 'link', success: 201, workMs: 0, misses: [] },
    bare: {
      ...{ allows: true, running: '409', runningGet: 405, unspentGet: 405 },
      ...{ spentGet: 200, usedAllow: 'GET' },
    },
  },
  posts: [
    { kind: 'late', lateMs: 10_000 },
    { kind: 'says', status: 403, when: 'before', wait: '' },
  ],
  ...{ gets: [], isLong: false, tries: 3, isTaken: false },
  acts: [
    {
      ...{ does: 'post', abortMs: null, reads: true, isFresh: false, diesAt: null },
      between: 'nothing',
    },
  ],
}
const EXAMPLES: [RandomNetwork][] = [[LATE]]

describe('many networks', function () {
  this.timeout(300_000)

  it('[POE-2-14, POE-5-1, POE-5-4] make no outcome false', async () => {
    const told = new Set<string>()
    const property = fc.asyncProperty(networks, async each => {
      const played = await tryNetwork(each)
      for (const what of played.told) told.add(what.split(' ', 1)[0] ?? '')
      expect(played.wrong).to.deep.equal([])
    })
    await fc.assert(property, { seed: SEED, numRuns: RUNS, endOnFailure: true, examples: EXAMPLES })
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
    const how = { seed: 8, numRuns: 900, endOnFailure: true, examples: EXAMPLES }
    const { failed } = await fc.check(property, how)
    expect(failed).to.equal(true)
  })
})
