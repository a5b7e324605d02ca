/** What an application forgets at first, and how it is told. */
import { once as onceOf } from 'node:events'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import { anyone, type Poe, type PoeOptions, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import request from 'supertest'

interface Built {
  readonly app: Koa
  readonly router: Router
  readonly once: Poe
  readonly errors: string[]
}

function build(principal: PoeOptions['principal'] = anyone): Built {
  const app = new Koa()
  app.silent = true
  const errors: string[] = []
  app.on('error', (error: Error) => errors.push(error.message))
  const once = poe({ store: memoryStore(), principal })
  const router = new Router()
  router.get('/basket', ctx => {
    ctx.body = { link: (ctx as unknown as Context).poe.link('order') }
  })
  router.get('/health', ctx => {
    ctx.body = 'well'
  })
  once.resource(router, { name: 'order', path: '/orders/once/:token' }, ctx => {
    ctx.status = 201
    ctx.body = 'done'
  })
  return { app, router, once, errors }
}

/** How the middleware is forgotten. */
const FORGOTTEN: Readonly<Record<string, (built: Built) => void>> = {
  'it is missing': ({ app, router }) => void app.use(router.routes()),
  'it comes after the router': ({ app, router, once }) => {
    app.use(router.routes()).use(once.middleware())
  },
  'the router is in another one': ({ app, router }) => {
    const outer = new Router()
    outer.use(router.routes())
    app.use(outer.routes())
  },
  'the router has its own middleware': ({ app, router }) => {
    router.use((_ctx, next) => next())
    app.use(router.routes())
  },
}

describe('what an application forgets', () => {
  for (const [how, forget] of Object.entries(FORGOTTEN)) {
    it(`[FALSE-2901] middleware: ${how}; the first request tells it by its name`, async () => {
      const built = build()
      forget(built)
      const agent = request(built.app.callback())
      expect((await agent.get('/basket')).status).to.equal(500)
      expect(built.errors[0]).to.include('app.use(once.middleware()) must come before the router')
      expect((await agent.get('/health')).text, 'what needs no link goes on').to.equal('well')
      await built.once.close()
    })
  }

  it('[FALSE-2901] middleware in its place: nothing is left in the way', async () => {
    const built = build()
    const outer = new Router()
    outer.use(built.router.routes())
    built.app.use(built.once.middleware()).use(outer.routes())
    const agent = request(built.app.callback())
    const layers = outer.stack.length
    const { link } = (await agent.get('/basket')).body as { link: string }
    expect(outer.stack.length).to.equal(layers - 1)
    expect((await agent.post(link)).status).to.equal(201)
    expect(built.errors).to.deep.equal([])
    await built.once.close()
  })

  it('[FALSE-2901] middleware on a route only works, too', async () => {
    const built = build()
    const middleware = built.once.middleware()
    built.router.get('/own', middleware as never, ctx => {
      ctx.body = { link: (ctx as unknown as Context).poe.link('order') }
    })
    built.app.use(built.router.routes())
    const { body } = await request(built.app.callback()).get('/own')
    expect((body as { link: string }).link).to.match(/^\/orders\/once\//)
    await built.once.close()
  })

  it('[FALSE-2902] a principal that gives nobody is told once', async () => {
    const built = build(ctx => (ctx.get('X-User') === '' ? null : ctx.get('X-User')))
    built.app.use(built.once.middleware()).use(built.router.routes())
    const agent = request(built.app.callback())
    const warnings: Error[] = []
    const note = (warning: Error) => void warnings.push(warning)
    process.on('warning', note)
    try {
      const told = onceOf(process, 'warning', { signal: AbortSignal.timeout(5_000) })
      expect((await agent.get('/basket').set('X-User', 'ann')).body.link).to.be.a('string')
      expect((await agent.get('/basket')).body).to.deep.equal({ link: null })
      expect((await agent.get('/basket')).body).to.deep.equal({ link: null })
      await told
      expect(warnings.map(({ message }) => message)).to.have.length(1)
      expect(warnings[0]?.message).to.match(/principal\(ctx\) gave nobody.*`anyone`/)
    } finally {
      process.off('warning', note)
      await built.once.close()
    }
  })
})
