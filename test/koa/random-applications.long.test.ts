/** As `random-applications.test.ts`, with many more of them, and on every store. */
import * as fc from 'fast-check'
import { SEED } from '../support/chance.js'
import { effects, ON_KOA, words } from '../support/random-suite.js'
import { INSTALLED_STORES } from '../support/stores.js'

/** To shrink what a slow store has made would take minutes. */
const HOW = { endOnFailure: true }

describe('many applications', () => {
  for (const store of INSTALLED_STORES) {
    it(`[POE-2-2, POE-2-20] have one effect at most, and no false word, ${store}`, async () => {
      await fc.assert(effects(ON_KOA, store), {
        seed: SEED,
        numRuns: store === 'memory' ? 100 : 15,
        ...HOW,
      })
    })
  }

  it('[FALSE-4292, FALSE-4293] answer as they do without the library', async () => {
    await fc.assert(words(ON_KOA), { seed: SEED, numRuns: 400 })
  })
})
