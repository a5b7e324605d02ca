/**
 * Servers, networks, fronts and users of which chance decides: no outcome of the client is against
 * what the server did, none is late, and nothing is left behind.
 * `random-networks.long.test.ts` tries more of them. Both have been seen to find clients that are
 * wrong on purpose, below.
 */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { classify } from 'post-once-exactly/client'
import { SEED } from '../support/chance.js'
import { networks, type Planted, type RandomNetwork, tryNetwork } from './random-network.js'

const RUNS = 60

/** A copy of the POST is at work; its 409 does not say so, and the link takes POSTs. */
const COPY_AT_WORK: RandomNetwork = {
  client: 'whole',
  server: {
    ...{ kind: 'bare', door: 'link', success: 201, workMs: 70, misses: [] },
    bare: {
      ...{ allows: true, running: '409', runningGet: 405, unspentGet: 405 },
      ...{ spentGet: 200, usedAllow: 'GET' },
    },
  },
  posts: [{ kind: 'twice', tells: 'at once' }],
  gets: [],
  ...{ isLong: false, tries: 3, isTaken: false },
  acts: [
    {
      ...{ does: 'post', abortMs: null, reads: true, isFresh: false, diesAt: null },
      between: 'nothing',
    },
  ],
}
/** Chance alone needs an idle machine for it. */
const EXAMPLES: [RandomNetwork][] = Array.from({ length: 5 }, () => [COPY_AT_WORK])

describe('any network', function () {
  this.timeout(120_000)

  it('[POE-2-14, POE-5-1, POE-5-4] makes no outcome false', async () => {
    const property = fc.asyncProperty(networks, async each => {
      expect((await tryNetwork(each)).wrong).to.deep.equal([])
    })
    const how = { seed: SEED, numRuns: RUNS, endOnFailure: true, examples: EXAMPLES }
    await fc.assert(property, how)
  })

  const planted: Readonly<Record<string, Planted & { readonly seed: number }>> = {
    'a lost answer called not sent': { seed: 3, adapter: { provesNotSent: () => true } },
    'every 2xx believed': { seed: 7, adapter: { isSuccess: () => true } },
    'every 405 believed': {
      seed: 2,
      classify: (answer, past, rules) => {
        const judged = classify(answer, past, rules)
        if (judged.action !== 'prove') return judged
        return { ...judged, action: 'stop', outcome: 'accepted' }
      },
    },
    'a busy link called free': {
      seed: 2,
      classify: (answer, past, rules) => ({ ...classify(answer, past, rules), isBusy: false }),
    },
  }
  for (const [what, { seed, ...fault }] of Object.entries(planted)) {
    it(`[POE-2-14] a planted fault is found: ${what}`, async () => {
      const property = fc.asyncProperty(networks, async each => {
        expect((await tryNetwork(each, fault)).wrong).to.deep.equal([])
      })
      const how = { seed, numRuns: 600, endOnFailure: true, examples: EXAMPLES }
      const { failed } = await fc.check(property, how)
      expect(failed).to.equal(true)
    })
  }
})
