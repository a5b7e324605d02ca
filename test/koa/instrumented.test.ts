/**
 * Applications under instrumentation: agents of OpenTelemetry, Datadog, Sentry and others put
 * functions of their own in the place of middleware, in the layers of routers that are in use.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router, { type Layer, type RouterMiddleware } from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { checkLinkRoundTrip } from 'post-once-exactly/testing'

/** In place, when the router is used: `@opentelemetry/instrumentation-koa`, `@sentry/node`. */
function wrapInPlace({ stack }: Router): void {
  for (const layer of stack as Layer[]) layer.stack.splice(0, Infinity, ...wrapped(layer))
}

/** By another list, when a route is registered, and again: `dd-trace`. */
function wrapWhileRegistering(router: Router): void {
  const { register, use } = router
  router.register = (...args) => {
    const layer = register.apply(router, args)
    layer.stack = wrapped(layer as Layer)
    return layer
  }
  router.use = ((...args: Parameters<Router['use']>) => {
    use.apply(router, args)
    for (const layer of router.stack) layer.stack = wrapped(layer)
    return router
  }) as Router['use']
}

function wrapped({ stack }: Pick<Layer, 'stack'>): RouterMiddleware[] {
  const all = stack as RouterMiddleware[]
  return all.map(middleware => async (ctx, next) => await middleware(ctx, next))
}

/** A shop whose router is wrapped, by itself or in another one. */
function shop(
  isNested: boolean,
  wrap: { atFirst?: typeof wrapInPlace; used?: typeof wrapInPlace },
) {
  const once = poe({ store: memoryStore(), principal: () => 'guest' })
  const app = new Koa()
  app.silent = true
  const router = new Router(isNested ? {} : { prefix: '/shop' })
  wrap.atFirst?.(router)
  app.use(once.middleware())
  // It finds the links by the router that they were registered on.
  const rules = { retentionMs: 60_000, required: true, dangerouslyNotDurable: true }
  if (!isNested) app.use(once.idempotencyKey({ name: 'all', ...rules }))
  router.get('/page', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  once.resource(router, { name: 'order', path: '/orders/:token' }, ctx => {
    ctx.body = 'done'
  })
  once.policy(router, '/rules')
  const outer = new Router()
  if (isNested) outer.use('/shop', router.routes())
  const used = isNested ? outer : router
  wrap.used?.(used)
  app.use(used.routes())
  return { app, used }
}

describe('applications under instrumentation', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  async function serve(app: Koa): Promise<string> {
    server = createServer(app.callback())
    await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  for (const [title, wrap] of [
    ['in place, when the router is used', { used: wrapInPlace }],
    ['while routes are registered', { atFirst: wrapWhileRegistering }],
  ] as const) {
    for (const isNested of [false, true]) {
      const where = isNested ? ', in a nested router' : ''
      it(`[FALSE-4520] links are made and found, middleware wrapped ${title}${where}`, async () => {
        const { app, used } = shop(isNested, wrap)
        const routes = used.stack.length
        const origin = await serve(app)
        const tried = await checkLinkRoundTrip(`${origin}/shop/page`)
        expect(tried.problems).to.deep.equal([])
        const url = tried.links[0]?.url ?? ''
        // The door in front leaves it to the link.
        expect((await fetch(url, { method: 'POST' })).status).to.equal(200)
        expect((await fetch(url, { method: 'POST' })).status).to.equal(405)
        const refused = await fetch(`${origin}/shop/page`, { method: 'POST' })
        const rules = isNested ? null : '</shop/rules>; rel="describedby"'
        expect(refused.headers.get('Link')).to.equal(rules)
        // What waits for the first request is gone after it.
        expect(used.stack).to.have.length(routes - 1)
      })
    }
  }

  it('[FALSE-4521] a path that nobody serves is 404 under New Relic, too', async () => {
    const once = poe({ store: memoryStore(), principal: () => 'guest' })
    const app = new Koa()
    app.silent = true
    app.use((ctx, next) => {
      let route: unknown = null
      Object.defineProperty(ctx, '_matchedRoute', {
        get: () => route,
        set: (value: unknown) => {
          route = value
        },
      })
      return next()
    })
    app.use(once.middleware())
    const rules = { retentionMs: 60_000, dangerouslyNotDurable: true }
    app.use(once.idempotencyKey({ name: 'all', ...rules }))
    const router = new Router().post('/mute', () => {})
    app.use(router.routes())
    const origin = await serve(app)
    const post = async (path: string, key: string): Promise<number> => {
      const headers = { 'Idempotency-Key': `"${key}"` }
      return (await fetch(origin + path, { method: 'POST', headers })).status
    }
    expect([await post('/none', 'a'), await post('/none', 'a')]).to.deep.equal([404, 404])
    expect([await post('/mute', 'b'), await post('/mute', 'b')]).to.deep.equal([500, 409])
  })
})
