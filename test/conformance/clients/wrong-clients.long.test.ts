/**
 * The suite for clients, tested: the right client passes, and each wrong one is caught by the
 * checks that are meant for its fault, and by no others.
 */
import { expect } from 'chai'
import {
  type CheckResult,
  type ClientReport,
  checkClient,
  SCENARIOS,
} from 'post-once-exactly/conformance'
import { exitCodeOf, gradeOf } from '../../../lib/conformance/report.js'
import { sideBySide } from '../../support/side-by-side.js'
import { baseClient, FAULTS, type FaultName } from './base-client.js'
import { CAUGHT_BY, NO_PATIENCE } from './wrong-clients.js'

/** What is judged by the time that passes, which a busy machine makes longer. */
const TIMED = [...NO_PATIENCE, 'H-RA-1/garbage', 'POE-8-1/pauses', 'POE-8-2/grow', 'POE-8-3/limit']
const PLAYS = 4
/** So many clients share the checks that are not about their faults; the right one is asked all. */
const SHARERS = process.env.POE_TEST_WHOLE === '1' ? 1 : 4
const IDS = SCENARIOS.flatMap(({ checks }) => checks.map(({ id }) => id))

/** What is wrong with their pauses could not be seen among the stalls of a busy process. */
const PACED: readonly FaultName[] = ['hammers', 'steady', 'reads-soon-as-now']

describe('poe check-client of wrong clients', () => {
  const reports = new Map<FaultName | 'none', ClientReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(120_000)
    const judge = async (name: FaultName | 'none') => {
      const jobs = PACED.some(one => one === name) ? 2 : 6
      const client = baseClient(name === 'none' ? null : name)
      const only = askedOf(name)
      // That one never ends.
      const timeoutMs = name === 'endless' ? 12_000 : 20_000
      reports.set(name, await checkClient({ client, timeoutMs, jobs, only }))
    }
    const faults = (Object.keys(FAULTS) as FaultName[]).filter(name => !PACED.includes(name))
    // The longest one first.
    await sideBySide<FaultName | 'none'>(['endless', 'none', ...faults.slice(1)], 10, judge)
    await sideBySide(PACED, PACED.length, judge)
    // What time alone has changed is judged again, by itself: chance is no proof of anything.
    for (const [name, first] of reports) {
      let report = first
      for (let play = 1; play < PLAYS; play += 1) {
        const only = misjudged(name, report)
        if (only.length === 0) break
        const client = baseClient(name === 'none' ? null : name)
        report = merged(report, await checkClient({ client, timeoutMs: 20_000, only, jobs: 1 }))
        reports.set(name, report)
      }
    }
  })

  it('the right one passes every check', () => {
    const report = reports.get('none')
    expect(notMet(report)).to.deep.equal([])
    expect(report?.results.every(({ result }) => result === 'pass')).to.equal(true)
    expect(report).to.include({ verdict: 'conformant', exitCode: 0 })
  })

  for (const [name, says] of Object.entries(FAULTS)) {
    it(`${name}: ${says}`, () => {
      const report = reports.get(name as FaultName)
      expect(notMet(report)).to.deep.equal(CAUGHT_BY[name as FaultName])
    })
  }

  it('a warning alone leaves it conformant, a failure does not', () => {
    expect(reports.get('quotes-only')).to.include({ exitCode: 0 })
    expect(reports.get('pessimist')).to.include({ exitCode: 1 })
  })
})

/** The checks that are meant for a fault, and a part of all others. */
function askedOf(name: FaultName | 'none'): string[] {
  if (name === 'none') return IDS
  const number = Object.keys(FAULTS).indexOf(name) % SHARERS
  return IDS.filter((id, index) => CAUGHT_BY[name].includes(id) || index % SHARERS === number)
}

function notMet(report: ClientReport | undefined): string[] {
  const isUnmet = ({ result }: CheckResult) => result === 'fail' || result === 'warn'
  return (report?.results.filter(isUnmet).map(({ id }) => id) ?? ['not run']).sort()
}

/** What a report says of the time that passes, other than it should. */
function misjudged(name: FaultName | 'none', report: ClientReport | undefined): string[] {
  const caughtBy = name === 'none' ? [] : CAUGHT_BY[name]
  const unmet = notMet(report)
  return TIMED.filter(id => unmet.includes(id) !== caughtBy.includes(id))
}

/** A report in which some checks were judged again. */
function merged(report: ClientReport, again: ClientReport): ClientReport {
  const results = report.results.map(one => again.results.find(({ id }) => id === one.id) ?? one)
  const grade = gradeOf(results, false)
  return { ...report, results, grade, verdict: grade.verdict, exitCode: exitCodeOf(grade.verdict) }
}
