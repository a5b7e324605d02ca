/**
 * A key in front of a link that is below a mount: it is held while the link is at work, and given
 * back afterwards, however that ends. The link alone says what became of the POST.
 */
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import mount from 'koa-mount'
import { type PoeEvent, poe } from 'post-once-exactly/koa'
import { expectProblem } from '../../support/answers.js'
import { INSTALLED_STORES, openStore } from '../../support/stores.js'

const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }

/** What a handler does that is no word about what happened. */
const SILENCE: Readonly<Record<string, (ctx: Context) => unknown>> = {
  'a surprise': () => Promise.reject(new Error('planted')),
  'a 500': ctx => {
    ctx.status = 500
  },
  nothing: () => {},
}

for (const kind of INSTALLED_STORES) {
  describe(`a key in front of a mounted link, ${kind}`, () => {
    for (const [what, fall] of Object.entries(SILENCE)) {
      it(`[FALSE-4018] is given back after ${what}`, async () => {
        const { store, discard } = await openStore(kind)
        const events: PoeEvent[] = []
        const once = poe<unknown>({
          store,
          principal: () => 'ann',
          onEvent: event => events.push(event),
        })
        const { transactional } = store.capabilities
        const router = new Router()
        let runs = 0
        router.get('/page', ctx => {
          ctx.body = ctx.poe.link('order')
        })
        once.resource(router, { name: 'order', path: '/orders/:token', transactional }, ctx => {
          runs += 1
          if (runs === 1) return fall(ctx as unknown as Context)
          ctx.status = 201
          return undefined
        })
        const app = new Koa()
        app.silent = true
        app.use(once.middleware()).use(once.idempotencyKey({ name: 'all', ...KEPT }))
        app.use(mount('/shop', router.routes() as never))
        const server = app.listen(0, '127.0.0.1')
        await new Promise(done => server.once('listening', done))
        const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`
        const link = origin + (await (await fetch(`${origin}/shop/page`)).text())
        const post = () =>
          fetch(link, { method: 'POST', headers: { 'Idempotency-Key': '"k"' }, body: 'a=1' })
        expect((await post()).status).to.equal(500)
        if (!transactional) {
          await expectProblem(await post(), 409, 'undecided')
          const found = events.filter(({ type }) => type === 'undecided')
          expect(found).to.have.lengthOf(1)
          const [{ key, owner }] = found as unknown as [{ key: string; owner: string }]
          expect(key).to.match(/^order:/)
          expect(await once.settle(key, owner, { verdict: 'did-not-happen' })).to.equal(true)
        }
        expect((await post()).status).to.equal(201)
        await expectProblem(await post(), 405, 'used')
        expect(runs).to.equal(2)
        server.closeAllConnections()
        server.close()
        await once.close()
        await discard()
      })
    }
  })
}

describe('a condition at a mounted link, behind a key', () => {
  it('[FALSE-4019] is judged in the link’s claim: the repeat of a success is 405', async () => {
    const { store, discard } = await openStore('memory')
    const once = poe<unknown>({ store, principal: () => 'ann' })
    const router = new Router()
    let version = 1
    router.get('/page', ctx => {
      ctx.body = ctx.poe.link('order')
    })
    const seen = once.conditional({ name: 'seen', validator: () => ({ etag: `"${version}"` }) })
    once.resource(router, { name: 'order', path: '/orders/:token' }, seen as never, ctx => {
      version += 1
      ctx.status = 201
    })
    const app = new Koa()
    app.use(once.middleware()).use(once.idempotencyKey({ name: 'all', required: false, ...KEPT }))
    app.use(mount('/shop', router.routes() as never))
    const server = app.listen(0, '127.0.0.1')
    await new Promise(done => server.once('listening', done))
    const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`
    const link = origin + (await (await fetch(`${origin}/shop/page`)).text())
    const headers = { 'Idempotency-Key': '"k"', 'If-Match': '"1"' }
    const post = () => fetch(link, { method: 'POST', headers, body: 'a=1' })
    expect((await post()).status).to.equal(201)
    await expectProblem(await post(), 405, 'used')
    expect(version).to.equal(2)
    server.closeAllConnections()
    server.close()
    await once.close()
    await discard()
  })
})
