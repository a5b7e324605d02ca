/**
 * Failure cases RACE, at the POE door: two requests at one link at once, and every way in which
 * both of them, or neither, could be told that they were first.
 */
import { expect } from 'chai'
import { releaseTogether, requestBytes, responseOf } from '../../lib/testing/raw-http.js'
import { expectBusy, expectProblem, expectSpent } from '../support/answers.js'
import { aroundStore } from '../support/around-store.js'
import { type Latch, latch, until } from '../support/meeting.js'
import { makeSite, type Site } from '../support/server-process.js'
import { EVERY_STORE, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

/** Two hundred of them at each door: campaigns/race-doors. */
const ROUNDS = 40

for (const kind of EVERY_STORE) {
  describe(`a claim, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    it(`[RACE-01, POE-2-2] two at once, ${ROUNDS} rounds: one 201, one effect`, async () => {
      // The handler goes on until the other request has met it.
      let met: Latch = latch()
      world = await startWorld(kind, {
        handler: async (ctx, here) => {
          await met.opened
          placeOrder(ctx, here)
        },
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            const reply = (await call()) as { state?: string }
            if (method === 'claim' && reply.state === 'running') met.open()
            return reply
          }),
      })
      for (let round = 1; round <= ROUNDS; round += 1) {
        met = latch()
        const request = requestBytes({
          method: 'POST',
          path: await world.link(),
          headers: { 'Content-Type': 'application/json' },
          body: '{"sku":"a"}',
        })
        const { port } = world
        const results = await releaseTogether({ port, requests: [request, request], holdMs: 2 })
        const statuses = results.map(result => responseOf(result).status).sort()
        expect(statuses, `round ${round}`).to.deep.equal([201, 405])
        expect(world.effects).to.have.lengthOf(round)
      }
    })

    it('[RACE-01] a loser that does not wait is busy, not spent', async () => {
      const working = latch()
      world = await startWorld(kind, {
        poe: { waitMs: 0 },
        handler: async (ctx, here) => {
          await working.opened
          placeOrder(ctx, here)
        },
      })
      const link = await world.link()
      const first = world.send('POST', link, { json: { sku: 'a' } })
      await until(() => world.runs === 1, 'the handler runs')
      const second = await world.send('POST', link, { json: { sku: 'a' } })
      expectBusy(second)
      await expectProblem(second, 409, 'running')
      working.open()
      expect((await first).status).to.equal(201)
      await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[RACE-03] who loses between look and insert is busy; no health alarm', async () => {
      const working = latch()
      const held = latch()
      let claims = 0
      world = await startWorld(kind, {
        poe: { waitMs: 0 },
        handler: async (ctx, here) => {
          await working.opened
          placeOrder(ctx, here)
        },
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            if (method !== 'claim') return await call()
            claims += 1
            if (claims === 1) await held.opened
            return await call()
          }),
      })
      const link = await world.link()
      const paused = world.send('POST', link, { json: {} })
      await until(() => claims === 1, 'A is about to claim')
      const winner = world.send('POST', link, { json: {} })
      await until(() => world.runs === 1, 'B has claimed')
      held.open()
      const loser = await paused
      expectBusy(loser)
      await expectProblem(loser, 409, 'running')
      working.open()
      expect((await winner).status).to.equal(201)
      expect(world.events.map(event => event.type)).to.not.include('store-down')
      expect(world.effects).to.have.lengthOf(1)
    })
  })
}

describe('a claim, three processes on one sqlite file', () => {
  let site: Site
  before(() => {
    site = makeSite()
  })
  after(() => site.close())

  it('[RACE-07] slow store, three POSTs through three processes: one 201', async () => {
    const options = { storeDelayMs: 50, waitMs: 0 }
    const servers = await Promise.all([1, 2, 3].map(() => site.serve(options)))
    for (let round = 0; round < 10; round += 1) {
      const link = (await servers[round % 3]?.link()) ?? ''
      const responses = await Promise.all(servers.map(server => server.send('POST', link)))
      const winners = responses.filter(response => response.status < 400)
      expect(winners.map(winner => winner.status)).to.deep.equal([201])
      for (const loser of responses.filter(response => response.status !== 201)) {
        if (loser.status !== 405) expectBusy(loser)
      }
      expect(site.effectsOf(link)).to.equal(1)
    }
  })
})
