/** The fronts, before the servers that `fronts.test.ts` leaves out. */
import { itContradictsNothing } from './fronts-suite.js'

describe('fronts, before other servers', function () {
  this.timeout(60_000)
  itContradictsNothing('ours', '200')
  itContradictsNothing('ours', '303')
  itContradictsNothing('bare', '200')
  itContradictsNothing('bare', '201')
  for (const success of ['200', '201', '303'] as const) {
    itContradictsNothing('bare with Allow', success)
  }
})
