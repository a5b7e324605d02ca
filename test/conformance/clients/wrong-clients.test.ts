/**
 * The suite for clients, tested: the right client passes, and each wrong one is caught by the
 * checks that are meant for its fault, and by no others.
 */
import { expect } from 'chai'
import { type CheckResult, type ClientReport, checkClient } from 'post-once-exactly/conformance'
import { sideBySide } from '../side-by-side.js'
import { baseClient, FAULTS, type FaultName } from './base-client.js'

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
    'POE-5-6/running',
    'POE-5-7/result',
    'POE-8-3/limit',
  ],
  'any-405': [
    'POE-2-24/no-allow',
    'POE-5-4/first-try',
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
  ],
  'first-405': ['POE-5-4/first-try'],
  'gone-is-failure': ['POE-5-6/gone-later'],
  '502-is-failure': ['POE-5-6/gateway-error'],
  'post-after-303': ['POE-5-3/no-post'],
  'get-after-307': ['H-303-2/no-get'],
  'back-to-entry': ['POE-2-10/pinned'],
  '302-is-success': ['POE-5-3/found'],
  'retries-422': ['POE-5-6/refused'],
  'retries-401': ['POE-5-6/login'],
  'changed-body': ['H-303-2/same-post', 'POE-5-8/alike'],
  'ignores-retry-after': ['H-RA-1/date', 'H-RA-1/seconds'],
  hammers: ['H-RA-1/date', 'H-RA-1/seconds', 'POE-8-1/pauses', 'POE-8-2/grow'],
  steady: ['POE-8-2/grow'],
  'foreign-links': ['POE-8-4/foreign'],
  'splits-at-commas': ['POE-3-4/comma'],
  'first-line': ['POE-3-16/empty-members', 'POE-3-6/lines'],
  'content-location': ['POE-3-8/base'],
  'quotes-only': ['POE-3-13/unquoted'],
  'sends-fragments': ['POE-3-2/fragment'],
  optimist: ['POE-2-12/ends', 'POE-2-14/told', 'POE-8-3/limit'],
  pessimist: ['POE-2-14/told'],
  'silent-about-poe': ['POE-4-1/field'],
  derives: ['POE-3-2/fragment', 'POE-A-4/derived'],
  'no-length': ['H-FRM-1/empty'],
  'posts-to-pages': ['H-RETRY-1/no-link'],
  'broken-is-failure': ['POE-5-2/broken'],
}

describe('poe check-client of wrong clients', () => {
  const reports = new Map<FaultName | 'none', ClientReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(120_000)
    const faults = Object.keys(FAULTS) as FaultName[]
    // The longest one first.
    await sideBySide<FaultName | 'none'>(['endless', 'none', ...faults.slice(1)], 6, async name => {
      const client = baseClient(name === 'none' ? null : name)
      reports.set(name, await checkClient({ client, timeoutMs: 6_000, jobs: 6 }))
    })
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
