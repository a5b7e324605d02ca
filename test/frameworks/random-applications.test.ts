/**
 * Applications of which chance decides, on node:http, Express, fetch and Hono, as on Koa.
 * `random-applications.long.test.ts` tries more of them.
 */
import * as fc from 'fast-check'
import { SEED } from '../support/chance.js'
import { effects, ON_FRAMEWORKS, words } from '../support/random-suite.js'

describe('any application without Koa', () => {
  it('[POE-2-2, POE-2-20] has one effect at most, and says nothing that is not so', async () => {
    await fc.assert(effects(ON_FRAMEWORKS, 'memory'), { seed: SEED, numRuns: 25 })
  })

  it('[FALSE-4352, FALSE-4355] answers as it does without the library', async () => {
    await fc.assert(words(ON_FRAMEWORKS), { seed: SEED, numRuns: 150 })
  })
})
