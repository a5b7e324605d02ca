/**
 * The same situations through every door, on other frameworks: each answers as Koa does.
 */
import { expect } from 'chai'
import { startDoors } from '../koa/doors/doors-app.js'
import { expectedAt } from '../koa/doors/expected.js'
import { DOORS, type Door } from '../koa/doors/operations.js'
import { OUTAGES, playOutage } from '../koa/doors/outages.js'
import { play, SITUATIONS } from '../koa/doors/situations.js'
import { sideBySide } from '../support/side-by-side.js'
import type { StoreKind } from '../support/stores.js'
import { DOORS_ON, type Framework } from './doors-on.js'

/** What the server around the doors says itself. */
function expectedOn(framework: Framework, id: string, door: Door): string {
  // On Koa that is the router's `allowedMethods()`.
  if (id === 'nameless' && door === 'action') return '404; 0 effects'
  // Express's parser stands in front of every door.
  if (id === 'too-much' && framework === 'express') return '413, then 201; 1 effect'
  return expectedAt(id, door)
}

const AT_ONCE = 12

/** Describes them. */
export function situationsSuite(framework: Framework, kind: StoreKind): void {
  describe(`the same situations through every door, ${framework}, ${kind}`, function () {
    this.timeout(60_000)
    const told = new Map<string, string>()
    const make = DOORS_ON[framework]

    before(async () => {
      const site = await startDoors(kind, { make })
      try {
        // One of them stops an application for good.
        const last = SITUATIONS.filter(({ id }) => id === 'silence')
        const first = SITUATIONS.filter(({ id }) => id !== 'silence')
        for (const situations of [first, last]) {
          const all = situations.flatMap(situation => DOORS.map(door => ({ situation, door })))
          await sideBySide(all, AT_ONCE, async ({ situation, door }) => {
            const words = await play(situation, site, door).catch(error => String(error))
            told.set(`${situation.id} ${door}`, words)
          })
        }
      } finally {
        await site.close()
      }
    })

    for (const { id, title } of SITUATIONS) {
      it(title, () => {
        const seen = DOORS.map(door => [door, told.get(`${id} ${door}`)])
        expect(seen).to.deep.equal(DOORS.map(door => [door, expectedOn(framework, id, door)]))
      })
    }

    for (const outage of OUTAGES) {
      it(outage.title, async () => {
        const seen = await playOutage(outage, kind, make)
        const wanted = DOORS.map(door => [door, expectedAt(outage.id, door)])
        expect(seen).to.deep.equal(Object.fromEntries(wanted))
      })
    }
  })
}
