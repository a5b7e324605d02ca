/** The main path over HTTP/2. */
import { connect, createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import Koa2 from 'koa2'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { latch, until } from '../support/meeting.js'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  readonly broken: boolean
}

for (const [name, App] of [
  ['Koa 3', Koa],
  ['Koa 2', Koa2],
] as const) {
  describe(`HTTP/2, ${name}`, () => {
    let server: Http2Server
    let origin: string
    let runs = 0
    const late = latch()

    before(async () => {
      const once = poe({ store: memoryStore(), principal: () => 'guest', leaseMs: 100 })
      const app = new App()
      app.silent = true
      const router = new Router()
      router.get('/page', ctx => {
        ctx.body = ctx.poe.link('order')
      })
      once.resource(router, { name: 'order', path: '/orders/:token' }, ctx => {
        runs += 1
        ctx.status = 201
        ctx.set('Location', '/orders/1')
        const kind = ctx.get('X-Kind')
        ctx.body = kind === '' ? { id: 1 } : Readable.from(pieces(kind === 'broken'))
      })
      const slow = { name: 'slow', path: '/slow/:token', maxRunMs: 1 }
      router.get('/slow', ctx => {
        ctx.body = ctx.poe.link('slow')
      })
      once.resource(router, slow, async ctx => {
        await late.opened
        ctx.status = 201
        ctx.body = 'late'
      })
      app.use(once.middleware()).use(router.routes())
      server = createServer(app.callback())
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    })

    after(() => {
      server.close()
    })

    function ask(
      method: string,
      path: string,
      headers: Record<string, string> = {},
      body = '',
    ): Promise<Answer> {
      const session = connect(origin)
      session.on('error', () => {})
      const stream = session.request({ ':method': method, ':path': path, ...headers })
      return new Promise(resolve => {
        let answer: Record<string, unknown> = {}
        let text = ''
        let broken = false
        stream.setEncoding('utf8')
        stream.on('response', fields => {
          answer = fields
        })
        stream.on('data', chunk => {
          text += chunk
        })
        stream.on('error', () => {
          broken = true
        })
        stream.on('close', () => {
          broken ||= stream.rstCode !== 0
          session.close()
          resolve({ status: Number(answer[':status']), headers: answer, body: text, broken })
        })
        if (method !== 'GET' && method !== 'HEAD') stream.end(body)
      })
    }

    it('[POE-2-1, POE-2-4, POE-2-7] mints, accepts once, refuses, replays', async () => {
      const page = await ask('GET', '/page', { poe: '1' })
      expect(page.headers['poe-links']).to.equal(`"${page.body}"`)
      const link = page.body
      const before = runs
      const first = await ask('POST', link, {}, '{}')
      expect([first.status, first.body]).to.deep.equal([201, '{"id":1}'])
      const again = await ask('POST', link, {}, '{}')
      expect([again.status, again.headers.allow]).to.deep.equal([405, 'GET, HEAD, OPTIONS'])
      expect(again.headers.link).to.contain('</orders/1>; rel="related ')
      const later = await ask('GET', link)
      expect([later.status, later.body]).to.deep.equal([200, '{"id":1}'])
      // Koa 2 by itself answers no HEAD over HTTP/2.
      if (App === Koa) {
        const head = await ask('HEAD', link)
        const seen = [head.status, head.body, head.headers['content-length']]
        expect(seen).to.deep.equal([200, '', '8'])
      }
      expect((await ask('OPTIONS', link)).headers.allow).to.equal('GET, HEAD, OPTIONS')
      expect(runs).to.equal(before + 1)
    })

    it('[REPLAY-05] a streamed answer is replayed', async () => {
      const { body: link } = await ask('GET', '/page')
      expect((await ask('POST', link, { 'x-kind': 'stream' })).body).to.equal('one,two')
      expect((await ask('GET', link)).body).to.equal('one,two')
    })

    it('[REPLAY-09] a broken one breaks, and counts', async () => {
      const { body: link } = await ask('GET', '/page')
      const broken = await ask('POST', link, { 'x-kind': 'broken' })
      expect([broken.status, broken.broken]).to.deep.equal([201, true])
      expect((await ask('POST', link)).status).to.equal(405)
      expect((await ask('GET', link)).status).to.equal(303)
    })

    it('[POE-2-20] a handler that is late is answered for, and counts all the same', async () => {
      const { body: link } = await ask('GET', '/slow')
      const told = await ask('POST', link)
      expect([told.status, told.headers['retry-after']]).to.deep.equal([409, '30'])
      expect(told.body).to.contain('problem:undecided')
      late.open()
      await until(async () => (await ask('GET', link)).body === 'late', 'its answer is recorded')
      expect((await ask('POST', link)).status).to.equal(405)
    })

    it('[H-100-1] a refusal does not wait for a body that never ends', async () => {
      const { body: link } = await ask('GET', '/page')
      await ask('POST', link, {}, '{}')
      const session = connect(origin)
      const stream = session.request({ ':method': 'POST', ':path': link })
      stream.write('the beginning')
      const status = await new Promise(resolve => {
        stream.on('response', fields => resolve(fields[':status']))
      })
      expect(status).to.equal(405)
      session.destroy()
    })
  })
}

async function* pieces(broken: boolean): AsyncGenerator<string> {
  yield 'one,'
  yield 'two'
  if (broken) throw new Error('the source broke')
}
