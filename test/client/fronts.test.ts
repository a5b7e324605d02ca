/** Whatever stands in front of the server, no outcome contradicts the ledger. */
import { expect } from 'chai'
import { itContradictsNothing, wrongBelievers } from './fronts-suite.js'

describe('fronts', function () {
  this.timeout(60_000)
  itContradictsNothing('ours', '201')
  itContradictsNothing('bare', '303')

  it('the table catches a client that believes what it sees', async () => {
    expect([...(await wrongBelievers())]).to.include.members([
      'a static site',
      'a captive portal',
      'a login page by 200',
      'a login page by 302',
      'a login page by 303',
      'what turns errors into 200',
      'a proxy that sends again',
    ])
  })
})
