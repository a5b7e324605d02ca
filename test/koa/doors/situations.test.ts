/**
 * The same situations through every door, on every store: each answers as the guide says.
 */
import { expect } from 'chai'
import { sideBySide } from '../../support/side-by-side.js'
import { INSTALLED_STORES } from '../../support/stores.js'
import { startDoors } from './doors-app.js'
import { expectedAt } from './expected.js'
import { DOORS, type Door } from './operations.js'
import { OUTAGES, playOutage } from './outages.js'
import { guide, situationTable } from './situation-table.js'
import { play, SITUATIONS } from './situations.js'

const AT_ONCE = 12

for (const kind of INSTALLED_STORES) {
  describe(`the same situations through every door, ${kind}`, () => {
    const told = new Map<string, string>()
    const outages = new Map<string, Readonly<Record<Door, string>>>()

    before(async () => {
      const site = await startDoors(kind)
      try {
        // One of them stops an application for good.
        const last = SITUATIONS.filter(({ id }) => id === 'silence')
        const first = SITUATIONS.filter(({ id }) => id !== 'silence')
        // The outages have stores of their own, and mostly wait.
        const out = Promise.all(
          OUTAGES.map(async outage => {
            outages.set(outage.id, await playOutage(outage, kind))
          }),
        )
        // Told where it is waited for.
        out.catch(() => {})
        for (const situations of [first, last]) {
          const all = situations.flatMap(situation => DOORS.map(door => ({ situation, door })))
          await sideBySide(all, AT_ONCE, async ({ situation, door }) => {
            const words = await play(situation, site, door).catch(error => String(error))
            told.set(`${situation.id} ${door}`, words)
          })
        }
        await out
      } finally {
        await site.close()
      }
    })

    for (const { id, title } of SITUATIONS) {
      it(title, () => {
        const seen = DOORS.map(door => [door, told.get(`${id} ${door}`)])
        expect(seen).to.deep.equal(DOORS.map(door => [door, expectedAt(id, door)]))
      })
    }

    for (const outage of OUTAGES) {
      it(`[FAIL-07] ${outage.title}`, () => {
        expect(outages.get(outage.id)).to.deep.equal(
          Object.fromEntries(DOORS.map(door => [door, expectedAt(outage.id, door)])),
        )
      })
    }
  })
}

describe('the guide to the situations', () => {
  it('has the table that the tests hold', () => {
    expect(guide()).to.include(situationTable())
  })
})
