/** What an operator is told of: answers changed outside, and links that are not their sender's. */
import { expect } from 'chai'
import type { Middleware } from 'koa'
import type { PoeEvent } from 'post-once-exactly/koa'
import { expectProblem } from '../support/answers.js'
import { ask } from '../support/ask.js'
import {
  nameOf,
  placeOrder,
  startWorld,
  type World,
  type WorldKind,
  type WorldOptions,
} from '../support/world.js'
import { keyOptions, sendKeyed, startDoorWorld } from './doors/door-world.js'

const KINDS: readonly WorldKind[] = ([3, 2] as const).map(koa => ({
  store: 'memory',
  koa,
  at: 'root',
}))
const BODY = { json: { sku: 'a' } }

/** In many an application: every error becomes 200, and the failure stands in the content. */
const always200: Middleware = async (ctx, next) => {
  try {
    await next()
    if (ctx.status < 400) return
    ctx.body = { ok: false }
  } catch {
    ctx.body = { ok: false }
  }
  ctx.status = 200
}

const login: Middleware = async (ctx, next) => {
  await next()
  if (ctx.status === 401) ctx.redirect('/login')
}

for (const kind of KINDS) {
  describe(`answers changed outside, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    const outermost =
      (middleware: Middleware): NonNullable<WorldOptions['extend']> =>
      app =>
        void (app.middleware as Middleware[]).unshift(middleware)
    const changes = (): PoeEvent[] => world.events.filter(({ type }) => type === 'answer-changed')

    it('[FALSE-1101] a refusal that becomes a success is an event, thrown or set', async () => {
      for (const how of ['throws', 'sets'] as const) {
        world = await startWorld(kind, {
          extend: outermost(always200),
          handler: ctx => {
            if (how === 'throws') ctx.throw(422, 'no stock')
            ctx.status = 422
            ctx.body = 'no stock'
          },
        })
        const link = await world.link()
        expect((await world.send('POST', link, BODY)).status).to.equal(200)
        const [released] = world.events.filter(({ type }) => type === 'released')
        const { key } = released as { readonly key: string }
        const event = { type: 'answer-changed', key, said: 422, sent: 200 }
        expect(changes()).to.deep.equal([event])
        if (how === 'throws') await world.close()
      }
    })

    it('[FALSE-1102] so is a login page in its place', async () => {
      world = await startWorld(kind, {
        extend: outermost(login),
        handler: ctx => {
          ctx.status = 401
        },
      })
      await world.send('POST', await world.link(), BODY)
      expect(changes()).to.have.lengthOf(1)
      expect(changes()[0]).to.include({ said: 401, sent: 302 })
    })

    it('[FALSE-1103] and silence, and a refusal of ours', async () => {
      world = await startWorld(kind, {
        extend: outermost(always200),
        handler: () => {
          throw new Error('boom')
        },
      })
      const link = await world.link()
      await world.send('POST', link, BODY)
      await world.send('POST', link, BODY)
      await world.send('POST', '/orders/once/forged', BODY)
      const said = changes().map(event => (event.type === 'answer-changed' ? event.said : null))
      expect(said).to.deep.equal([500, 409])
      const forged = `${link.slice(0, -1)}${link.endsWith('A') ? 'B' : 'A'}`
      await world.send('POST', forged, BODY)
      expect(changes().at(-1)).to.include({ key: null, said: 404, sent: 200 })
    })

    it('[FALSE-1104] and a success that becomes a failure', async () => {
      world = await startWorld(kind, {
        extend: outermost(async (ctx, next) => {
          await next()
          if (ctx.status === 201) ctx.throw(500)
        }),
      })
      expect((await world.send('POST', await world.link(), BODY)).status).to.equal(500)
      expect(changes()).to.have.lengthOf(1)
      expect(changes()[0]).to.include({ said: 201, sent: 500 })
    })

    it('[FALSE-1105] another failure in its place is none, nor is what was left', async () => {
      world = await startWorld(kind, {
        extend: outermost(async (ctx, next) => {
          await next()
          if (ctx.status === 422) ctx.status = 400
        }),
        handler: (ctx, here) => {
          if (ctx.get('X-Fail') !== '') ctx.throw(409)
          if (here.runs > 1) return placeOrder(ctx, here)
          ctx.status = 422
          return undefined
        },
      })
      const link = await world.link()
      await world.send('POST', link, { ...BODY, headers: { 'X-Fail': '1' } })
      for (let time = 0; time < 3; time += 1) await world.send('POST', link, BODY)
      await world.send('GET', link)
      expect(changes()).to.deep.equal([])
    })

    it('[FALSE-1106] at a door as well', async () => {
      world = await startDoorWorld(
        kind,
        (router, once) => {
          router.post('/orders', once.idempotencyKey(keyOptions()), ctx => ctx.throw(409))
        },
        { extend: outermost(always200) },
      )
      await sendKeyed(world, '/orders', '"k"')
      await sendKeyed(world, '/orders', null)
      const said = changes().map(event => (event.type === 'answer-changed' ? event.said : null))
      expect(said).to.deep.equal([409, 400])
    })
  })
}

describe('an answer that is put back', () => {
  let world: World
  afterEach(() => world.close())

  for (const kind of KINDS) {
    const within =
      (...middleware: Middleware[]): NonNullable<WorldOptions['extend']> =>
      app => {
        for (const each of middleware) app.use(each)
      }

    it(`[FALSE-4009] has the type that it had, Koa ${kind.koa}`, async () => {
      const page: Middleware = async (ctx, next) => {
        await next()
        if (ctx.status < 400) return
        ctx.type = 'html'
        ctx.body = '<h1>Oops</h1>'
        ctx.status = 200
      }
      world = await startWorld(kind, { extend: within(page) })
      const link = await world.link()
      expect((await world.send('POST', link, BODY)).status).to.equal(201)
      const used = await world.send('POST', link, BODY)
      expect(used.headers.get('Content-Type')).to.equal('application/problem+json')
      await expectProblem(used, 405, 'used')
    })

    it(`[FALSE-4009] and none is in the place of 304, Koa ${kind.koa}`, async () => {
      // As koa-conditional-get does it.
      const fresh: Middleware = async (ctx, next) => {
        await next()
        if (!ctx.fresh) return
        ctx.status = 304
        ctx.body = null
      }
      world = await startWorld(kind, {
        extend: within(fresh),
        handler: ctx => {
          ctx.set('ETag', '"one"')
          ctx.body = { id: 1 }
        },
      })
      const link = await world.link()
      expect((await world.send('POST', link, BODY)).status).to.equal(200)
      const headers = { 'If-None-Match': '"one"' }
      // Not by fetch: that would ask for no cached answer.
      const unchanged = await ask(world, 'GET', link, { headers })
      expect([unchanged.status, unchanged.field('ETag')]).to.deep.equal([304, '"one"'])
      const stale = await ask(world, 'GET', link, { headers: { 'If-None-Match': '"two"' } })
      expect(stale.field('Content-Type')).to.match(/^application\/json/)
    })

    it(`a refusal never becomes a 304, Koa ${kind.koa}`, async () => {
      const careless: Middleware = async (ctx, next) => {
        await next()
        if (ctx.get('If-None-Match') !== '') ctx.status = 304
      }
      world = await startWorld(kind, { extend: within(careless) })
      const headers = { 'If-None-Match': '"one"' }
      expect((await ask(world, 'GET', await world.link(), { headers })).status).to.equal(405)
    })
  }
})

describe('a link that is not its sender’s', () => {
  let world: World
  afterEach(() => world.close())

  const told = (): PoeEvent[] => world.events.filter(({ type }) => type === 'unverifiable')

  it('[FALSE-2621] a POST by another principal is an event, a GET is none', async () => {
    world = await startWorld({ store: 'memory', koa: 3, at: 'root' })
    const link = await world.link({ headers: { 'X-User': 'ann' } })
    const headers = { 'X-User': 'bob' }
    expect((await world.send('GET', link, { headers })).status).to.equal(404)
    expect(told()).to.deep.equal([])
    expect((await world.send('POST', link, { ...BODY, headers })).status).to.equal(404)
    expect(told()).to.deep.equal([{ type: 'unverifiable', route: 'order', key: null }])
    expect(world.runs).to.equal(0)
  })

  it('[FALSE-2622] with its key where the application names it', async () => {
    world = await startDoorWorld({ store: 'memory', koa: 3, at: 'root' }, (router, once, act) => {
      const key = (ctx: { readonly params: Record<string, string> }) => ctx.params.id ?? null
      const options = { name: 'own', path: '/own/:id', key, dangerouslyNotDurable: true }
      once.resource(router, options as never, act as never)
    })
    await world.send('POST', '/own/7', { ...BODY, headers: { 'X-User': 'ann' } })
    const answer = await world.send('POST', '/own/7', { ...BODY, headers: { 'X-User': 'bob' } })
    expect(answer.status).to.equal(404)
    expect(told()).to.deep.equal([{ type: 'unverifiable', route: 'own', key: 'own=7' }])
  })

  it('[FALSE-2603] an action of somebody else', async () => {
    world = await startDoorWorld({ store: 'memory', koa: 3, at: 'root' }, (router, once, act) => {
      once.actions(router, '/actions', { name: 'action', do: act as never })
    })
    const issued = await world.send('POST', '/actions', { headers: { 'X-User': 'ann' } })
    const action = issued.headers.get('Location') ?? ''
    const headers = { 'X-User': 'bob' }
    expect((await world.send('PUT', action, { ...BODY, headers })).status).to.equal(404)
    expect(told()).to.deep.equal([{ type: 'unverifiable', route: 'action', key: null }])
  })
})
