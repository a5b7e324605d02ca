/**
 * The suite, tested: each wrong server is caught by the checks that are meant for its fault, and by
 * no others. And each check is needed: without what it demands, a wrong server would pass.
 */
import { expect } from 'chai'
import { CHECKS, type Check, type ConformanceReport } from 'post-once-exactly/conformance'
import { gradeOf } from '../../lib/conformance/report.js'
import { sideBySide } from '../support/side-by-side.js'
import { AT_LEAST, CAUGHT_BY, HOUSE, ONCE } from './caught-by.js'
import { WRONG } from './servers/wrong.js'
import { WRONG_MORE } from './servers/wrong-more.js'
import { withoutDemands } from './without-demands.js'
import { judged, resultOf } from './wrong-runs.js'

/** A run is pauses, most of the time. */
const AT_ONCE = 12
/** The servers' author and the suite's name the fault by different requirements. */
const NEAR = new Set(['burnt-by-307', 'delete-reopens', 'refusals-cacheable'])
/** They look at what others have used, so nothing is to be seen where they are alone. */
const OF_A_RUN = ['POE-2-1/later', 'POE-2-1/later-other-body', 'POE-2-7/later', 'POE-2-2/whole-run']

const MEANT = new Map(WRONG_MORE.map(({ name, caughtBy }) => [name, [caughtBy]]))
const ALL = [...WRONG, ...WRONG_MORE]

describe('poe check of wrong servers', () => {
  const reports = new Map<string, ConformanceReport>()

  before('judges all of them, several at once', async function () {
    this.timeout(900_000)
    await sideBySide(ALL, AT_ONCE, async ({ name }) => {
      reports.set(name, await judged(name))
    })
  })

  it('there are at least a hundred and fifty, each with a name of its own and a check', () => {
    const names = ALL.map(({ name }) => name)
    expect(names.length).to.be.at.least(150)
    expect(new Set(names).size).to.equal(names.length)
    expect(names.filter(name => meantFor(name).length === 0)).to.deep.equal([])
    const unknown = [...Object.keys(CAUGHT_BY), ...AT_LEAST, ...HOUSE]
    expect(unknown.filter(name => !names.includes(name))).to.deep.equal([])
  })

  for (const { name, says } of ALL) {
    it(`${name}: ${says}`, () => {
      const report = reports.get(name)
      const isOurs = HOUSE.has(name)
      const found = decisive(report)
      const meant = [...meantFor(name)].sort()
      const isOnceOnly = ONCE.has(name) && found[0] === 'POE-2-2/whole-run'
      if (AT_LEAST.has(name)) expect(found).to.include.members(meant)
      else if (isOnceOnly) expect(found).to.have.length(1)
      else expect(found).to.deep.equal(meant)
      const verdict = isOurs ? 'conformant' : 'not-conformant'
      expect(report).to.include({ verdict, exitCode: isOurs ? 0 : 1 })
      expect(gradeOf(report?.results ?? [], true).verdict).to.equal('not-conformant')
      const wordless = report?.results.filter(({ id, seen }) => found.includes(id) && !seen)
      expect(wordless).to.deep.equal([])
    })
  }

  it('each fault breaks a requirement that a failing check is of, or one near it', () => {
    for (const { name, breaks } of ALL) {
      const requirements = meantFor(name).map(id => id.split('/')[0] ?? '')
      const known = breaks.some(id => requirements.includes(id))
      expect(known || NEAR.has(name), `${name}: ${requirements} for ${breaks}`).to.equal(true)
    }
  })

  it('each check is the only one that convicts some server: without it that would pass', () => {
    const idle = CHECKS.filter(({ id }) => soleFor(id, reports).length === 0)
    expect(idle.map(({ id }) => id)).to.deep.equal([])
  })

  it('without what it demands no check catches anything', async function () {
    this.timeout(240_000)
    const idle: string[] = []
    await sideBySide(CHECKS, AT_ONCE, async check => {
      if (OF_A_RUN.includes(check.id)) return
      const others = ALL.map(({ name }) => name).filter(name =>
        decisive(reports.get(name)).includes(check.id),
      )
      const names = [...new Set([...soleFor(check.id, reports), ...others])].slice(0, 4)
      for (const name of names) if (await isMissed(check, name)) return
      idle.push(`${check.id}: ${names}`)
    })
    expect(idle).to.deep.equal([])
  })
})

/** Whether a check that is mutated lets a server through that it catches. */
async function isMissed(check: Check, name: string): Promise<boolean> {
  const whole = await resultOf(check, name, true)
  return whole === 'fail' && (await resultOf(withoutDemands(check), name, false)) !== 'fail'
}

function meantFor(name: string): readonly string[] {
  return CAUGHT_BY[name] ?? MEANT.get(name) ?? []
}

/** The servers that a check alone convicts. */
function soleFor(id: string, reports: ReadonlyMap<string, ConformanceReport>): string[] {
  return ALL.map(({ name }) => name).filter(name => {
    const found = decisive(reports.get(name))
    return found.length === 1 && found[0] === id
  })
}

/**
 * The checks that decide: those that fail, and where none does, those that warn. The whole run sums
 * up what others have found.
 */
function decisive(report: ConformanceReport | undefined): string[] {
  const of = (kind: string) =>
    (report?.results ?? []).filter(({ result }) => result === kind).map(({ id }) => id)
  const failed = of('fail')
  const told = failed.filter(id => failed.length === 1 || id !== 'POE-2-2/whole-run')
  return (told.length > 0 ? told : of('warn')).sort()
}
