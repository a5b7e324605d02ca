/**
 * Right servers of which chance decides: no check of any of them fails, and none is beyond telling.
 * `POE_SEED=<number>` tries others.
 */
import { expect } from 'chai'
import * as fc from 'fast-check'
import { SEED } from '../support/chance.js'
import { sideBySide } from '../support/side-by-side.js'
import { accusationsIn, judgedStall } from './right-stalls.js'
import { HABITS, type Habits } from './servers/right/stall.js'

const RUNS = 24
const AT_ONCE = 6

const drawn = fc.record(
  Object.fromEntries(
    Object.entries(HABITS).map(([name, all]) => [name, fc.constantFrom<unknown>(...all)]),
  ),
) as fc.Arbitrary<unknown> as fc.Arbitrary<Habits>

describe('poe check of right servers by chance', () => {
  it('accuses none of them', async function () {
    this.timeout(300_000)
    const wrong: string[] = []
    await sideBySide(fc.sample(drawn, { seed: SEED, numRuns: RUNS }), AT_ONCE, async habits => {
      const told = accusationsIn(await judgedStall(habits))
      if (told.length > 0) wrong.push(`${told.join('\n')}\n${JSON.stringify(habits)}`)
    })
    expect(wrong).to.deep.equal([])
  })
})
