/** The store goes away, comes back, is slow or silent: refused in time, and nothing runs late. */

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { expectProblem } from '../support/answers.js'
import { aroundStore, storeSwitch } from '../support/around-store.js'
import { BOUNDED_MS, latch, until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, startWorld, type World } from '../support/world.js'

for (const kind of EVERY_STORE) {
  describe(`the store fails, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    for (const mode of ['down', 'silent'] as const) {
      it(`[FAIL-07] ${mode}: 503 in time, nothing runs, and back without a restart`, async () => {
        const lever = storeSwitch()
        world = await startWorld(kind, { wrapStore: lever.wrap })
        const link = await world.link()
        lever.mode = mode
        const startedMs = performance.now()
        const refuse = async (method: string): Promise<void> => {
          const refused = await world.send(method, link, method === 'POST' ? { json: {} } : {})
          // A store that is silent would never answer.
          expect(performance.now() - startedMs, method).to.be.below(BOUNDED_MS)
          expect(refused.headers.get('Retry-After'), method).to.equal('1')
          expect(refused.headers.get('Allow'), method).to.equal(null)
          await (method === 'OPTIONS' ? refused.text() : expectProblem(refused, 503, 'store-down'))
        }
        await Promise.all(['POST', 'GET', 'OPTIONS', 'PUT'].map(refuse))
        const page = await world.send('GET', '/page')
        expect(await page.json()).to.deep.equal({ link: null })
        lever.mode = 'up'
        await until(async () => (await world.link()) !== null, 'links are back')
        expect(world.runs, 'nothing ran meanwhile, or late').to.equal(0)
        expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
        const types = world.events.map(({ type }) => type)
        expect(types.filter(type => type === 'store-down' || type === 'store-back')).to.deep.equal([
          'store-down',
          'store-back',
        ])
      })
    }

    it('[STORE-05] a claim whose reply is lost is taken back; the link works again', async () => {
      let lost = 0
      world = await startWorld(kind, {
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            const reply = await call()
            if (method === 'claim' && lost++ === 0) throw new Error('the reply is lost')
            return reply
          }),
      })
      const link = await world.link()
      expect((await world.send('POST', link, { json: {} })).status).to.equal(503)
      await until(
        async () => (await world.send('POST', link, { json: {} })).status !== 503,
        'it is back',
      )
      await until(async () => (await world.send('GET', link)).status === 200, 'it is spent')
      expect(world.effects).to.have.length(1)
    })

    it('[FALSE-4651] a mark after the end begins nothing, where the release fails', async () => {
      const answered = latch()
      let isLate = false
      let late: Promise<unknown> = Promise.resolve()
      world = await startWorld(kind, {
        resource: { marks: true },
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            if (method === 'release' && !isLate) throw new Error('ECONNRESET')
            return await call()
          }),
        handler: async (ctx, here) => {
          const isFirst = here.runs === 1
          const charge = async () => {
            if (isFirst) await answered.opened
            await ctx.poe.pointOfNoReturn()
            here.effects.push(isFirst ? 'first' : 'second')
          }
          const check = async () => {
            if (isFirst) throw new Error('planted')
          }
          const charging = charge()
          if (isFirst) late = charging.catch((error: unknown) => error)
          await Promise.all([check(), charging])
          ctx.status = 204
        },
      })
      const link = await world.link()
      expect((await world.send('POST', link, { json: {} })).status).to.equal(500)
      answered.open()
      expect(await late).to.have.property('code', 'ERR_POE_LEASE_LOST')
      isLate = true
      const isDone = async () => (await world.send('POST', link, { json: {} })).status === 204
      await until(isDone, 'the link is free')
      expect(world.effects).to.deep.equal(['second'])
    })

    for (const how of ['refused', 'thrown'] as const) {
      it(`[FALSE-4652] a mark whose reply comes after the end begins nothing: ${how}`, async () => {
        const [marked, answered] = [latch(), latch()]
        let late: Promise<unknown> = Promise.resolve()
        world = await startWorld(kind, {
          resource: { marks: true },
          wrapStore: store =>
            aroundStore(store, async (method, _key, call) => {
              const reply = await call()
              if (method !== 'mark') return reply
              marked.open()
              await answered.opened
              return reply
            }),
          handler: async (ctx, here) => {
            const charge = async () => {
              await ctx.poe.pointOfNoReturn()
              here.effects.push(`run ${here.runs}`)
            }
            const charging = charge()
            if (here.runs === 1) {
              late = charging.catch((error: unknown) => error)
              await marked.opened
              if (how === 'refused') ctx.throw(422, 'no tea')
              throw new Error('planted')
            }
            await charging
            ctx.status = 204
          },
        })
        const link = await world.link()
        const first = await world.send('POST', link, { json: {} })
        expect(first.status).to.equal(how === 'refused' ? 422 : 500)
        answered.open()
        expect(await late).to.have.property('code', 'ERR_POE_LEASE_LOST')
        const { status } = await world.send('POST', link, { json: {} })
        expect([status, world.effects]).to.deep.equal(
          how === 'refused' ? [204, ['run 2']] : [409, []],
        )
      })
    }

    it('lost after the success: the answer is sent, and recorded when possible', async () => {
      const lever = storeSwitch()
      world = await startWorld(kind, {
        poe: { recordForMs: 200 },
        wrapStore: lever.wrap,
        handler: (ctx, here) => {
          here.effects.push('order')
          lever.mode = 'down'
          ctx.status = 201
          ctx.body = 'done'
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, { json: {} })
      expect([first.status, await first.text()]).to.deep.equal([201, 'done'])
      expect(world.events.map(({ type }) => type)).to.include('unrecorded')
      lever.mode = 'up'
      await until(async () => (await world.send('GET', link)).status === 200, 'recorded')
      expect((await world.send('POST', link, { json: {} })).status).to.equal(405)
      expect(world.effects).to.have.length(1)
    })

    it('a slow store only makes it slow', async () => {
      world = await startWorld(kind, {
        wrapStore: store =>
          aroundStore(store, async (_method, _key, call) => {
            await pause(50)
            return call()
          }),
      })
      const link = await world.link()
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => world.send('POST', link, { json: {} })),
      )
      const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
      expect(statuses).to.deep.equal([201, 405, 405, 405])
      expect(world.effects).to.have.length(1)
    })

    it('`dangerouslyRunUnprotected` runs, loudly', async () => {
      const lever = storeSwitch()
      world = await startWorld(kind, {
        poe: { dangerouslyRunUnprotected: true },
        wrapStore: lever.wrap,
      })
      const link = await world.link()
      lever.mode = 'down'
      for (let time = 0; time < 2; time += 1) {
        expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      }
      expect(world.events.filter(({ type }) => type === 'unprotected')).to.have.length(2)
      lever.mode = 'up'
    })
  })
}
