/**
 * Middleware around a resource that loses patience and answers in the handler's place: the
 * handler's own word counts, whenever it comes.
 */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { expectProblem, expectSpent } from '../support/answers.js'
import { type Latch, latch, until } from '../support/meeting.js'
import {
  ALL_WORLDS,
  nameOf,
  placeOrder,
  startWorld,
  type World,
  type WorldOptions,
} from '../support/world.js'

const BODY = { json: { sku: 'a' } }

for (const kind of ALL_WORLDS) {
  describe(`impatient middleware, ${nameOf(kind)}`, () => {
    let world: World
    let patience: Latch
    let door: Latch
    afterEach(() => world.close())

    /** The middleware answers when `patience` ends, the handler goes on at the `door`. */
    async function overtake(
      answer: 'throws' | 'answers',
      handler: NonNullable<WorldOptions['handler']>,
    ): Promise<string> {
      patience = latch()
      door = latch()
      world = await startWorld(kind, {
        handler: async (ctx, here) => {
          if (here.runs === 1) await door.opened
          return handler(ctx, here)
        },
        outside: [
          async (ctx, next) => {
            if (patience.isOpen) return await next()
            const over = patience.opened.then(() => {
              if (answer === 'throws') ctx.throw(503, 'too slow')
              ctx.status = 503
              ctx.body = { error: 'too slow' }
            })
            return await Promise.race([next(), over])
          },
        ],
      })
      const link = await world.link()
      const waiting = world.send('POST', link, BODY)
      await until(() => world.runs === 1, 'the handler runs')
      patience.open()
      const told = await waiting
      expect(told.status).to.equal(503)
      await told.text()
      door.open()
      return link
    }

    for (const answer of ['throws', 'answers'] as const) {
      it(`[POE-2-19] that ${answer}: a success afterwards is spent, with its answer`, async () => {
        const link = await overtake(answer, placeOrder)
        await until(() => world.events.some(({ type }) => type === 'spent'), 'the record')
        await expectSpent(await world.send('POST', link, BODY), '/orders/1', link)
        const told = await world.send('GET', link)
        expect([told.status, await told.json()]).to.deep.equal([200, { id: 1 }])
        expect(told.headers.get('Content-Type')).to.match(/^application\/json/)
        expect(world.effects).to.have.lengthOf(1)
      })

      it(`[POE-2-19] that ${answer}: a body alone is a success too, also streamed`, async () => {
        const link = await overtake(answer, (ctx, here) => {
          here.effects.push('order')
          ctx.body = Readable.from(['one,', 'two'])
        })
        await until(async () => (await world.send('GET', link)).status === 200, 'the body')
        expect(await (await world.send('GET', link)).text()).to.equal('one,two')
        expect((await world.send('POST', link, BODY)).status).to.equal(405)
        expect(world.effects).to.have.lengthOf(1)
      })

      it(`[POE-2-3] that ${answer}: a failure afterwards frees the link`, async () => {
        const link = await overtake(answer, (ctx, here) => {
          if (here.runs > 1) return placeOrder(ctx, here)
          ctx.status = 422
          ctx.body = 'no'
          return undefined
        })
        await until(() => world.events.some(({ type }) => type === 'released'), 'the release')
        expect((await world.send('POST', link, BODY)).status).to.equal(201)
        expect(world.effects).to.have.lengthOf(1)
      })

      it(`[POE-2-20] that ${answer}: an unexpected throw afterwards is undecided`, async () => {
        const link = await overtake(answer, () => {
          throw new Error('boom')
        })
        await until(() => world.events.some(({ type }) => type === 'undecided'), 'the doubt')
        await expectProblem(await world.send('POST', link, BODY), 409, 'undecided')
        expect(world.runs).to.equal(1)
      })
    }
  })
}
