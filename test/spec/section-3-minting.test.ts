/**
 * Handing out links: fields, endpoints, limits.
 *
 * @see POE draft 3, 4, 8
 */
import { bodyParser } from '@koa/bodyparser'
import { expect } from 'chai'
import { parsePoeLinks } from 'post-once-exactly'
import { anyone } from 'post-once-exactly/koa'
import { expectProblem } from '../support/answers.js'
import { storeSwitch } from '../support/around-store.js'
import { until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

const linksIn = (response: Response) =>
  parsePoeLinks(response.headers.get('POE-Links'), { strict: true }).links.map(
    ({ reference }) => reference,
  )

for (const kind of EVERY_STORE) {
  describe(`links are handed out, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[POE-3-3, POE-3-12] none announced is no field; HEAD costs nothing', async () => {
      const lever = storeSwitch()
      world = await startWorld(kind, {
        wrapStore: lever.wrap,
        extend: (_app, router) => {
          router.get('/plain', ctx => {
            ctx.body = 'no links here'
          })
        },
      })
      const plain = await world.send('GET', '/plain')
      expect(plain.headers.has('POE-Links')).to.equal(false)
      expect(plain.headers.has('Cache-Control')).to.equal(false)
      const calls = lever.calls.length
      const head = await world.send('HEAD', '/page')
      expect(linksIn(head)).to.have.length(1)
      await world.link()
      expect(lever.calls, 'minting touches no store').to.have.length(calls)
    })

    it('[POE-3-15] many links: the field has a limit, the body has all', async () => {
      world = await startWorld(kind, {
        extend: (_app, router) => {
          router.get('/many', ctx => {
            ctx.body = Array.from({ length: 500 }, () => ctx.poe.link('order'))
          })
        },
      })
      const page = await world.send('GET', '/many')
      const all = (await page.json()) as string[]
      expect(new Set(all)).to.have.property('size', 500)
      expect(linksIn(page)).to.deep.equal(all.slice(0, linksIn(page).length))
      expect(page.headers.get('POE-Links')?.length).to.be.within(1_000, 4_096)
      expect((await world.send('POST', all.at(-1) ?? '', { json: {} })).status).to.equal(201)
    })

    it('[POE-3-17] Link beside POE-Links, on request', async () => {
      world = await startWorld(kind, { poe: { linkField: true } })
      const page = await world.send('GET', '/page')
      const { link } = (await page.json()) as { link: string }
      expect(page.headers.get('Link')).to.equal(`<${link}>; rel="urn:post-once-exactly:rel:poe"`)
      await world.close()
      world = await startWorld(kind)
      expect((await world.send('GET', '/page')).headers.get('Link')).to.equal(null)
    })

    it('[H-POST-2, POE-3-11] an endpoint that mints: 201, Location, POE-Links, JSON', async () => {
      world = await startWorld(kind, {
        resource: { lifetimeMs: 60_000 },
        extend: (_app, router, once) => {
          once.mintEndpoint(router, { path: '/links', resource: 'order' })
        },
      })
      const minted = await world.send('POST', '/links')
      expect(minted.status).to.equal(201)
      const { link, expires } = (await minted.json()) as { link: string; expires: string }
      expect([minted.headers.get('Location'), ...linksIn(minted)]).to.deep.equal([link, link])
      expect(Date.parse(expires) - Date.now()).to.be.within(50_000, 61_000)
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    })

    it('[FALSE-4451] an endpoint that mints gives no 201 to whoever sends an order', async () => {
      world = await startWorld(kind, {
        extend: (_app, router, once) => {
          once.mintEndpoint(router, { path: '/links', resource: 'order' })
          const parser = bodyParser() as never
          once.mintEndpoint(router.use('/parsed', parser), { path: '/parsed', resource: 'order' })
        },
      })
      for (const path of ['/links', '/parsed']) {
        const refused = await world.send('POST', path, { json: { sku: 'tea' } })
        await expectProblem(refused, 400, 'not-empty')
        expect((await world.send('POST', path, { json: {} })).status).to.equal(201)
        expect((await world.send('POST', path)).status).to.equal(201)
      }
    })

    it('[POE-2-10] an entry that sends a POST on to a fresh link', async () => {
      world = await startWorld(kind, {
        extend: (_app, router, once) => {
          once.entryPoint(router, { path: '/orders', resource: 'order' })
        },
      })
      const sent = await world.send('POST', '/orders', { json: {} })
      expect(sent.status).to.equal(307)
      const target = sent.headers.get('Location') ?? ''
      expect(linksIn(sent)).to.deep.equal([target])
      const followed = await fetch(`${world.base}/orders`, { method: 'POST', body: 'x' })
      expect(followed.status).to.equal(201)
      expect((await world.send('POST', target, { json: {} })).status).to.equal(201)
      expect(world.effects).to.have.length(2)
    })

    it('an endpoint that does not know for whom says so', async () => {
      world = await startWorld(kind, {
        poe: { principal: () => null },
        extend: (_app, router, once) => {
          once.mintEndpoint(router, { path: '/links', resource: 'order' })
          once.entryPoint(router, { path: '/orders', resource: 'order' })
        },
      })
      for (const path of ['/links', '/orders']) {
        await expectProblem(await world.send('POST', path), 403, 'nobody')
      }
      expect(await world.link()).to.equal(null)
    })

    it('[FAIL-07] while the store is down pages are served without links', async () => {
      const lever = storeSwitch()
      world = await startWorld(kind, {
        wrapStore: lever.wrap,
        extend: (_app, router, once) => {
          once.mintEndpoint(router, { path: '/links', resource: 'order' })
        },
      })
      const link = await world.link()
      lever.mode = 'down'
      expect((await world.send('POST', link, { json: {} })).status).to.equal(503)
      const page = await world.send('GET', '/page')
      expect([page.status, await page.json()]).to.deep.equal([200, { link: null }])
      expect(page.headers.has('POE-Links')).to.equal(false)
      const refused = await world.send('POST', '/links')
      expect(refused.headers.get('Retry-After')).to.equal('1')
      await expectProblem(refused, 503, 'store-down')
      lever.mode = 'up'
      await until(async () => (await world.link()) !== null, 'links are back')
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      expect(world.runs).to.equal(1)
    })

    it('the next link comes with the success answer', async () => {
      world = await startWorld(kind, {
        handler: (ctx, here) => {
          placeOrder(ctx, here)
          ctx.body = { next: ctx.poe.link('order') }
        },
      })
      const first = await world.send('POST', await world.link(), { json: {} })
      const { next } = (await first.json()) as { next: string }
      expect(linksIn(first)).to.deep.equal([next])
      expect((await world.send('POST', next, { json: {} })).status).to.equal(201)
    })

    it('[POE-8-5] anyone: links are bound to nobody, when the app says so', async () => {
      world = await startWorld(kind, { poe: { principal: anyone } })
      const link = await world.link({ headers: { 'X-User': 'ann' } })
      const ben = { headers: { 'X-User': 'ben' } }
      expect((await world.send('POST', link, { json: {}, ...ben })).status).to.equal(201)
      expect((await world.send('GET', link)).status).to.equal(200)
    })

    it('[POE-4-4, POE-4-5] the POE field never changes what happens', async () => {
      world = await startWorld(kind)
      for (const field of ['1', '99', 'x', '', '0', '1, 2', '9'.repeat(400)]) {
        const headers = { POE: field }
        const link = await world.link({ headers })
        expect((await world.send('POST', link, { json: {}, headers })).status, field).to.equal(201)
        expect((await world.send('POST', link, { json: {}, headers })).status, field).to.equal(405)
      }
    })

    it('an unknown resource and a missing parameter say what to do', async () => {
      const seen: string[] = []
      world = await startWorld(kind, {
        extend: (app, router, once) => {
          app.on('error', error => seen.push(String(error.message)))
          once.resource(router, { name: 'of', path: '/of/:owner/:token' }, () => {})
          router.get('/unknown', ctx => {
            ctx.poe.link('ordr')
          })
          router.get('/missing', ctx => {
            ctx.poe.link('of')
          })
          router.get('/outside', ctx => ctx.poe.key)
        },
      })
      for (const path of ['/unknown', '/missing', '/outside']) {
        expect((await world.send('GET', path)).status, path).to.equal(500)
      }
      expect(seen[0]).to.contain('no resource named "ordr"; known: order, of')
      expect(seen[1]).to.contain('owner')
      expect(seen[2]).to.contain('only inside the handler')
    })
  })
}
