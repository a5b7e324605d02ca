/**
 * Failure cases FAIL, at the POE door: what counts as success, and what becomes of a link when
 * something fails on the way.
 */
import { bodyParser } from '@koa/bodyparser'
import { expect } from 'chai'
import type { Context } from 'koa'
import { expectProblem, expectSpent, expectUnspent } from '../support/answers.js'
import { storeSwitch } from '../support/around-store.js'
import { BOUNDED_MS, until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

const GOOD = { json: { qty: 1 } }

for (const kind of EVERY_STORE) {
  describe(`failures, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    describe('[FAIL-01, POE-2-3] a refused body', () => {
      const refusals: readonly [number, (ctx: Context) => unknown][] = [
        [422, (ctx: Context) => ctx.throw(422, 'qty')],
        ...[400, 401, 403, 413, 415, 429].map(
          status =>
            [
              status,
              (ctx: Context) => {
                ctx.status = status
                ctx.body = { error: status }
              },
            ] as const,
        ),
      ].map(([status, answer]) => [status as number, answer as (ctx: Context) => unknown])

      for (const [status, refuse] of refusals) {
        it(`[FAIL-01] ${status} leaves the link unspent; the corrected one is 201`, async () => {
          world = await startWorld(kind, {
            handler: (ctx, here) => {
              const { qty } = ctx.request.body as { qty: number }
              return qty < 1 ? refuse(ctx) : placeOrder(ctx, here)
            },
          })
          const link = await world.link()
          expectUnspent(await world.send('POST', link, { json: { qty: -1 } }), status)
          expect((await world.send('OPTIONS', link)).headers.get('Allow')).to.include('POST')
          expect((await world.send('POST', link, GOOD)).status).to.equal(201)
          expect(world.effects).to.have.lengthOf(1)
        })
      }

      it('[FAIL-01] bad JSON and too large a body, refused by the parser in front', async () => {
        world = await startWorld(kind, {
          parse: false,
          extend: app => app.middleware.unshift(bodyParser({ jsonLimit: '1kb' })),
        })
        const link = await world.link()
        const headers = { 'Content-Type': 'application/json' }
        const bad = await world.send('POST', link, { headers, body: '{"qty":' })
        expect(bad.status).to.equal(400)
        const large = await world.send('POST', link, { json: { text: 'x'.repeat(2_000) } })
        expect(large.status).to.equal(413)
        expect((await world.send('POST', link, GOOD)).status).to.equal(201)
        expect(world.effects).to.have.lengthOf(1)
      })
    })

    it('[H-429-1] 429, of the handler or in front of it: nothing is used up, or kept', async () => {
      let isBusy = false
      world = await startWorld(kind, {
        outside: [
          (ctx, next) => {
            if (!isBusy) return next()
            ctx.status = 429
            ctx.set('Retry-After', '1')
            return undefined
          },
        ],
        handler: (ctx, here) => {
          if (here.runs === 1) ctx.throw(429)
          placeOrder(ctx, here)
        },
      })
      const link = await world.link()
      for (isBusy of [true, false]) {
        const refused = await world.send('POST', link, GOOD)
        expect([refused.status, refused.headers.get('Cache-Control')]).to.deep.equal([
          429,
          'no-store',
        ])
      }
      expect((await world.send('POST', link, GOOD)).status).to.equal(201)
      expect(world.effects).to.have.lengthOf(1)
    })

    for (const status of [500, 503, 402]) {
      it(`[FAIL-03] ${status} before any effect is not replayed: the second try runs`, async () => {
        world = await startWorld(kind, {
          resource: { reports: [500] },
          handler: (ctx, here) => {
            if (here.runs > 1) return placeOrder(ctx, here)
            ctx.status = status
            ctx.body = 'the outage'
            return undefined
          },
        })
        const link = await world.link()
        expectUnspent(await world.send('POST', link, GOOD), status)
        const second = await world.send('POST', link, GOOD)
        expect(second.status).to.equal(201)
        expect(await second.text()).to.not.include('outage')
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    for (const status of [301, 302, 303]) {
      it(`[FAIL-05, POE-2-9] ${status} with Location is a success, told once`, async () => {
        world = await startWorld(kind, {
          handler: (ctx, here) => {
            here.effects.push('order')
            ctx.redirect('/orders/7')
            ctx.status = status
          },
        })
        const link = await world.link()
        const first = await world.send('POST', link, GOOD)
        expect([first.status, first.headers.get('Location')]).to.deep.equal([status, '/orders/7'])
        await expectSpent(await world.send('POST', link, GOOD), '/orders/7', link)
        const told = await world.send('GET', link)
        expect([told.status, told.headers.get('Location')]).to.deep.equal([303, '/orders/7'])
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    for (const status of [300, 304, 305, 307, 308]) {
      it(`[FAIL-05] ${status} is no success: the link stays unspent`, async () => {
        world = await startWorld(kind, {
          handler: (ctx, here) => {
            if (here.runs > 1) return placeOrder(ctx, here)
            ctx.status = status
            ctx.set('Location', '/orders/7')
            return undefined
          },
        })
        const link = await world.link()
        expectUnspent(await world.send('POST', link, GOOD), status)
        expect((await world.send('POST', link, GOOD)).status).to.equal(201)
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    for (const mode of ['down', 'silent'] as const) {
      it(`[FAIL-07, POE-2-2] a ${mode} store: 503 soon, no run, pages go on`, async () => {
        const lever = storeSwitch()
        // A store that does not ask for more time, so that the engine's own bound is seen.
        const wrapStore = (store: World['store']) =>
          new Proxy(lever.wrap(store), {
            get: (target, name) => (name === 'timeoutMs' ? undefined : Reflect.get(target, name)),
          })
        world = await startWorld(kind, { wrapStore })
        const link = await world.link()
        lever.mode = mode
        const ask = async (method: string) => {
          const startMs = performance.now()
          const refused = await world.send(method, link, method === 'POST' ? GOOD : {})
          // Its bound is 900 ms; the store itself would never answer.
          expect(performance.now() - startMs).to.be.below(BOUNDED_MS)
          expect(Number(refused.headers.get('Retry-After'))).to.be.at.least(1)
          expect(refused.headers.get('Allow')).to.equal(null)
          await expectProblem(refused, 503, 'store-down')
        }
        await Promise.all(['POST', 'GET', 'OPTIONS', 'PUT'].map(ask))
        const page = await world.send('GET', `${new URL(world.base).pathname}page`)
        expect(page.status).to.equal(200)
        expect(await page.json()).to.deep.equal({ link: null })
        expect(page.headers.has('POE-Links')).to.equal(false)
        expect([world.runs, world.effects.length]).to.deep.equal([0, 0])
        lever.mode = 'up'
        await until(() => world.events.at(-1)?.type === 'store-back', 'the store is back')
        expect((await world.send('POST', link, GOOD)).status).to.equal(201)
        await expectSpent(await world.send('POST', link, GOOD), '/orders/1', link)
        expect(await world.link()).to.be.a('string')
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    it('[FAIL-07] runs without protection only by the dangerous option, aloud', async () => {
      const lever = storeSwitch()
      const options = { dangerouslyRunUnprotected: true }
      world = await startWorld(kind, { wrapStore: lever.wrap, poe: options })
      const link = await world.link()
      lever.mode = 'down'
      expect((await world.send('POST', link, GOOD)).status).to.equal(201)
      expect(world.events.map(event => event.type)).to.include('unprotected')
    })

    for (const around of ['outside', 'in front'] as const) {
      it(`[FAIL-11, POE-2-19] a login redirect ${around} does not spend`, async () => {
        let loggedIn = true
        const guard = async (ctx: Context, next: () => Promise<unknown>) => {
          if (loggedIn || ctx.method !== 'POST') return await next()
          return ctx.redirect('/login')
        }
        world = await startWorld(kind, {
          poe: { principal: () => (loggedIn ? 'me' : null) },
          ...(around === 'outside'
            ? { outside: [(ctx, next) => guard(ctx as unknown as Context, next)] }
            : { extend: app => void app.use(guard) }),
        })
        const link = await world.link()
        loggedIn = false
        const bounced = await world.send('POST', link, GOOD)
        expect([bounced.status, bounced.headers.get('Location')]).to.deep.equal([302, '/login'])
        const back = await world.send('GET', link)
        expect(back.status, 'nobody is told nothing').to.equal(404)
        expect(world.runs).to.equal(0)
        loggedIn = true
        expect((await world.send('GET', link)).status).to.equal(405)
        expect((await world.send('POST', link, GOOD)).status).to.equal(201)
        expect(world.effects).to.have.lengthOf(1)
      })
    }
  })
}
