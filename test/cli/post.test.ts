/** `poe post` before a real shop: how each POST ends, and what is said of it. */
import { expect } from 'chai'
import { freePort } from '../support/servers/programs.js'
import { poeHere } from './fake-terminal.js'
import { endPoes, ORDER, poe, printed, withProxiedShop, withServer } from './poe.js'

const SOON = ['--tries', '2', '--timeout', '1000', '--total', '5000']

describe('poe post', () => {
  afterEach(endPoes)

  it('finds the link on the page, and prints the order: exit 0', () =>
    withProxiedShop(async ({ origin, orders }) => {
      const ended = await poe(['post', `${origin}/basket`, '--json', ORDER])
      expect(ended.code).to.equal(0)
      expect(JSON.parse(ended.out)).to.include({ id: 1, sku: 'lamp', qty: 1 })
      expect(ended.err).to.equal(
        `accepted: it took effect (201, 1 try); the result is at ${origin}/orders/1.\n`,
      )
      expect(await orders()).to.equal(1)
    }))

  it('--output json: one object with all that is known', () =>
    withProxiedShop(async ({ origin }) => {
      const ended = await poeHere(['post', `${origin}/basket`, '--json', ORDER, '--output', 'json'])
      const { link, body, message, ...rest } = printed(ended)
      expect(rest).to.deep.equal({
        outcome: 'accepted',
        reason: null,
        idempotencyKey: null,
        attempts: 1,
        status: 201,
        location: `${origin}/orders/1`,
        bodyError: null,
      })
      expect(link).to.match(new RegExp(`^${origin}/orders/once/.{20,}$`))
      expect(body).to.include({ sku: 'lamp' })
      expect(`${message}\n`).to.equal(ended.err)
    }))

  it('a lost answer: says the retry and why, one order, accepted-earlier, exit 0', () =>
    withProxiedShop(async ({ proxy, orders, link: takeLink }) => {
      proxy.next('drop-reply')
      const link = await takeLink('proxy')
      const args = ['post', '--link', link, '--json', ORDER, '--output', 'json']
      const ended = await poeHere(args)
      expect(printed(ended)).to.include({ outcome: 'accepted-earlier', attempts: 2, status: 405 })
      expect(printed(ended).body).to.include({ id: 1, sku: 'lamp' })
      expect(ended.err).to.match(
        /^Try 1 of 5: the connection broke before an answer came; again in \d+ ms\.\n/,
      )
      expect([ended.code, await orders()]).to.deep.equal([0, 1])
    }))

  it('a bad order: exit 1, with what is wrong, and the link stays good', () =>
    withProxiedShop(async ({ orders, link: takeLink }) => {
      const link = await takeLink()
      const bad = await poeHere(['post', '--link', link, '--json', '{"sku":"x","qty":0}'])
      expect(bad.code).to.equal(1)
      expect(bad.out).to.include('qty must be')
      expect(bad.err).to.include('refused: it did not take effect (422, 1 try)')
      const good = await poeHere(['post', '--link', link, '--json', ORDER])
      expect([good.code, await orders()]).to.deep.equal([0, 1])
    }))

  it('a link that was used with other content: exit 1, used-before, no second order', () =>
    withProxiedShop(async ({ orders, link: takeLink }) => {
      const link = await takeLink()
      await poeHere(['post', '--link', link, '--json', ORDER])
      const args = ['post', '--link', link, '--form', 'sku=desk&qty=2', '--output', 'json']
      const ended = await poeHere(args)
      expect(printed(ended)).to.include({ outcome: 'used-before', payloadMatches: false })
      expect([ended.code, await orders()]).to.deep.equal([1, 1])
    }))

  it('a link that was used with the same content by another process: accepted-earlier', () =>
    withProxiedShop(async ({ orders, link: takeLink }) => {
      const link = await takeLink()
      await poe(['post', '--link', link, '--json', ORDER])
      const ended = await poe(['post', '--link', link, '--json', ORDER, '--output', 'json'])
      expect(printed(ended)).to.include({ outcome: 'accepted-earlier', attempts: 1 })
      expect([ended.code, await orders()]).to.deep.equal([0, 1])
    }))

  it('a link that the server does not know: exit 1, gone', () =>
    withProxiedShop(async ({ origin }) => {
      const args = ['post', origin, '--link', '/nowhere', '--json', ORDER]
      const ended = await poeHere([...args, '--output', 'json'])
      expect(printed(ended)).to.include({ outcome: 'gone', status: 404, reason: null })
      expect(ended.code).to.equal(1)
    }))

  it('an endpoint that mints: by an empty POST, by itself or with --mint', () =>
    withProxiedShop(async ({ origin, orders }) => {
      const args = ['post', `${origin}/basket/links`, '--form', 'sku=lamp&qty=1']
      const found = await poeHere(args)
      expect(found.err).to.match(/^To GET the server answered 405.*by an empty POST\.\naccepted/)
      const told = await poeHere([...args, '--mint'])
      expect(told.err).to.match(/^accepted/)
      expect([found.code, told.code, await orders()]).to.deep.equal([0, 0, 2])
    }))

  it('a link in the place of the page is posted to, not minted from', () =>
    withProxiedShop(async ({ orders, link: takeLink }) => {
      const link = await takeLink()
      const ended = await poeHere(['post', link, '--json', ORDER])
      expect(ended.err).to.match(/^accepted/)
      expect([ended.code, await orders()]).to.deep.equal([0, 1])
    }))

  it('a page without links: exit 1, nothing sent, and what to do', () =>
    withServer(
      (_seen, response) => response.end('hello'),
      async ({ origin, seen }) => {
        const ended = await poeHere(['post', origin, '--json', ORDER, '--output', 'json'])
        expect(printed(ended)).to.include({ outcome: 'refused', reason: 'no-link', status: 200 })
        expect(printed(ended)).to.include({ link: null, attempts: 0, body: null })
        expect(ended.err).to.match(/nothing was sent\. .* names no link .*--mint.*--link/)
        expect(ended.code).to.equal(1)
        expect(seen.map(({ method }) => method)).to.deep.equal(['GET'])
      },
    ))

  it('a 405 that does not allow POST: no empty POST either', () =>
    withServer(
      (_seen, response) => response.writeHead(405, { allow: 'PUT' }).end(),
      async ({ origin, seen }) => {
        const ended = await poeHere(['post', origin, '--json', ORDER])
        expect(ended.code).to.equal(1)
        expect(seen.map(({ method }) => method)).to.deep.equal(['GET'])
      },
    ))

  it('a page that is given as a link: what to do, and no word of using it again', () =>
    withServer(
      ({ method }, response) => {
        const status = method === 'GET' ? 200 : 405
        response.writeHead(status, { allow: 'GET, POST', 'poe-links': '"/once/t"' }).end()
      },
      async ({ origin }) => {
        const page = `${origin}/basket`
        const ended = await poeHere(['post', '--link', page, '--json', ORDER])
        expect(ended.code).to.equal(1)
        expect(ended.err).to.include('This is a page that gives links')
        expect(ended.err).to.include(`poe post ${page}`).and.not.to.include('can still be used')
      },
    ))

  for (const [what, where] of [
    ['nobody listens', ['http://127.0.0.1:CLOSED']],
    ['no such host', ['http://nowhere.invalid/']],
    ['a link there', ['--link', 'http://127.0.0.1:CLOSED/x']],
    ['a port that fetch refuses', ['--link', 'http://127.0.0.1:1/x']],
  ] as const) {
    it(`unreachable, ${what}: exit 1, nothing sent, each try told`, async () => {
      const port = String(await freePort())
      const target = where.map(one => one.replace('CLOSED', port))
      const ended = await poeHere(['post', ...target, '--json', ORDER, '--output', 'json', ...SOON])
      expect(printed(ended)).to.include({ outcome: 'refused', reason: 'not-sent', status: null })
      expect(ended.code).to.equal(1)
      expect(ended.err).to.include('nothing was sent')
      expect(ended.err.split('\n').length).to.be.greaterThan(3)
    })
  }

  it('a server that never answers: exit 3, each try and the end told, what to do', () =>
    withServer(
      () => {},
      async ({ origin, seen }) => {
        const link = `${origin}/once/t`
        const limits = ['--tries', '2', '--timeout', '500', '--total', '4000']
        const ended = await poeHere(['post', '--link', link, '--json', ORDER, ...limits])
        expect(ended.err).to.match(/^Try 1 of 2: no answer within 500 ms; again in/)
        expect(ended.err).to.match(/\nGave up after 2 tries: no answer within 500 ms\.\n/)
        expect(ended.err).to.match(/\nunknown: it may or may not have taken effect/)
        expect(ended.err).to.include(`poe post --link '${link}'`)
        expect([ended.code, ended.out]).to.deep.equal([3, ''])
        const posts = seen.filter(({ method }) => method === 'POST')
        expect(posts.map(({ body }) => body)).to.deep.equal([ORDER, ORDER])
      },
    ))

  it('answers that prove nothing: exit 3, final, and where to look', () =>
    withServer(
      (_seen, response) => response.writeHead(500).end('oops'),
      async ({ origin }) => {
        const args = ['post', '--link', `${origin}/once/t`, '--json', ORDER, '--output', 'json']
        const ended = await poeHere([...args, ...SOON])
        expect(printed(ended)).to.include({ outcome: 'unknown', status: 500 })
        expect(ended.code).to.equal(3)
      },
    ))
})
