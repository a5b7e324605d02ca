/**
 * What is said about the wrong servers: each has a check that is meant for it, and each check is
 * the only one that convicts some server. Their runs, in `wrong-servers.long.test.ts`, tell that it
 * is so.
 */
import { expect } from 'chai'
import { CHECKS } from 'post-once-exactly/conformance'
import { ALL_WRONG, AT_LEAST, aloneFor, CAUGHT_BY, caughtBy, HOUSE } from './caught-by.js'

/** The servers' author and the suite's name the fault by different requirements. */
const NEAR = new Set(['burnt-by-307', 'delete-reopens', 'refusals-cacheable'])

describe('what catches the wrong servers', () => {
  it('there are at least a hundred and fifty, each with a name of its own and a check', () => {
    const names = ALL_WRONG.map(({ name }) => name)
    expect(names.length).to.be.at.least(150)
    expect(new Set(names).size).to.equal(names.length)
    expect(names.filter(name => caughtBy(name).length === 0)).to.deep.equal([])
    const unknown = [...Object.keys(CAUGHT_BY), ...AT_LEAST, ...HOUSE]
    expect(unknown.filter(name => !names.includes(name))).to.deep.equal([])
  })

  it('each fault breaks a requirement that a failing check is of, or one near it', () => {
    for (const { name, breaks } of ALL_WRONG) {
      const requirements = caughtBy(name).map(id => id.split('/')[0] ?? '')
      const known = breaks.some(id => requirements.includes(id))
      expect(known || NEAR.has(name), `${name}: ${requirements} for ${breaks}`).to.equal(true)
    }
  })

  it('each check is the only one that convicts some server: without it that would pass', () => {
    const idle = CHECKS.filter(({ id }) => aloneFor(id).length === 0)
    expect(idle.map(({ id }) => id)).to.deep.equal([])
  })
})
