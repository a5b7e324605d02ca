/**
 * Each check of clients is needed: without what it demands, a wrong client would pass.
 */
import { expect } from 'chai'
import {
  type CheckResult,
  type ClientReport,
  checkClient,
  SCENARIOS,
} from 'post-once-exactly/conformance'
import { gradeOf } from '../../../lib/conformance/report.js'
import { sideBySide } from '../../support/side-by-side.js'
import { baseClient, FAULTS, type FaultName, type NarrowFault } from './base-client.js'
import { NARROW } from './narrow-clients.js'
import { CAUGHT_BY } from './wrong-clients.js'

/** A run waits, most of the time. */
const AT_ONCE = 6
/** What time alone has changed is judged again, by itself. */
const PLAYS = 4
/** So many clients share the checks that are not about their faults: each is asked its part. */
const SHARERS = 8
/** Stalls of a busy process look like pauses. */
const PACED = 'POE-8-1/pauses'

const IDS = SCENARIOS.flatMap(({ checks }) => checks.map(({ id }) => id))

describe('poe check-client of clients that are wrong in one situation', () => {
  const reports = new Map<string, ClientReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(400_000)
    const judge = async ([id, narrow]: readonly [string, NarrowFault]) => {
      reports.set(id, await judged(id, narrow))
    }
    const all = Object.entries(NARROW)
    await sideBySide(
      all.filter(([id]) => id !== PACED),
      AT_ONCE,
      judge,
    )
    await sideBySide(
      all.filter(([id]) => id === PACED),
      1,
      judge,
    )
  })

  for (const id of Object.keys(NARROW)) {
    it(`${id} alone convicts one, and without it that would pass`, () => {
      const results = reports.get(id)?.results ?? []
      expect(notMet(results)).to.deep.equal([id])
      expect(gradeOf(results, true).verdict).to.equal('not-conformant')
      const others = results.filter(one => one.id !== id)
      expect(gradeOf(others, false).counts).to.include({ fail: 0, warn: 0 })
    })
  }

  it('each check is the only one that convicts some client', () => {
    const sole = (Object.keys(FAULTS) as FaultName[]).map(name => CAUGHT_BY[name])
    const needed = [...sole.filter(({ length }) => length === 1).flat(), ...Object.keys(NARROW)]
    expect(IDS.filter(id => !needed.includes(id))).to.deep.equal([])
    expect(needed.filter(id => !IDS.includes(id))).to.deep.equal([])
  })
})

async function judged(id: string, narrow: NarrowFault): Promise<ClientReport> {
  const client = baseClient(null, narrow)
  const number = Object.keys(NARROW).indexOf(id) % SHARERS
  const asked = IDS.filter((one, index) => one === id || index % SHARERS === number)
  let report = await checkClient({ client, timeoutMs: 12_000, only: asked, jobs: 6 })
  for (let play = 1; play < PLAYS; play += 1) {
    const found = notMet(report.results)
    const only = [...found.filter(one => one !== id), ...(found.includes(id) ? [] : [id])]
    if (only.length === 0) return report
    const again = await checkClient({ client, timeoutMs: 12_000, only, jobs: 1 })
    const results = report.results.map(one => again.results.find(two => two.id === one.id) ?? one)
    report = { ...report, results }
  }
  return report
}

function notMet(results: readonly CheckResult[]): string[] {
  return results.flatMap(({ id, result }) => (result === 'fail' || result === 'warn' ? [id] : []))
}
