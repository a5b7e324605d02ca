/** Uploads cut off over HTTP/2: what the handler throws decides, not that the client left. */
import { connect, constants, createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import { type Poe, type PoeEvent, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { until } from '../support/meeting.js'

type Handler = (ctx: Context) => unknown

const parse = bodyParser()

/** What a handler does while its client leaves, and how that ends. */
const CASES: Readonly<Record<string, [Handler, 'released' | 'undecided']>> = {
  'an unrelated throw is silence': [
    async ctx => {
      await new Promise(resolve => ctx.req.once('close', resolve))
      throw new TypeError('the audit log is down')
    },
    'undecided',
  ],
  'the abort that a parser throws is a report': [ctx => parse(ctx, async () => {}), 'released'],
}

describe('uploads cut off over HTTP/2', () => {
  let server: Http2Server
  let once: Poe
  let events: PoeEvent[] = []
  let entered = 0

  async function start(handler: Handler): Promise<number> {
    events = []
    entered = 0
    const onEvent = (event: PoeEvent) => void events.push(event)
    once = poe({ store: memoryStore(), principal: () => 'guest', onEvent })
    const app = new Koa()
    app.silent = true
    const router = new Router()
    router.get('/page', ctx => {
      ctx.body = ctx.poe.link('order')
    })
    once.resource(router, { name: 'order', path: '/orders/:token' }, ctx => {
      entered += 1
      return handler(ctx as unknown as Context)
    })
    app.use(once.middleware()).use(router.routes())
    server = createServer(app.callback())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }
  afterEach(async () => {
    server.close()
    await once.close()
  })

  for (const [what, [handler, end]] of Object.entries(CASES)) {
    it(`[FALSE-304] ${what}`, async () => {
      const session = connect(`http://127.0.0.1:${await start(handler)}`)
      session.on('error', () => {})
      const chunks: string[] = []
      for await (const chunk of session.request({ ':path': '/page' })) chunks.push(String(chunk))
      const fields = { ':method': 'POST', ':path': chunks.join(''), 'content-length': '9' }
      const stream = session.request({ ...fields, 'content-type': 'application/json' })
      stream.on('error', () => {})
      stream.write('{"a"')
      await until(() => entered === 1, 'the handler is at work')
      stream.close(constants.NGHTTP2_CANCEL)
      const ends = () => events.map(({ type }) => type).filter(type => type !== 'claimed')
      await until(() => ends().length > 0, 'the end')
      expect(ends()).to.deep.equal([end])
      session.close()
    })
  }
})
