/**
 * A door around an application and a POE link on one request: the link names the operation, and no
 * client can make that an error of the server's. A condition is judged, or the request is refused.
 *
 * @see RFC 9110 13.1; decision 0013
 */
import Router from '@koa/router'
import { expect } from 'chai'
import type { Middleware } from 'koa'
import Koa, { type Context } from 'koa'
import mount from 'koa-mount'
import type { Poe } from 'post-once-exactly/koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import supertest from 'supertest'
import { expectProblem } from '../../support/answers.js'
import { INSTALLED_STORES, openStore, type StoreKind } from '../../support/stores.js'

type Place = 'at the root' | 'below a mount' | 'in a nested router'

const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }
const NAMED = {
  'Idempotency-Key': '"one"',
  'X-Id': 'one',
  'If-Match': '"1"',
}

/** Doors in front of everything: with what they make of one and the same request. */
const DOORS: Readonly<Record<string, (once: Poe<unknown>) => Middleware>> = {
  idempotencyKey: once => once.idempotencyKey({ name: 'all', required: false, ...KEPT }),
  'idempotencyKey, required': once => once.idempotencyKey({ name: 'all', ...KEPT }),
  'idempotencyKey, every answer kept': once =>
    once.idempotencyKey({ name: 'all', required: false, kept: 'every', ...KEPT }),
  replay: once => once.replay({ name: 'all', key: ctx => ctx.get('X-Id'), ...KEPT }),
  conditional: once => once.conditional({ name: 'all', validator: () => ({ etag: '"1"' }) }),
  detectDuplicates: once =>
    once.detectDuplicates({ name: 'all', identity: () => 'same', windowMs: 60_000 }),
}

for (const kind of INSTALLED_STORES) {
  describe(`a door in front of a link, ${kind}`, () => {
    for (const [name, makeDoor] of Object.entries(DOORS)) {
      for (const place of ['at the root', 'below a mount', 'in a nested router'] as const) {
        it(`[FALSE-2503] ${name}, ${place}: the link decides`, async () => {
          const site = await startSite(kind, place, makeDoor)
          const link = await (await fetch(`${site.base}/page`)).text()
          const post = (headers: Record<string, string>) => {
            const all = { ...NAMED, ...headers }
            return fetch(site.origin + link, { method: 'POST', headers: all, body: 'a=1' })
          }
          expect((await post({ 'X-Fail': '1' })).status).to.equal(422)
          expect((await post({})).status).to.equal(201)
          await expectProblem(await post({}), 405, 'used')
          await expectProblem(await post({ 'Idempotency-Key': '"two"' }), 405, 'used')
          const other = await (await fetch(`${site.base}/page`)).text()
          const again = await fetch(site.origin + other, {
            ...{ method: 'POST', headers: NAMED, body: 'a=1' },
          })
          expect(again.status, 'the same names at another link').to.equal(201)
          expect(site.runs()).to.equal(3)
          expect(site.errors).to.deep.equal([])
          await site.close()
        })
      }
    }
  })
}

