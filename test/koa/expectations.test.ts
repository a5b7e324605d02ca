/**
 * `Expect: 100-continue`: a refusal saves the upload.
 *
 * @see RFC 9110 10.1.1
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { answerExpectations, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { rawRequest } from 'post-once-exactly/testing'

const BODY = '{"sku":"tea"}'

for (const parser of [
  'in the handler',
  'beside the handler',
  'after a login',
  'in front',
] as const) {
  describe(`Expect: 100-continue, the body read ${parser}`, () => {
    let server: Server
    let port: number
    let link: string

    beforeEach(async () => {
      const principal = (ctx: Koa.Context) => {
        return parser === 'after a login' && ctx.path !== '/page' ? ctx.state.user.name : 'guest'
      }
      const once = poe({ store: memoryStore(), principal })
      const app = new Koa()
      const router = new Router()
      // As loggers do: who only wants to know when it is over does not read.
      app.use(({ req }, next) => {
        req.once('close', () => {})
        return next()
      })
      if (parser === 'in front') app.use(bodyParser())
      app.use(once.middleware())
      router.get('/page', ctx => {
        ctx.body = ctx.poe.link('order')
      })
      const login: Koa.Middleware = (ctx, next) => {
        ctx.state.user = { name: 'guest' }
        return next()
      }
      const beside = {
        'in front': [],
        'in the handler': [],
        'beside the handler': [bodyParser()],
        'after a login': [login, bodyParser()],
      }[parser]
      once.resource(router, { name: 'order', path: '/orders/:token' }, ...beside, async ctx => {
        let text = parser === 'in the handler' ? '' : ctx.request.rawBody
        if (parser === 'in the handler') for await (const chunk of ctx.req) text += String(chunk)
        ctx.body = text
      })
      app.use(router.routes())
      const callback = app.callback()
      server = createServer(callback)
      answerExpectations(server, callback)
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      port = (server.address() as AddressInfo).port
      link = await (await fetch(`http://127.0.0.1:${port}/page`)).text()
    })

    afterEach(() => {
      server.closeAllConnections()
      server.close()
    })

    const head = () =>
      Buffer.from(
        `POST ${link} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${BODY.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`,
      )

    it('[H-100-1] who begins to read asks for the body, once', async () => {
      const steps = [head(), { pauseMs: 100 }, Buffer.from(BODY)]
      const { received, response } = await rawRequest({ port, steps })
      expect(received.toString()).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
      expect(response?.body.toString()).to.equal(BODY)
    })

    // The resource's own middleware may have to refuse it first.
    const isBefore = parser === 'in the handler'
    it(`[H-100-1] a spent link is refused ${isBefore ? 'before' : 'after'} upload`, async () => {
      await rawRequest({ port, steps: [head(), { pauseMs: 100 }, Buffer.from(BODY)] })
      const refused = await rawRequest({
        port,
        steps: isBefore ? [head()] : [head(), { pauseMs: 100 }, Buffer.from(BODY)],
      })
      const first = isBefore ? '405 Method Not Allowed' : '100 Continue'
      expect(refused.received.toString()).to.match(new RegExp(`^HTTP/1\\.1 ${first}`))
      expect(refused.response?.status).to.equal(405)
    })
  })
}
