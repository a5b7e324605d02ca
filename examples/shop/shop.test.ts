/** The shop over HTTP, as a program uses it: paths, shapes, refusals, and one order per link. */
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { openStorage } from './storage.js'
import { serve, takeLink, withFolder, withShop } from './support.js'

const ORDER = { sku: 'tea', qty: 2 }

describe('shop: ordering as a program', () => {
  it('GET /basket gives a link and when it ends, in JSON and in POE-Links', () =>
    withShop(async agent => {
      const { status, body, headers } = await agent.get('/basket')
      expect(status).to.equal(200)
      expect(Object.keys(body)).to.deep.equal(['link', 'expires'])
      expect(body.link).to.match(/^\/orders\/once\/[\w.~-]{40,100}$/)
      expect(headers['poe-links']).to.equal(`"${body.link}"`)
      expect(Date.parse(body.expires)).to.be.greaterThan(Date.now())
      expect(body.expires).to.equal(new Date(body.expires).toISOString())
      expect(headers.vary).to.match(/\bAccept\b/)
      expect(headers['cache-control']).to.contain('private')
    }))

  it('POST /basket/links mints too', () =>
    withShop(async agent => {
      const { status, body, headers } = await agent.post('/basket/links')
      expect(status).to.equal(201)
      expect(headers.location).to.equal(body.link)
      expect((await agent.post(body.link).send(ORDER)).status).to.equal(201)
    }))

  it('[POE-2-1, POE-2-4, POE-2-5] a link takes one order, then 405 with the way to it', () =>
    withShop(async agent => {
      const link = await takeLink(agent)
      const placed = await agent.post(link).send(ORDER)
      expect(placed.status).to.equal(201)
      expect(placed.headers.location).to.equal('/orders/1')
      expect(placed.body).to.include({ id: 1, ...ORDER, user: 'guest' })

      const repeat = await agent.post(link).send(ORDER)
      expect(repeat.status).to.equal(405)
      expect(repeat.headers.allow).not.to.contain('POST')
      expect(repeat.headers['content-type']).to.contain('application/problem+json')
      expect(repeat.body.result).to.equal('/orders/1')
      expect((await agent.get(link)).body).to.deep.equal(placed.body)
      expect((await agent.get('/orders/1')).body).to.deep.equal(placed.body)
      expect((await agent.get('/orders')).body).to.deep.equal([placed.body])
      const ledger = { orders: 1, payments: 0, messages: 0, runs: 1 }
      expect((await agent.get('/ledger')).body).to.deep.equal(ledger)
    }))

  it('[BIND-03] orders and links belong to their user; the ledger counts all', () =>
    withShop(async agent => {
      const link = await takeLink(agent, 'ann')
      const as = (user: string) => ({ 'X-Demo-User': user })
      expect((await agent.post(link).set(as('bob')).send(ORDER)).status).to.equal(404)
      expect((await agent.post(link).set(as('ann')).send(ORDER)).status).to.equal(201)
      expect((await agent.get('/orders/1').set(as('bob'))).status).to.equal(404)
      expect((await agent.get('/orders').set(as('bob'))).body).to.deep.equal([])
      expect((await agent.get('/orders/1').set(as('ann'))).body.user).to.equal('ann')
      expect((await agent.get('/ledger').set(as('bob'))).body.orders).to.equal(1)
    }))

  it('X-Demo-User takes 1 to 64 visible ASCII characters', () =>
    withShop(async agent => {
      for (const user of ['a b', 'x'.repeat(65), 'ä']) {
        const answer = await agent.get('/basket').set('X-Demo-User', user)
        expect(answer.status).to.equal(400)
        expect(answer.headers['poe-links']).to.equal(undefined)
      }
      expect((await agent.get('/basket').set('X-Demo-User', 'x'.repeat(64))).status).to.equal(200)
    }))

  it('[FAIL-01] whatever is wrong with a first POST, the link stays open', () =>
    withShop(async agent => {
      const link = await takeLink(agent)
      const post = (type: string, fields: Record<string, string> = {}) =>
        agent.post(link).set('Content-Type', type).set(fields)
      const wrong = [
        await post('application/json').send('{"sku":"tea","qty":-1}'),
        await post('application/json').send('{"sku":'),
        await post('application/json').send('"text"'),
        await post('application/json').send(JSON.stringify({ sku: 'x'.repeat(70_000) })),
        await post('application/json', { 'Content-Encoding': 'lzma' }).send('{}'),
        await post('application/json', { 'Content-Encoding': 'gzip' }).send('not gzip'),
        await post('text/plain').send('tea'),
        await agent.post(link),
      ]
      const statuses = wrong.map(({ status }) => status)
      expect(statuses).to.deep.equal([422, 400, 400, 413, 415, 400, 415, 422])
      for (const { headers } of wrong) {
        expect(headers['content-type']).to.contain('application/problem+json')
        expect(headers.allow).to.contain('POST')
      }
      expect((await agent.get('/ledger')).body.orders).to.equal(0)
      expect((await agent.post(link).send(ORDER)).status).to.equal(201)
      expect((await agent.get('/ledger')).body.orders).to.equal(1)
    }))

  it('a bad order is told every wrong member', () =>
    withShop(async agent => {
      const { status, body } = await agent.post(await takeLink(agent)).send({ sku: '', qty: '2' })
      expect(status).to.equal(422)
      expect(body.status).to.equal(422)
      expect(body.errors).to.deep.equal([
        { pointer: '#/sku', detail: 'sku must be text of 1 to 64 characters' },
        { pointer: '#/qty', detail: 'qty must be a whole number from 1 to 99' },
      ])
    }))

  it('a spent link says 405 to content that cannot be read, too', () =>
    withShop(async agent => {
      const link = await takeLink(agent)
      await agent.post(link).send(ORDER)
      const repeat = await agent.post(link).set('Content-Type', 'application/json').send('{"sku":')
      expect(repeat.status).to.equal(405)
    }))

  it('takes compressed content and forms', () =>
    withShop(async agent => {
      const zipped = agent.post(await takeLink(agent)).set('Content-Type', 'application/json')
      zipped.set('Content-Encoding', 'gzip').serialize(body => body)
      expect((await zipped.send(gzipSync(JSON.stringify(ORDER)))).status).to.equal(201)
      const form = agent.post(await takeLink(agent)).type('form')
      expect((await form.send({ sku: 'tea', qty: '3' })).body).to.include({ sku: 'tea', qty: 3 })
    }))

  it('[BR-01] five POSTs at once: one order, four pointed to it', () =>
    withShop(async agent => {
      const link = await takeLink(agent)
      const post = () => agent.post(link).set('Demo-Fault', 'delay=150').send(ORDER)
      const answers = await Promise.all([1, 2, 3, 4, 5].map(post))
      const statuses = answers.map(({ status }) => status).sort()
      expect(statuses).to.deep.equal([201, 405, 405, 405, 405])
      expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 1 })
    }))

  it('what is not there is a 404 problem', () =>
    withShop(async agent => {
      for (const path of ['/refunds', '/payments/9', '/messages/9', '/actions/9', '/orders/9']) {
        const answer = await agent.get(path)
        expect([path, answer.status]).to.deep.equal([path, 404])
        expect(answer.headers['content-type']).to.contain('application/problem+json')
      }
      expect((await agent.post('/orders').send(ORDER)).status).to.equal(405)
    }))
})

