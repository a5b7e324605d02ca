/**
 * `poe check --door conditional`, tested: right servers pass, and each wrong one is caught by the
 * checks that are meant for its fault, and by no others.
 */
import { expect } from 'chai'
import { type ConformanceReport, runConformance } from 'post-once-exactly/conformance'
import { sideBySide } from '../../support/side-by-side.js'
import { CONDITIONS_ADAPTER } from './adapters.js'
import { CONDITION_FAULTS } from './condition-faults.js'
import { type ConditionBehaviour, startConditionServer } from './condition-server.js'
import { skippedIn, unlike } from './judged.js'

/** Right servers, and what does not arise with them. */
const RIGHT: Readonly<Record<string, readonly [Partial<ConditionBehaviour>, readonly string[]]>> = {
  'a right server': [{}, []],
  'one that tells the same caller the same again': [
    {
      replays: ({ user, text }, match, last) =>
        match === last.match && user === last.user && text === last.text,
    },
    [],
  ],
}
/** A run is pauses, most of the time. */
const AT_ONCE = 30

describe('poe check --door conditional', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all servers, several at once', async () => {
    const right = Object.entries(RIGHT).map(([name, [behaviour]]) => ({ name, behaviour }))
    await sideBySide([...right, ...CONDITION_FAULTS], AT_ONCE, async ({ name, behaviour }) => {
      reports.set(name, await judged(behaviour))
    })
  })

  for (const [name, [, skipped]] of Object.entries(RIGHT)) {
    it(`${name} passes every check`, () => {
      const report = reports.get(name)
      expect(unlike(report)).to.deep.equal([])
      expect(report).to.include({ door: 'conditional', verdict: 'conformant', exitCode: 0 })
      expect(skippedIn(report)).to.deep.equal(skipped)
    })
  }

  it('there are at least fifteen wrong servers, and no two with one name', () => {
    expect(CONDITION_FAULTS.length).to.be.at.least(15)
    expect(new Set(CONDITION_FAULTS.map(({ name }) => name)).size).to.equal(CONDITION_FAULTS.length)
  })

  for (const { name, says, caughtBy } of CONDITION_FAULTS) {
    it(`${name}: ${says}`, () => {
      expect(unlike(reports.get(name))).to.deep.equal([...caughtBy].sort())
    })
  }
})

async function judged(behaviour: Partial<ConditionBehaviour>): Promise<ConformanceReport> {
  const server = await startConditionServer(behaviour)
  try {
    return await runConformance({
      url: `${server.origin}/stock/tea`,
      door: 'conditional',
      adapter: CONDITIONS_ADAPTER,
      rounds: 1,
      timeoutMs: 5_000,
      restart: server.restart,
    })
  } finally {
    await server.close()
  }
}
