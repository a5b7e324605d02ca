/**
 * `poe check --door action-id`, tested: right servers pass, and each wrong one is caught by the
 * checks that are meant for its fault, and by no others.
 */
import { expect } from 'chai'
import { type ConformanceReport, runConformance } from 'post-once-exactly/conformance'
import { sideBySide } from '../../support/side-by-side.js'
import { ACTION_FAULTS } from './action-faults.js'
import { type ActionBehaviour, startActionServer } from './action-server.js'
import { ACTIONS_ADAPTER } from './adapters.js'
import { skippedIn, unlike } from './judged.js'
import { refused, told } from './plain.js'

/** Right servers, and what does not arise with them. */
const RIGHT: Readonly<Record<string, readonly [Partial<ActionBehaviour>, readonly string[]]>> = {
  'a right server': [{}, []],
  'one that says the id in its content only': [{ issued: id => told(201, { id }) }, []],
  'one that cannot call anything off': [
    { deletes: () => refused(405, 'Only PUT') },
    ['ACT-05/again', 'ACT-05/put-after', 'ACT-05/told', 'ACT-05/unissued'],
  ],
}
/** A run is pauses, most of the time. */
const AT_ONCE = 30

describe('poe check --door action-id', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all servers, several at once', async () => {
    const right = Object.entries(RIGHT).map(([name, [behaviour]]) => ({ name, behaviour }))
    await sideBySide([...right, ...ACTION_FAULTS], AT_ONCE, async ({ name, behaviour }) => {
      reports.set(name, await judged(behaviour))
    })
  })

  for (const [name, [, skipped]] of Object.entries(RIGHT)) {
    it(`${name} passes every check`, () => {
      const report = reports.get(name)
      expect(unlike(report)).to.deep.equal([])
      expect(report).to.include({ door: 'action-id', verdict: 'conformant', exitCode: 0 })
      expect(skippedIn(report)).to.deep.equal(skipped)
    })
  }

  it('there are at least fifteen wrong servers, and no two with one name', () => {
    expect(ACTION_FAULTS.length).to.be.at.least(15)
    expect(new Set(ACTION_FAULTS.map(({ name }) => name)).size).to.equal(ACTION_FAULTS.length)
  })

  for (const { name, says, caughtBy } of ACTION_FAULTS) {
    it(`${name}: ${says}`, () => {
      expect(unlike(reports.get(name))).to.deep.equal([...caughtBy].sort())
    })
  }
})

async function judged(behaviour: Partial<ActionBehaviour>): Promise<ConformanceReport> {
  const server = await startActionServer(behaviour)
  try {
    return await runConformance({
      url: `${server.origin}/actions`,
      door: 'action-id',
      adapter: ACTIONS_ADAPTER,
      rounds: 1,
      timeoutMs: 5_000,
      restart: server.restart,
    })
  } finally {
    await server.close()
  }
}
