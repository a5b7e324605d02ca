/**
 * The suite, tested: each wrong server is caught by the checks that are meant for its fault, and by
 * no others. The servers are judged in two files, so that two processes share them.
 */
import { expect } from 'chai'
import type { ConformanceReport } from 'post-once-exactly/conformance'
import { gradeOf } from '../../lib/conformance/report.js'
import { sideBySide } from '../support/side-by-side.js'
import { AT_LEAST, caughtBy, HOUSE, ONCE } from './caught-by.js'
import type { Fault } from './servers/fault.js'
import { judged, needsAll } from './wrong-runs.js'

/** A run is pauses, most of the time. */
const AT_ONCE = 12
/** What the stalls of a busy process have changed is judged again, by itself. */
const PLAYS = 3
/** So many servers are there for one that is asked all checks; `POE_TEST_WHOLE=1` asks each. */
const WHOLE_OF = process.env.POE_TEST_WHOLE === '1' ? 1 : 64

/**
 * Defines the tests of some wrong servers.
 *
 * @param title - of the suite
 * @param faults - the servers
 */
export function describeWrong(title: string, faults: readonly Fault[]): void {
  describe(title, () => {
    const reports = new Map<string, ConformanceReport>()

    before('judges all of them, several at once', async function () {
      this.timeout(900_000)
      const runs = faults.map(({ name }, index) => {
        return { name, index, isWhole: index % WHOLE_OF === 0 || needsAll(name) }
      })
      // The longest ones first.
      const inTurn = runs.toSorted((one, other) => Number(other.isWhole) - Number(one.isWhole))
      const judge = async ({ name, index, isWhole }: (typeof runs)[number]) => {
        reports.set(name, await judged(name, isWhole ? null : index))
      }
      await sideBySide(inTurn, AT_ONCE, judge)
      for (const run of runs) {
        for (let play = 1; play < PLAYS && isMisjudged(run.name, reports); play += 1)
          await judge(run)
      }
    })

    for (const { name, says } of faults) {
      it(`${name}: ${says}`, () => {
        const report = reports.get(name)
        const isOurs = HOUSE.has(name)
        const found = decisive(report)
        expectMeant(name, found)
        const verdict = isOurs ? 'conformant' : 'not-conformant'
        expect(report).to.include({ verdict, exitCode: isOurs ? 0 : 1 })
        expect(gradeOf(report?.results ?? [], true).verdict).to.equal('not-conformant')
        const wordless = report?.results.filter(({ id, seen }) => found.includes(id) && !seen)
        expect(wordless).to.deep.equal([])
      })
    }
  })
}

function expectMeant(name: string, found: readonly string[]): void {
  const meant = [...caughtBy(name)].sort()
  const isOnceOnly = ONCE.has(name) && found[0] === 'POE-2-2/whole-run'
  if (AT_LEAST.has(name)) expect(found).to.include.members(meant)
  else if (isOnceOnly) expect(found).to.have.length(1)
  else expect(found).to.deep.equal(meant)
}

function isMisjudged(name: string, reports: ReadonlyMap<string, ConformanceReport>): boolean {
  try {
    expectMeant(name, decisive(reports.get(name)))
    return false
  } catch {
    return true
  }
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
