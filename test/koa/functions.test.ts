/**
 * Servers that run as functions (AWS Lambda and the like): adapters such as `serverless-http` and
 * `serverless-express` call the server with requests of their own making. Those are complete from
 * the beginning, and give their content when they are read.
 */
import { IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { poe as poeOnNode } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

interface Answer {
  readonly status: number
  readonly text: string
}

type Fields = Readonly<Record<string, string>>

/** What an adapter does with an event: calls the server, and collects the answer. */
async function call(
  serve: RequestListener,
  method: string,
  url: string,
  content = '',
  fields: Fields = {},
): Promise<Answer> {
  const req = new IncomingMessage(new Socket())
  const length = String(Buffer.byteLength(content))
  const headers = { host: 'shop', 'content-length': length, ...fields }
  Object.assign(req, { method, url, headers, complete: true })
  Object.assign(req, { httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 })
  const isLate = fields['x-late'] === 'yes'
  const soon = isLate ? setImmediate : (work: () => unknown) => work()
  req._read = () => {
    req._read = () => {}
    soon(() => {
      req.push(content)
      soon(() => req.push(null))
    })
  }
  const res = new ServerResponse(req)
  const written: Buffer[] = []
  const socket = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk)
      done()
    },
  })
  res.assignSocket(socket as Socket)
  const answered = new Promise(resolve => res.on('finish', resolve))
  serve(req, res)
  await answered
  const [, ...parts] = Buffer.concat(written).toString().split('\r\n\r\n')
  return { status: res.statusCode, text: parts.join('') }
}

/** What the handler has read, in the order of its runs. */
let contents: string[] = []

async function take(req: IncomingMessage): Promise<void> {
  let text = ''
  for await (const chunk of req) text += String(chunk)
  contents.push(text)
}

const RULES = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true }

function onKoa(): RequestListener {
  const once = poe({ store: memoryStore(), principal: () => 'guest' })
  const [app, router] = [new Koa(), new Router()]
  app.silent = true
  app.use(once.middleware())
  router.get('/link', ctx => {
    ctx.body = ctx.poe.link('order')
  })
  once.resource(router, { name: 'order', path: '/orders/:token' }, async ctx => {
    await take(ctx.req)
    ctx.body = 'done'
  })
  router.post('/pay', once.idempotencyKey(RULES), async ctx => {
    await take(ctx.req)
    ctx.body = 'done'
  })
  return app.use(router.routes()).callback()
}

function onNode(): RequestListener {
  const once = poeOnNode({ store: memoryStore(), principal: () => 'guest' })
  const handler: RequestListener = async (req, res) => {
    await take(req)
    res.end('done')
  }
  once.resource({ name: 'order', path: '/orders/:token' }, handler)
  const pay = once.idempotencyKey(RULES, handler)
  return once.handler((req, res, links) => {
    if (req.url === '/pay') return pay(req, res)
    return void res.end(links.link('order'))
  })
}

describe('servers that run as functions', () => {
  beforeEach(() => {
    contents = []
  })

  for (const [title, open] of [
    ['Koa', onKoa],
    ['node:http', onNode],
  ] as const) {
    it(`[FALSE-4523] ${title}: a link takes a POST once, with its content`, async () => {
      const serve = open()
      const { text: link } = await call(serve, 'GET', '/link')
      const post = () => call(serve, 'POST', link, 'two teas', { 'content-type': 'text/plain' })
      expect(await post()).to.deep.equal({ status: 200, text: 'done' })
      expect((await post()).status).to.equal(405)
      expect(await call(serve, 'GET', link)).to.deep.equal({ status: 200, text: 'done' })
      expect(contents).to.deep.equal(['two teas'])
    })

    it(`[FALSE-4523] ${title}: a key stands for its content`, async () => {
      const serve = open()
      const post = async (content: string, more: Fields = {}) =>
        await call(serve, 'POST', '/pay', content, { 'idempotency-key': '"a"', ...more })
      for (const late of ['no', 'yes']) {
        for (const length of ['9', '2']) {
          const wrong = { 'content-length': length, 'x-late': late }
          expect((await post('ten', wrong)).status, `${length} announced`).to.equal(400)
        }
      }
      expect((await post('ten', { 'x-late': 'yes' })).status).to.equal(200)
      expect((await post('ten')).status).to.equal(200)
      expect((await post('six')).status).to.equal(422)
      expect(contents).to.deep.equal(['ten'])
    })
  }

  it('[FALSE-4523] content that is gone between two doors is not waited for', async () => {
    const app = new Koa()
    const router = new Router()
    app.silent = true
    const once = poe({ store: memoryStore(), principal: () => 'guest' })
    const validator = () => ({ etag: '"1"' })
    // As Node does where the answer, or the client, has gone meanwhile.
    const lose: Koa.Middleware = async ({ req }, next) => {
      req.read()
      req.destroy(new Error('gone'))
      await new Promise(resolve => setTimeout(resolve, 5))
      return await next()
    }
    const asSeen = once.conditional({ name: 'page', validator })
    router.post('/pay', once.idempotencyKey(RULES), lose, asSeen, ctx => {
      ctx.body = 'done'
    })
    app.use(once.middleware()).use(router.routes())
    const fields = { 'idempotency-key': '"a"', 'if-match': '"1"' }
    expect((await call(app.callback(), 'POST', '/pay', 'ten', fields)).status).to.equal(400)
  })
})
