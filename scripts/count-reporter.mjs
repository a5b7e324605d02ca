/**
 * A mocha reporter: a dot for each test, and the counts as JSON in the file that `POE_TEST_REPORT`
 * names, so that no one has to read them out of the printed text.
 */
import { writeFileSync } from 'node:fs'
import Mocha from 'mocha'

/** Counts are written when the run is over; a run that dies leaves no file. */
export default class CountReporter extends Mocha.reporters.Dot {
  constructor(runner, options) {
    super(runner, options)
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const file = process.env.POE_TEST_REPORT
      const { passes, failures, pending } = this.stats
      if (file) writeFileSync(file, JSON.stringify({ passes, failures, pending }))
    })
  }
}
