/**
 * The same resource under routers, mounts and other frameworks: its links lead to it.
 *
 * @see POE draft 3 (references are resolved against the page)
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import { expect } from 'chai'
import express from 'express'
import Koa from 'koa'
import mount from 'koa-mount'
import { type Poe, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { checkLinkRoundTrip } from 'post-once-exactly/testing'

type Callback = Parameters<typeof createServer>[1]

const secrets = ['one secret for both, of more than 32 bytes']

/** A shop with one page and one resource. */
function shop(options: { prefix?: string; publicPrefix?: string } = {}) {
  const once = poe({
    store: memoryStore(),
    principal: () => 'guest',
    secrets,
    publicPrefix: options.publicPrefix,
  })
  const app = new Koa()
  app.silent = true
  const router = new Router(options.prefix === undefined ? {} : { prefix: options.prefix })
  app.use(once.middleware())
  router.get('/page', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  const effects: string[] = []
  once.resource(router, { name: 'order', path: '/orders/:token' }, ctx => {
    effects.push(ctx.poe.key)
    ctx.body = 'done'
  })
  return { app, router, once, effects }
}

describe('mounts', () => {
  let server: Server | undefined
  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  async function serve(callback: Callback): Promise<string> {
    server = createServer(callback)
    await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async function expectOnce(origin: string, path: string): Promise<void> {
    const tried = await checkLinkRoundTrip(origin + path)
    expect(tried.problems).to.deep.equal([])
    const url = tried.links[0]?.url ?? ''
    expect((await fetch(url, { method: 'POST' })).status).to.equal(200)
    const again = await fetch(url, { method: 'POST' })
    expect(again.status).to.equal(405)
    expect(again.headers.get('Allow')).to.equal('GET, HEAD, OPTIONS')
    const anchor = new URL(url).pathname
    expect(again.headers.get('Link')).to.contain(`anchor="${anchor}"`)
  }

  it('[URI-01] koa-mount in koa-mount', async () => {
    const { app, router } = shop()
    app.use(router.routes())
    const middle = new Koa().use(mount('/docs', app))
    const outer = new Koa().use(mount('/admin', middle))
    await expectOnce(await serve(outer.callback()), '/admin/docs/page')
  })

  it('[URI-01] Express mounts app.callback()', async () => {
    const { app, router } = shop()
    app.use(router.routes())
    const outer = express()
    outer.use('/api', app.callback())
    await expectOnce(await serve(outer), '/api/page')
  })

  it('[URI-01] a router with a prefix, in a router, with a prefix given later', async () => {
    const { app, router } = shop({ prefix: '/v1' })
    const parent = new Router()
    parent.use('/nested', router.routes())
    parent.prefix('/late')
    app.use(parent.routes()).use(parent.allowedMethods())
    await expectOnce(await serve(app.callback()), '/late/nested/v1/page')
  })

  it('[URI-01, H-OPT-1] allowedMethods({ throw: true }) has no say at a link', async () => {
    const { app, router } = shop()
    app.use(router.routes()).use(router.allowedMethods({ throw: true }))
    const origin = await serve(app.callback())
    await expectOnce(origin, '/page')
    const { link } = (await (await fetch(`${origin}/page`)).json()) as { link: string }
    const put = await fetch(origin + link, { method: 'PUT' })
    expect([put.status, put.headers.get('Allow')]).to.deep.equal([405, 'POST, OPTIONS'])
    const forged = link.slice(0, -1) + (link.endsWith('A') ? 'B' : 'A')
    for (const method of ['OPTIONS', 'POST', 'GET', 'DELETE']) {
      const refused = await fetch(origin + forged, { method })
      expect([refused.status, refused.headers.get('Allow')], method).to.deep.equal([404, null])
    }
  })

  it('[POE-2-6] what others say in Allow has no say at a link, before or after it', async () => {
    const { app, router } = shop()
    app.use(async (ctx, next) => {
      ctx.set('Allow', 'GET, POST')
      await next()
      ctx.set('Allow', 'GET, POST')
    })
    app.use(router.routes())
    await expectOnce(await serve(app.callback()), '/page')
  })

  it('[URI-01] a proxy that strips a prefix: missing is noticed, given is right', async () => {
    for (const publicPrefix of [undefined, '/public']) {
      const { app, router } = shop(publicPrefix === undefined ? {} : { publicPrefix })
      app.use(router.routes())
      const inner = app.callback()
      const origin = await serve((req, res) => {
        const stripped = req.url?.startsWith('/public/') === true
        req.url = stripped ? req.url?.slice('/public'.length) : '/nowhere'
        void inner(req, res)
      })
      if (publicPrefix !== undefined) await expectOnce(origin, '/public/page')
      else expect((await checkLinkRoundTrip(`${origin}/public/page`)).problems).to.have.length(1)
      server?.close()
    }
  })

  it('a segment that is no token of ours is none of our business', async () => {
    const { app, router } = shop()
    router.get('/orders/:id', ctx => {
      ctx.body = `order ${ctx.params.id}`
    })
    app.use(router.routes())
    const origin = await serve(app.callback())
    expect(await (await fetch(`${origin}/orders/7`)).text()).to.equal('order 7')
  })

  it('two poe() of one app share a store object', async () => {
    const store = memoryStore()
    const app = new Koa()
    const router = new Router()
    const makers = ['a', 'b'].map(name => {
      const once = poe({ store, principal: () => 'guest', secrets })
      once.resource(router, { name, path: `/${name}/:token` }, ctx => {
        ctx.body = name
      })
      router.get(`/page-${name}`, once.middleware(), ctx => {
        ctx.body = { link: ctx.poe.link(name) }
      })
      return once
    })
    app.use(makers[0]?.middleware() ?? (() => {}))
    app.use(router.routes())
    const origin = await serve(app.callback())
    for (const name of ['a', 'b']) {
      const { link } = (await (await fetch(`${origin}/page-${name}`)).json()) as { link: string }
      expect((await fetch(origin + link, { method: 'POST' })).status).to.equal(200)
      expect((await fetch(origin + link, { method: 'POST' })).status).to.equal(405)
    }
  })

  it('[FALSE-4007] with two poe() a refusal has a link of the one that it is of', async () => {
    const store = memoryStore()
    const app = new Koa()
    const router = new Router()
    app.silent = true
    const [first, second] = ['first', 'second'].map(() =>
      poe({ store, principal: () => 'guest', secrets }),
    ) as [Poe, Poe]
    second.resource(router, { name: 'mail', path: '/mails/:token' }, ctx => {
      ctx.status = 204
    })
    second.mintEndpoint(router, { path: '/mails', resource: 'mail' })
    second.actions(router, '/jobs', { name: 'job', do: () => {} })
    app.use(second.middleware()).use(first.middleware()).use(router.routes())
    const origin = await serve(app.callback())
    const minted = await fetch(`${origin}/mails`, { method: 'POST' })
    expect(minted.status).to.equal(201)
    const link = origin + minted.headers.get('Location')
    expect((await fetch(link, { method: 'POST', body: 'a' })).status).to.equal(204)
    const other = await fetch(link, { method: 'POST', body: 'b' })
    expect(other.status).to.equal(405)
    const fresh = ((await other.json()) as { link: string }).link
    expect(other.headers.get('POE-Links')).to.equal(`"${fresh}"`)
    expect((await fetch(origin + fresh, { method: 'POST', body: 'b' })).status).to.equal(204)
    expect((await fetch(`${origin}/jobs`, { method: 'POST' })).status).to.equal(201)
  })

  it('without once.middleware() the error says what is missing', async () => {
    const once = poe({ store: memoryStore(), principal: () => 'guest', secrets })
    const app = new Koa()
    const router = new Router()
    const seen: string[] = []
    app.on('error', error => seen.push(error.message))
    once.resource(router, { name: 'order', path: '/orders/:token' }, () => {})
    once.mintEndpoint(router, { path: '/links', resource: 'order' })
    app.use(router.routes())
    const origin = await serve(app.callback())
    const token = `1${'A'.repeat(68)}`
    for (const path of ['/links', `/orders/${token}`]) {
      expect((await fetch(origin + path, { method: 'POST' })).status).to.equal(500)
    }
    for (const message of seen) expect(message).to.contain('app.use(once.middleware())')
    expect(seen).to.have.length(2)
  })
})
