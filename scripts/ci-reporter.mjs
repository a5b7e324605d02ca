/**
 * A mocha reporter: prints as `spec` does, and leaves the counts as JSON in the file that
 * `POE_TEST_REPORT` names, so that no one has to read them out of the printed text.
 */
import { writeFileSync } from 'node:fs'
import Mocha from 'mocha'

const { Spec } = Mocha.reporters
const { EVENT_RUN_END } = Mocha.Runner.constants

/** Counts are written when the run is over; a run that dies leaves no file. */
export default class CiReporter extends Spec {
  constructor(runner, options) {
    super(runner, options)
    runner.once(EVENT_RUN_END, () => {
      const file = process.env.POE_TEST_REPORT
      const { passes, failures, pending } = this.stats
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending }))
    })
  }
}
