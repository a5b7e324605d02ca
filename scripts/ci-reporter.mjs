/**
 * A mocha reporter: prints as `spec` does, and leaves the counts as JSON in the file that
 * `POE_TEST_REPORT` names, so that no one has to read them out of the printed text. The files that
 * took longest are named at the end, for whoever has to make the whole shorter.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import Mocha from 'mocha'

const { Spec } = Mocha.reporters
const { EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_SUITE_END } = Mocha.Runner.constants

const NAMED = 25

/** Counts are written when the run is over; a run that dies leaves no file. */
export default class CiReporter extends Spec {
  constructor(runner, options) {
    super(runner, options)
    const tookMs = new Map()
    let beganMs = 0
    runner.on(EVENT_SUITE_BEGIN, suite => {
      if (suite.parent?.root) beganMs = performance.now()
    })
    runner.on(EVENT_SUITE_END, suite => {
      if (!suite.parent?.root) return
      const file = relative(process.cwd(), suite.file ?? '')
      tookMs.set(file, (tookMs.get(file) ?? 0) + performance.now() - beganMs)
    })
    runner.once(EVENT_RUN_END, () => {
      const file = process.env.POE_TEST_REPORT
      const { passes, failures, pending } = this.stats
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending }))
      const longest = [...tookMs].sort(([, one], [, other]) => other - one).slice(0, NAMED)
      const lines = longest.map(([name, ms]) => `${(ms / 1_000).toFixed(1).padStart(7)} s  ${name}`)
      console.log(`\n  the files that took longest\n${lines.join('\n')}`)
    })
  }
}
