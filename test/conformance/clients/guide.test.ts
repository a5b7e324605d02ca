/**
 * The guide for clients says what the scenarios are.
 */
import { expect } from 'chai'
import { FAULTS } from './base-client.js'
import { guide, withTable } from './scenario-table.js'

describe('the guide to poe check-client', () => {
  it('has the table of all scenarios', () => {
    expect(guide()).to.equal(withTable(guide()))
    expect(guide()).to.include('POE-5-1/lost-after')
  })

  it('a table that is out of date is noticed', () => {
    const stale = guide().replace('| POE-5-1/lost-after |', '| POE-5-1/lost |')
    expect(stale).to.not.equal(withTable(stale))
  })

  it('counts the wrong clients', () => {
    expect(guide()).to.include(`${Object.keys(FAULTS).length} wrong clients`)
  })
})
