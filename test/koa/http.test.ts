/** Cases of the kind HTTP: methods, paths, codings, and connections that behave badly. */
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { fieldValues, halfSent, rawRequest, requestBytes } from 'post-once-exactly/testing'
import { allowed, expectProblem, expectSpent } from '../support/answers.js'
import { aroundStore } from '../support/around-store.js'
import { BOUNDED_MS, until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, placeOrder, startWorld, type World } from '../support/world.js'

const SPENT = ['GET', 'HEAD', 'OPTIONS']
const JSON_TYPE = { 'Content-Type': 'application/json' }

for (const kind of EVERY_STORE) {
  describe(`HTTP, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    it('[HTTP-01, POE-2-5, POE-2-6, H-405-1] Allow is one line that tells the state', async () => {
      world = await startWorld(kind, {
        resource: {
          page: ctx => {
            ctx.body = 'a page'
          },
        },
      })
      const link = await world.link()
      const lines = async (method: string) => {
        const path = new URL(link, world.base).pathname
        const { response } = await rawRequest({ port: world.port, method, path })
        return fieldValues(response ?? { fields: [] }, 'Allow')
      }
      expect(await lines('OPTIONS')).to.deep.equal(['GET, HEAD, POST, OPTIONS'])
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      expect(await lines('OPTIONS')).to.deep.equal(['GET, HEAD, OPTIONS'])
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const refused = await world.send(method, link, { body: '{}' })
        expect([refused.status, allowed(refused)], method).to.deep.equal([405, SPENT])
        expect(refused.headers.get('Cache-Control'), method).to.equal('no-store')
      }
      expect(world.runs).to.equal(1)
    })

    it('[HTTP-03, H-HEAD-1] HEAD is GET without its body, and spends nothing', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const compare = async () => {
        const get = await world.send('GET', link)
        for (let time = 0; time < 3; time += 1) {
          const head = await world.send('HEAD', link)
          expect(head.status).to.equal(get.status)
          for (const name of ['Allow', 'Content-Type', 'Content-Length', 'Cache-Control', 'Link']) {
            expect(head.headers.get(name), name).to.equal(get.headers.get(name))
          }
          expect(await head.text()).to.equal('')
        }
      }
      await compare()
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      await compare()
      expect(world.runs).to.equal(1)
    })

    it('[HTTP-05] a bad or foreign path is 404, and never reaches the store', async () => {
      const keys: unknown[] = []
      world = await startWorld(kind, {
        wrapStore: store =>
          aroundStore(store, (_method, key, call) => {
            if (key !== null) keys.push(key)
            return call()
          }),
      })
      const link = await world.link()
      const folder = link.slice(0, link.lastIndexOf('/'))
      const token = link.slice(folder.length + 1)
      const forged = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
      const bad = [
        '%',
        '%AF',
        '%E0%A4',
        '%00',
        '..%2f..%2fadmin',
        `${token}%00`,
        forged,
        `${token}x`,
      ]
      for (const segment of [...bad, 'x'.repeat(6_000), token.slice(0, -1)]) {
        for (const method of ['GET', 'POST']) {
          const path = `${folder}/${segment}`
          const { response } = await rawRequest({ port: world.port, method, path, body: '' })
          expect(response?.status, `${method} ${segment.slice(0, 80)}`).to.be.oneOf([400, 404])
        }
      }
      const flood = await rawRequest({ port: world.port, path: `${folder}/${'x'.repeat(20_000)}` })
      expect(flood.response?.status).to.be.oneOf([414, 431])
      expect([keys, world.runs]).to.deep.equal([[], 0])
    })

    it('[HTTP-07] codings that lie or are unknown leave the link unspent', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const bomb = gzipSync(Buffer.alloc(50_000_000))
      const odd: readonly [string, string | Buffer, readonly number[]][] = [
        ['fake', '{}', [415]],
        ['gzip', '{"sku":"plain"}', [400]],
        ['gzip, deflate', '{}', [415, 400]],
        ['gzip', bomb, [413]],
      ]
      for (const [coding, body, statuses] of odd) {
        const headers = { ...JSON_TYPE, 'Content-Encoding': coding }
        const refused = await world.send('POST', link, {
          body: new Uint8Array(Buffer.from(body)),
          headers,
        })
        expect(refused.status, coding).to.be.oneOf(statuses)
        expect(await refused.text(), 'no body of theirs in ours').to.not.contain('plain')
      }
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      expect(world.runs).to.equal(1)
    })

    it('[HTTP-09] an early 405 does not leave its connection in limbo', async () => {
      world = await startWorld(kind, { parse: false })
      const link = await world.link()
      expect((await world.send('POST', link)).status).to.equal(201)
      const path = new URL(link, world.base).pathname
      const begun = requestBytes({ method: 'POST', path, headers: { 'Content-Length': '50000' } })
      const ends = await Promise.all(
        Array.from({ length: 100 }, () => neverEnding(world.port, begun)),
      )
      for (const { answer, openMs } of ends) {
        expect(answer).to.match(/^HTTP\/1\.1 405 /)
        expect(openMs, 'how long the server waits for the rest').to.be.within(1_000, BOUNDED_MS)
      }
      await until(async () => (await connections(world)) === 0, 'all sockets closed')
    })

    it('[HTTP-11] an upload cut off in the middle spends nothing, and frees at once', async () => {
      world = await startWorld(kind, {
        parse: false,
        handler: async (ctx, here) => {
          for await (const chunk of ctx.req) void chunk
          placeOrder(ctx, here)
        },
      })
      const link = await world.link()
      const path = new URL(link, world.base).pathname
      const type = { 'Content-Type': 'application/octet-stream' }
      const whole = requestBytes({ method: 'POST', path, headers: type, body: 'x'.repeat(1_000) })
      const socket = connect(world.port, '127.0.0.1')
      socket.write(whole.subarray(0, whole.length - 600))
      // One that is gone before its claim is made claims nothing.
      await until(() => world.runs === 1, 'the handler is entered')
      socket.destroy()
      await until(() => world.events.some(({ type: name }) => name === 'released'), 'released')
      expect((await world.send('POST', link, { body: 'y'.repeat(1_000) })).status).to.equal(201)
      expect(world.effects).to.have.length(1)
    })

    it('[HTTP-11] cut off under a body parser, the handler is not entered', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const path = new URL(link, world.base).pathname
      for (const type of ['application/json', 'application/x-www-form-urlencoded']) {
        const headers = { 'Content-Type': type }
        const whole = requestBytes({ method: 'POST', path, headers, body: ' '.repeat(1_000) })
        await rawRequest({ port: world.port, steps: halfSent(whole, whole.length - 600) })
      }
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      expect(world.runs).to.equal(1)
    })

    it('[H-412-2] preconditions do not matter at a spent link', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const stale = { 'If-Match': '"nobody"', 'If-None-Match': '*' }
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      const again = await world.send('POST', link, { json: {}, headers: stale })
      await expectSpent(again, '/orders/1', link)
    })

    it('[ACT-03] an empty or blank last segment is no link', async () => {
      world = await startWorld(kind)
      for (const path of [
        '/orders/once/',
        '/orders/once',
        '/orders/once/%20',
        '/orders/once/%2F',
      ]) {
        for (const method of ['GET', 'POST']) {
          expect((await world.send(method, path)).status, `${method} ${path}`).to.equal(404)
        }
      }
      expect(world.runs).to.equal(0)
    })

    it('[POE-2-18] an unknown link is 404 with a problem document', async () => {
      world = await startWorld(kind)
      const link = await world.link()
      const other = `${link.slice(0, -5)}AAAAA`
      await expectProblem(await world.send('POST', other, { json: {} }), 404, 'unverifiable')
    })
  })
}

/** Sends the beginning of a request, and stays until the server has had enough. */
function neverEnding(port: number, begun: Buffer): Promise<{ answer: string; openMs: number }> {
  return new Promise(resolve => {
    const startedMs = performance.now()
    const socket = connect(port, '127.0.0.1', () => socket.write(begun))
    let answer = ''
    socket.on('data', chunk => {
      answer += String(chunk)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve({ answer, openMs: performance.now() - startedMs }))
  })
}

function connections(world: World): Promise<number> {
  return new Promise((resolve, reject) => {
    world.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
