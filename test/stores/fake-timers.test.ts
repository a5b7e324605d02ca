/**
 * Tests of an application with time in their own hands: what they put in the place of the global
 * timers (`vi.useFakeTimers()`, `jest.useFakeTimers()`) calls nobody by itself.
 */
import { expect } from 'chai'
import { EVERY_STORE, startWorld } from '../support/world.js'

describe('fake timers in the tests of an application', () => {
  for (const kind of EVERY_STORE) {
    it(`[FALSE-4624] ${kind.store}: a POST is carried out meanwhile, and one after`, async () => {
      const world = await startWorld(kind)
      const { setImmediate } = globalThis
      try {
        const links = [await world.link(), await world.link()]
        const post = (link = '') => fetch(`${world.base}${link}`, { method: 'POST' })
        globalThis.setImmediate = (() => ({ hasRef: () => true })) as never
        expect((await post(links[0])).status).to.equal(201)
        globalThis.setImmediate = setImmediate
        expect((await post(links[1])).status).to.equal(201)
      } finally {
        globalThis.setImmediate = setImmediate
        await world.close()
      }
    })
  }
})
