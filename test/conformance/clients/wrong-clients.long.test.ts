/**
 * The suite for clients, tested: the right client passes, and each wrong one is caught by the
 * checks that are meant for its fault, and by no others.
 */
import { expect } from 'chai'
import { type CheckResult, type ClientReport, checkClient } from 'post-once-exactly/conformance'
import { exitCodeOf, gradeOf } from '../../../lib/conformance/report.js'
import { sideBySide } from '../../support/side-by-side.js'
import { baseClient, FAULTS, type FaultName } from './base-client.js'

/** Of whoever does not wait as long as it is told to. */
const NO_PATIENCE: readonly string[] = [
  'H-RA-1/date',
  'H-RA-1/seconds',
  'H-RA-1/too-many',
  'POE-5-6/busy',
]

/** By the name of the fault: the checks that are not met. */
const CAUGHT_BY: Readonly<Record<FaultName, readonly string[]>> = {
  endless: ['POE-2-12/ends', 'POE-8-3/limit'],
  'new-link': [
    'POE-2-10/pinned',
    'POE-2-11/same-link',
    'POE-2-14/told',
    'POE-2-24/no-allow',
    'POE-5-1/lost-after',
    'POE-5-5/allow-with-post',
    'POE-5-5/bare-draft',
    'POE-5-6/gateway-error',
    'POE-5-6/gone-later',
    'POE-5-6/no-new-link',
    'POE-5-6/refused-later',
    'POE-5-6/running',
    'POE-5-6/server-error',
    'POE-5-6/unknown-later',
    'POE-5-7/no-result',
    'POE-5-7/result',
    'POE-8-3/limit',
  ],
  'any-405': [
    'POE-2-24/no-allow',
    'POE-5-4/first-try',
    'POE-5-4/unproven',
    'POE-5-5/allow-with-post',
    'POE-5-7/result',
  ],
  'no-405': [
    'POE-2-10/pinned',
    'POE-2-24/no-allow',
    'POE-5-1/lost-after',
    'POE-5-5/allow-with-post',
    'POE-5-5/bare-draft',
    'POE-5-6/gateway-error',
    'POE-5-6/running',
    'POE-5-6/server-error',
    'POE-5-7/no-result',
  ],
  'first-405': ['POE-5-4/first-try', 'POE-5-4/unproven'],
  'gone-is-failure': ['POE-5-6/gone-later', 'POE-5-6/unknown-later'],
  '502-is-failure': ['POE-5-6/gateway-error', 'POE-5-6/gateway-timeout'],
  'post-after-303': ['POE-5-3/no-post'],
  'get-after-307': ['H-303-2/no-get', 'H-303-2/permanent'],
  'back-to-entry': ['POE-2-10/pinned'],
  '302-is-success': ['POE-5-3/found', 'POE-5-3/moved-permanently'],
  'retries-422': ['POE-5-6/refused', 'POE-5-6/refused-later'],
  'retries-401': ['POE-5-6/login'],
  'changed-body': ['H-303-2/permanent', 'H-303-2/same-post', 'POE-5-8/alike'],
  'ignores-retry-after': NO_PATIENCE,
  hammers: [...NO_PATIENCE, 'H-RA-1/garbage', 'POE-8-1/pauses'].sort(),
  steady: ['POE-8-2/grow'],
  'foreign-links': ['POE-3-10/among', 'POE-8-4/authority', 'POE-8-4/foreign'],
  'splits-at-commas': ['POE-3-4/comma'],
  'first-line': ['POE-3-16/empty-members', 'POE-3-6/lines'],
  'content-location': ['POE-3-8/base'],
  'quotes-only': ['POE-3-13/unquoted'],
  'sends-fragments': ['POE-3-2/fragment'],
  optimist: ['POE-2-12/ends', 'POE-2-14/told', 'POE-8-3/limit'],
  pessimist: ['POE-2-14/told'],
  'silent-about-poe': ['POE-4-1/field'],
  derives: ['POE-3-2/fragment', 'POE-3-5/backslash', 'POE-A-4/derived'],
  'no-length': ['H-FRM-1/empty'],
  'posts-to-pages': ['H-RETRY-1/no-link', 'POE-3-3/empty'],
  'broken-is-failure': ['POE-5-2/broken'],
  '500-is-failure': ['POE-5-6/server-error'],
  'refused-is-done': ['POE-5-6/refused-later'],
  'needs-result': ['POE-5-7/no-result'],
  'counts-tries': ['POE-2-11/fields'],
  'reads-soon-as-now': ['H-RA-1/garbage'],
  'busy-is-failure': ['POE-5-6/running'],
  'follows-anywhere': ['POE-8-4/redirect'],
  'reads-backslashes': ['POE-3-5/backslash'],
  'reads-nothing': ['POE-3-3/empty'],
  'first-page': ['POE-3-8/moved-page'],
  'echoes-links': ['POE-3-11/never-sent'],
  respells: ['POE-A-4/spelling'],
}

/** What is judged by the time that passes, which a busy machine makes longer. */
const TIMED = [...NO_PATIENCE, 'H-RA-1/garbage', 'POE-8-1/pauses', 'POE-8-2/grow']
const PLAYS = 4

/** What is wrong with their pauses could not be seen among the stalls of a busy process. */
const PACED: readonly FaultName[] = ['hammers', 'steady', 'reads-soon-as-now']

describe('poe check-client of wrong clients', () => {
  const reports = new Map<FaultName | 'none', ClientReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(120_000)
    const judge = async (name: FaultName | 'none') => {
      const jobs = PACED.some(one => one === name) ? 2 : 6
      const client = baseClient(name === 'none' ? null : name)
      reports.set(name, await checkClient({ client, timeoutMs: 20_000, jobs }))
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