describe('shop: storage', () => {
  it('memory: the same shapes', async () =>
    serve(await openStorage({ kind: 'memory' }), async agent => {
      const link = await takeLink(agent)
      expect((await agent.post(link).send({ sku: 'tea', qty: 0 })).status).to.equal(422)
      expect((await agent.post(link).send(ORDER)).body).to.include({ id: 1, ...ORDER })
      expect((await agent.post(link).send(ORDER)).status).to.equal(405)
      expect((await agent.get('/orders/1')).body).to.include(ORDER)
      expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 2 })
    }))

  it('[POE-2-20] memory: an unexpected throw after the write leaves it undecided', async () =>
    serve(await openStorage({ kind: 'memory' }), async agent => {
      const link = await takeLink(agent)
      const thrown = await agent.post(link).set('Demo-Fault', 'throw').send(ORDER)
      expect(thrown.status).to.equal(500)
      const repeat = await agent.post(link).send(ORDER)
      expect([repeat.status, repeat.headers['retry-after']]).to.deep.equal([409, '30'])
      expect((await agent.get('/ledger')).body).to.include({ orders: 1, runs: 1 })
    }))

  it('[FAIL-07] while the store is down pages are served without a link and say so', () =>
    withFolder(async folder => {
      const storage = await openStorage({ kind: 'sqlite', file: join(folder, 'shop.db') })
      // A store that was closed refuses every call, as one whose disk is gone.
      await storage.close()
      await serve(storage, async agent => {
        const basket = await agent.get('/basket')
        expect(basket.status).to.equal(200)
        expect(basket.body).to.include({ link: null, expires: null })
        expect(basket.headers).not.to.have.property('poe-links')
        const page = await agent.get('/basket').set('Accept', 'text/html')
        expect(page.status).to.equal(200)
        expect(page.text).to.contain('Orders cannot be taken right now')
        expect(page.text).not.to.contain('<form')
        const ledger = await agent.get('/ledger')
        expect([ledger.status, ledger.headers['retry-after']]).to.deep.equal([503, '5'])
        expect((await agent.post('/basket/links')).status).to.equal(503)
      })
    }))
})
