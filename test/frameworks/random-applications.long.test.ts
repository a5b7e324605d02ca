/** As `random-applications.test.ts`, with many more of them, and on every store. */
import * as fc from 'fast-check'
import { SEED } from '../support/chance.js'
import { effects, ON_FRAMEWORKS, words } from '../support/random-suite.js'
import { INSTALLED_STORES } from '../support/stores.js'

/** To shrink what a slow store has made would take minutes. */
const HOW = { endOnFailure: true }

describe('many applications without Koa', () => {
  for (const store of INSTALLED_STORES) {
    it(`[POE-2-2, POE-2-20] have one effect at most, and no false word, ${store}`, async () => {
      await fc.assert(effects(ON_FRAMEWORKS, store), {
        seed: SEED,
        numRuns: store === 'memory' ? 100 : 15,
        ...HOW,
      })
    })
  }

  it('[FALSE-4352, FALSE-4355] answer as they do without the library', async () => {
    await fc.assert(words(ON_FRAMEWORKS), { seed: SEED, numRuns: 600 })
  })
})
