/**
 * Every rule that a check is of is explained, in the same words everywhere.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { DOOR_CHECKS, DOORS, EXPLANATIONS, pageOf, SCENARIOS } from 'post-once-exactly/conformance'
import { CHECKS_PAGE, checksPage } from '../../scripts/checks-page.js'

const PAGE = readFileSync(CHECKS_PAGE, 'utf8')
const RULES = new Set([
  ...DOORS.flatMap(door => DOOR_CHECKS[door].map(check => check.requirement)),
  ...SCENARIOS.flatMap(({ checks }) => checks.map(({ id }) => id.split('/')[0] ?? '')),
])

describe('the explanations', () => {
  it('there is one for each rule that a check is of, and no other', () => {
    expect([...EXPLANATIONS.keys()].sort()).to.deep.equal([...RULES].sort())
    expect(RULES.size).to.be.greaterThan(100)
  })

  for (const { id, why, wrong, mend } of EXPLANATIONS.values()) {
    it(`${id} is told in sentences`, () => {
      for (const text of [why, wrong, mend]) expect(text).to.match(/^["\w'].{15,400}[.?]$/)
    })
  }

  it('docs/checks.md is made of them', () => {
    expect(PAGE, 'run scripts/checks-page.ts --write').to.equal(checksPage())
  })

  it('each is where reports point', () => {
    const anchors = [...PAGE.matchAll(/^## (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
    const named = [...EXPLANATIONS.keys()].map(id => pageOf(id).split('#')[1])
    expect(named).to.deep.equal(anchors)
  })
})
