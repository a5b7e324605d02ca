/**
 * Somebody around a resource answers before its handler has begun, because the store or the content
 * took too long: what the handler does then is told by the handler, and nothing is left behind.
 */
import { request } from 'node:http'
import { expect } from 'chai'
import type { Context, Next } from 'koa'
import { expectProblem, expectSpent } from '../support/answers.js'
import { aroundStore } from '../support/around-store.js'
import { type Latch, latch, until } from '../support/meeting.js'
import { openRequest, overHttp2 } from '../support/open-request.js'
import { placeOrder, startWorld, type World, type WorldOptions } from '../support/world.js'

const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }
const CONDITION = { 'If-Match': '"a"' }

for (const koa of [3, 2] as const) {
  const kind = { store: 'memory', koa, at: 'root' } as const

  describe(`answered before the handler begins, Koa ${koa}`, () => {
    let world: World
    let claimed: Latch
    let committed: Latch
    /** Opened by the impatient middleware, which comes back at once then. */
    let answered: Latch
    let status: number
    beforeEach(() => {
      claimed = latch()
      committed = latch()
      answered = latch()
      status = 408
      hasAnswered = false
    })
    afterEach(() => world.close())

    let hasAnswered: boolean
    const impatient = async (ctx: Context, next: Next) => {
      if (ctx.method !== 'POST' || hasAnswered) return await next()
      hasAnswered = true
      void next().catch(() => {})
      // The store is still asked.
      await new Promise(done => setTimeout(done, 5))
      ctx.status = status
      ctx.body = 'too slow'
      answered.open()
    }
    const start = (given: WorldOptions) =>
      startWorld(kind, {
        outside: [impatient],
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            if (method === 'claim') await claimed.opened
            return call()
          }),
        ...given,
      })

    const ENDS: Readonly<Record<string, (ctx: Context) => void>> = {
      'a status and a body': ctx => {
        ctx.status = 201
        ctx.body = 'done'
      },
      'a body alone': ctx => {
        ctx.body = 'done'
      },
    }
    for (const [what, say] of Object.entries(ENDS)) {
      it(`[FALSE-4295] a refusal, and then ${what} of the handler: spent`, async () => {
        world = await start({
          handler: (ctx, here) => {
            here.effects.push(ctx.poe.key)
            ctx.set('Location', '/orders/1')
            say(ctx)
          },
        })
        const link = await world.link()
        expect((await world.send('POST', link, { json: {} })).status).to.equal(408)
        claimed.open()
        await until(() => world.events.some(({ type }) => type === 'spent'), 'the record')
        await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
        expect(await (await world.send('GET', link)).text()).to.equal('done')
        expect(world.effects).to.have.length(1)
      })
    }

    it('[FALSE-4295] a success, and then a refusal of the handler: free', async () => {
      status = 202
      world = await start({
        handler: (ctx, here) => {
          if (here.runs > 1) return placeOrder(ctx, here)
          ctx.status = 422
          return undefined
        },
      })
      const link = await world.link()
      expect((await world.send('POST', link, { json: {} })).status).to.equal(202)
      claimed.open()
      await until(() => world.events.some(({ type }) => type === 'released'), 'the release')
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    })

    for (const when of ['while it is at work', 'before it begins'] as const) {
      it(`[FALSE-4296] a status of others, not yet sent ${when}, is not its word`, async () => {
        const begun = latch()
        const told = latch()
        world = await start({
          // As a session that is kept in a database.
          extend: app => {
            app.middleware.unshift(async (ctx, next) => {
              await next()
              if (ctx.method === 'POST') await committed.opened
            })
          },
          handler: async (ctx, here) => {
            if (here.runs > 1) return
            begun.open()
            here.effects.push(ctx.poe.key)
            if (when === 'while it is at work') await told.opened
            ctx.body = 'done'
          },
        })
        const link = await world.link()
        if (when === 'while it is at work') claimed.open()
        const answer = world.send('POST', link, { json: {} })
        if (when === 'while it is at work') await begun.opened
        await answered.opened
        await new Promise(done => setImmediate(done))
        claimed.open()
        told.open()
        await until(() => world.events.some(({ type }) => type === 'undecided'), 'the doubt')
        committed.open()
        expect((await answer).status).to.be.oneOf([200, 408])
        await expectProblem(await world.send('POST', link, { json: {} }), 409, 'undecided')
        expect(world.effects).to.have.length(1)
      })
    }

    it('[FALSE-4372] a success that is set before a throw is told to nobody', async () => {
      const begun = latch()
      const told = latch()
      claimed.open()
      world = await start({
        extend: app => {
          app.middleware.unshift(async (ctx, next) => {
            await next()
            if (ctx.method === 'POST') await committed.opened
          })
        },
        handler: async ctx => {
          begun.open()
          await told.opened
          ctx.status = 201
          ctx.body = 'done'
          throw new Error('after all')
        },
      })
      const answer = world.send('POST', await world.link(), { json: {} })
      await begun.opened
      await answered.opened
      await new Promise(done => setImmediate(done))
      told.open()
      await until(() => world.events.some(({ type }) => type === 'undecided'), 'the doubt')
      await new Promise(done => setImmediate(done))
      committed.open()
      expect((await answer).status).to.equal(408)
    })

    for (const [over, id] of [
      ['HTTP/1.1', 'FALSE-4301'],
      ['HTTP/2', 'FALSE-4350'],
    ] as const) {
      it(`[${id}] a status that is never sent, for the client has left, ${over}`, async () => {
        const begun = latch()
        const told = latch()
        claimed.open()
        world = await start({
          outside: [],
          extend: app => app.middleware.unshift(impatient as never),
          handler: async (ctx, here) => {
            here.effects.push(ctx.poe.key)
            begun.open()
            await told.opened
            ctx.body = 'done'
          },
        })
        status = 503
        const { port, server } = world
        const second = over === 'HTTP/2' ? await overHttp2(server) : null
        const place = second ?? { port, isHttp2: false }
        const link = await world.link()
        const { stream, told: gone } = openRequest(place, 'POST', link, {})
        stream.end()
        await begun.opened
        stream.destroy()
        await Promise.all([gone, answered.opened])
        await new Promise(done => setTimeout(done, 30))
        told.open()
        await until(() => world.events.some(({ type }) => type === 'spent'), 'the record')
        expect((await world.send('POST', link, { json: {} })).status).to.equal(405)
        expect(world.effects).to.have.length(1)
        second?.close()
      })
    }

    it('[FALSE-4373] a content that was cut off by then is waited for by no handler', async () => {
      world = await startWorld(kind, {
        parse: false,
        // The first request waits for what all of them need of the store.
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            if (method === 'epoch') await claimed.opened
            return call()
          }),
        extend: (app, router, once) => {
          app.middleware.unshift(impatient as never)
          const identity = () => 'the same'
          const suspect = once.detectDuplicates({ name: 'dup', identity, windowMs: 60_000 })
          router.post('/notes', suspect, async ctx => {
            for await (const _ of ctx.req);
            ctx.status = 201
          })
        },
      })
      const { port } = world
      const upload = request({ port, method: 'POST', path: '/notes', agent: false })
      const closed = new Promise(done => upload.on('close', done))
      upload.on('error', () => {}).on('response', response => response.resume())
      upload.setHeader('Content-Length', '9')
      upload.write('half')
      await answered.opened
      setTimeout(() => upload.destroy(), 20)
      await closed
      await new Promise(done => setTimeout(done, 20))
      claimed.open()
      await new Promise(done => setTimeout(done, 20))
      expect((await world.once.status()).atWork).to.equal(0)
    })

    for (const door of ['link', 'key'] as const) {
      it(`[FALSE-4297] a content that never comes then holds no claim: ${door}`, async () => {
        claimed.open()
        let waits = false
        const impatientOnce = async (_ctx: Context, next: Next) => {
          if (waits) return await next()
          waits = true
          void next().catch(() => {})
          await new Promise(done => setTimeout(done, 40))
          _ctx.status = 504
        }
        world = await startWorld(kind, {
          parse: false,
          outside: [impatientOnce],
          extend: (app, router, once) => {
            const seen = once.conditional({ name: 'seen', validator: () => ({ etag: '"a"' }) })
            if (door === 'link') app.use(seen)
            const key = once.idempotencyKey({ name: 'pay', ...KEPT })
            router.post('/pay', impatientOnce, key, async ctx => {
              for await (const _ of ctx.req);
              ctx.status = 201
            })
          },
        })
        const path = door === 'link' ? await world.link() : '/pay'
        const headers = door === 'link' ? CONDITION : { 'Idempotency-Key': '"abcdefghijklmnop"' }
        const { port } = world
        const upload = request({ port, method: 'POST', path, headers, agent: false })
        upload.on('error', () => {}).setHeader('Content-Length', '9')
        upload.write('half')
        const status = await new Promise(done =>
          upload.on('response', response => done(response.statusCode)),
        )
        expect(status).to.equal(504)
        upload.destroy()
        await until(async () => (await world.once.status()).atWork === 0, 'nothing is at work')
        const whole = await world.send('POST', path, { body: 'whole', headers })
        expect(whole.status).to.equal(201)
      })
    }
  })
}