describe('doors that let links pass', () => {
  it('[FALSE-2504] guard every other address, however it looks', async () => {
    const site = await startSite('memory', 'at the root', once => {
      return once.idempotencyKey({ name: 'all', ...KEPT })
    })
    const link = await (await fetch(`${site.base}/page`)).text()
    const token = link.slice(link.lastIndexOf('/') + 1)
    for (const path of [`/pay/${token}`, `/orders/${token}/more`, `/${token}/pay`]) {
      const response = await fetch(site.origin + path, { method: 'POST', body: 'a=1' })
      await expectProblem(response, 400, 'key-missing')
    }
    await site.close()
  })

  it('[FALSE-4528] a link of a nested router needs no key where one is required', async () => {
    const site = await startSite('memory', 'in a nested router', once => {
      return once.idempotencyKey({ name: 'all', ...KEPT })
    })
    const link = await (await fetch(`${site.base}/page`)).text()
    const post = (path: string) => fetch(site.origin + path, { method: 'POST', body: 'a=1' })
    expect((await post(link)).status).to.equal(201)
    await expectProblem(await post(link), 405, 'used')
    const token = link.slice(link.lastIndexOf('/') + 1)
    await expectProblem(await post(`/eu/shop/pay/${token}`), 400, 'key-missing')
    expect(site.runs()).to.equal(1)
    await site.close()
  })

  it('[FALSE-4528] a resource whose key the application makes needs no other one', async () => {
    const once = poe({ store: memoryStore(), principal: () => 'ann' })
    const router = new Router()
    const own = { key: () => 'ann', dangerouslyNotDurable: true }
    once.resource(router, { name: 'signup', path: '/signup', ...own }, ctx => {
      ctx.status = 201
    })
    const app = new Koa().use(once.middleware()).use(once.idempotencyKey({ name: 'all', ...KEPT }))
    const agent = supertest(app.use(router.routes()).callback())
    expect((await agent.post('/signup').send('a=1')).status).to.equal(201)
    expect((await agent.post('/signup').send('a=1')).status).to.equal(405)
    expect((await agent.post('/other').send('a=1')).status).to.equal(400)
  })

  it('[FALSE-2505] a date where nothing is dated, and an empty list, are refused', async () => {
    const site = await startSite('memory', 'at the root', once => {
      return once.conditional({ name: 'all', validator: () => ({ etag: '"1"' }) })
    })
    const post = (headers: Record<string, string>) =>
      fetch(`${site.origin}/pay/1`, { method: 'POST', headers, body: 'a=1' })
    const date = { 'If-Unmodified-Since': 'Wed, 21 Oct 2026 07:28:00 GMT' }
    await expectProblem(await post(date), 400, 'precondition-unjudged')
    await expectProblem(await post({ 'If-None-Exist': 'a=1' }), 400, 'precondition-unjudged')
    await expectProblem(await post({ If: '(<urn:uuid:1>)' }), 400, 'precondition-unjudged')
    await expectProblem(await post({ 'If-Match': '' }), 412, 'precondition-failed')
    await expectProblem(await post({ 'If-Match': ' , ' }), 412, 'precondition-failed')
    await expectProblem(await post({ 'If-None-Match': '' }), 400, 'precondition-malformed')
    await expectProblem(await post({ 'If-Unmodified-Since': '' }), 400, 'precondition-malformed')
    expect((await post({ 'If-Match': '"1"', ...date })).status, 'the tag is stronger').to.equal(201)
    expect(site.runs()).to.equal(1)
    await site.close()
  })

  it('[FALSE-2506] a search alone judges no tag', async () => {
    const site = await startSite('memory', 'at the root', once => {
      return once.conditional({ name: 'all', required: true, exists: () => [] })
    })
    for (const field of ['If-Match', 'If-None-Match', 'If-Unmodified-Since']) {
      const headers = { [field]: '"stale"', 'If-None-Exist': 'a=1' }
      const response = await fetch(`${site.origin}/pay/1`, { method: 'POST', headers, body: 'a=1' })
      await expectProblem(response, 400, 'precondition-unjudged')
    }
    expect(site.runs()).to.equal(0)
    await site.close()
  })
})

interface Site {
  readonly origin: string
  /** Where pages are. */
  readonly base: string
  readonly errors: unknown[]
  runs(): number
  close(): Promise<void>
}

async function startSite(
  kind: StoreKind,
  place: Place,
  makeDoor: (once: Poe<unknown>) => Middleware,
): Promise<Site> {
  const { store, discard } = await openStore(kind)
  const once = poe<unknown>({ store, principal: () => 'ann' })
  const app = new Koa()
  const errors: unknown[] = []
  app.on('error', error => errors.push(error))
  let runs = 0
  const act = (ctx: Context) => {
    runs += 1
    ctx.status = ctx.get('X-Fail') === '' ? 201 : 422
    ctx.body = 'done'
  }
  const router = new Router()
  router.get('/page', ctx => {
    ctx.body = ctx.poe.link('order')
  })
  once.resource(router, { name: 'order', path: '/orders/:token' }, act as never)
  for (const path of ['/pay/:id', '/orders/:id/more', '/:id/pay']) router.post(path, act)
  app.use(once.middleware()).use(makeDoor(once))
  if (place === 'at the root') app.use(router.routes())
  else if (place === 'below a mount') app.use(mount('/shop', router.routes() as never))
  else {
    const between = new Router().use('/shop', router.routes())
    app.use(new Router({ prefix: '/eu' }).use(between.routes()).routes())
  }
  const server = app.listen(0, '127.0.0.1')
  await new Promise(done => server.once('listening', done))
  const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  return {
    origin,
    base:
      origin +
      { 'at the root': '', 'below a mount': '/shop', 'in a nested router': '/eu/shop' }[place],
    errors,
    runs: () => runs,
    async close() {
      server.closeAllConnections()
      server.close()
      await once.close()
      await discard()
    },
  }
}
