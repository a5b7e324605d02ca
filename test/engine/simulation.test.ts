import { expect } from 'chai'
import * as fc from 'fast-check'
import { KINDS, type Kind, type Scenario, type Step } from '../support/scenario.js'
import { simulate } from '../support/simulation.js'
import * as spoilt from '../support/spoilt-stores.js'

const RUNS = 150

const plans = fc.record({
  beforeMs: fc.constantFrom(0, 0, 40, 300, 900, 4_500),
  afterMs: fc.constantFrom(0, 0, 40, 300, 900),
  end: fc.constantFrom(
    'succeed',
    'succeed',
    'succeed',
    'report',
    'throw-before',
    'throw-after',
    'die-before',
    'die-after',
  ),
} as const)

const process = fc.nat({ max: 3 })

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('post' as const), process, plan: plans }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('look' as const, 'die' as const), process }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 10, 50, 160, 400, 650, 2_000, 7_000),
    }),
  },
)

const wires = fc.record({
  kind: fc.constantFrom(
    'pass',
    'pass',
    'pass',
    'refuse',
    'lose',
    'hang',
    'slow',
    'slow-reply',
    'arrive-late',
  ),
  ms: fc.constantFrom(5, 60, 140, 200, 700, 3_000),
} as const)

function scenarios(kind: Kind): fc.Arbitrary<Scenario> {
  return fc.record({
    kind: fc.constant(kind),
    processes: fc.integer({ min: 2, max: 4 }),
    steps: fc.array(steps, { minLength: 2, maxLength: 14 }),
    wires: fc.array(wires, { maxLength: 24 }),
  })
}

describe('any number of processes, with everything that can go wrong', () => {
  for (const kind of KINDS) {
    it(`[POE-2-2] [POE-2-20] ${kind}: at most one effect, never a false yes or no`, async () => {
      await fc.assert(
        fc.asyncProperty(scenarios(kind), async scenario => {
          expect((await simulate(scenario)).violations).to.deep.equal([])
        }),
        { numRuns: RUNS },
      )
    })
  }
})

describe('the simulation', () => {
  it('gets everywhere', async () => {
    const seen = new Set<string>()
    for (const kind of KINDS) {
      for (const scenario of fc.sample(scenarios(kind), { seed: 1, numRuns: 100 })) {
        for (const each of (await simulate(scenario)).seen) seen.add(each)
      }
    }
    expect(seen).to.include.keys(
      ...['done', 'threw', 'running', 'spent', 'undecided', 'store-down'],
      ...['none at the end', 'spent at the end', 'undecided at the end'],
    )
  })
})

describe('the simulation finds planted faults:', () => {
  const planted: [name: string, kind: Kind, spoil: spoilt.Spoil][] = [
    ['[LOCK-01] no owner check', 'transactional', spoilt.noOwnerCheck],
    ['[LOCK-01] no owner check on marks', 'marks', spoilt.noOwnerCheck],
    ['[POE-2-20] undecided treated as free', 'external', spoilt.undecidedIsFree],
    ['[RACE-01] look, then take', 'external', spoilt.lookThenTake],
    ['[POE-2-20] a mark that is lost', 'marks', spoilt.markIsLost],
    ['[POE-2-1] an outcome that is lost', 'external', spoilt.outcomeIsLost],
    ['[LOCK-05] a settlement that does not compare', 'reconciled', spoilt.settleIsBlind],
  ]
  for (const [name, kind, spoil] of planted) {
    it(name, async () => {
      const property = fc.asyncProperty(scenarios(kind), async scenario => {
        expect((await simulate(scenario, spoil)).violations).to.deep.equal([])
      })
      const { failed } = await fc.check(property, { seed: 1, numRuns: 1_000, endOnFailure: true })
      expect(failed, 'the planted fault was found').to.equal(true)
    })
  }
})
