/**
 * The fronts, before the servers that `fronts.test.ts` leaves out: a part of the plays for each
 * answer, so that each kind of server has had them all; `POE_TEST_WHOLE=1` plays each.
 */
import { itContradictsNothing } from './fronts-suite.js'

describe('fronts, before other servers', function () {
  this.timeout(60_000)
  itContradictsNothing('ours', '200', 0, 6)
  itContradictsNothing('ours', '303', 1, 6)
  itContradictsNothing('bare', '200', 2, 6)
  itContradictsNothing('bare', '201', 1)
  for (const [index, success] of (['200', '201', '303'] as const).entries()) {
    itContradictsNothing('bare with Allow', success, index)
  }
})
