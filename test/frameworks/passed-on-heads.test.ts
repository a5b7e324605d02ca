/**
 * A handler passes another server's answer on, whose head Node does not send: a reason phrase in
 * other letters, trailers beside a length. To begin such an answer threw where nobody heard it, and
 * the process ended.
 */
import { once as happened } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import Koa from 'koa'
import { anyone, poe } from 'post-once-exactly/fetch'
import { poe as koaPoe } from 'post-once-exactly/koa'
import { poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

const PHRASES = ['已创建', 'Создано', 'made \u0001', 'für dich', '']

const KEPT = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true }
const POST = { method: 'POST', headers: { 'Idempotency-Key': '"one"' } }
const SIZED = 'Content-Length: 2\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`
}

describe('a head that is passed on over fetch', () => {
  let gateway: Server
  let origin = ''
  let phrase = ''
  let fields = SIZED

  before(async () => {
    gateway = createServer(socket => {
      socket
        .on('error', () => {})
        .once('data', () => {
          const content = fields.includes(CHUNKED) ? '2\r\nok\r\n0\r\nX-T: 1\r\n\r\n' : 'ok'
          const head = `HTTP/1.1 201 ${phrase}\r\nConnection: close\r\n${fields}`
          socket.end(Buffer.from(`${head}\r\n${content}`))
        })
    }).listen(0, '127.0.0.1')
    await happened(gateway, 'listening')
    origin = originOf(gateway)
  })
  after(() => gateway.close())

  async function expectPassedOn(): Promise<void> {
    let charges = 0
    const once = poe({ store: memoryStore(), principal: anyone, onError: () => {} })
    const pay = once.idempotencyKey(KEPT, async () => {
      charges += 1
      return await fetch(origin)
    })
    once.resource({ name: 'order', path: '/once/:token' }, () => fetch(origin))
    const page = once.page(async (_request, links) => {
      links.link('order')
      return await fetch(origin)
    })
    const seen: unknown[] = []
    for (let tries = 0; tries < 2; tries += 1) {
      const answer = await pay(new Request('http://shop.example/pay', POST))
      seen.push(answer.status, await answer.text())
    }
    expect([...seen, charges]).to.deep.equal([201, 'ok', 201, 'ok', 1])
    const drawn = await page(new Request('http://shop.example/'))
    expect(drawn.status).to.equal(201)
    expect(drawn.headers.has('POE-Links')).to.equal(true)
    await once.close()
  }

  for (const text of PHRASES) {
    it(`[FALSE-4641] the phrase ${JSON.stringify(text)}: the answer, once; a page`, async () => {
      phrase = text
      await expectPassedOn()
    })
  }

  for (const framed of [SIZED, CHUNKED]) {
    it(`[FALSE-4642] trailers, ${framed.trim()}: the answer, once, and a page`, async () => {
      fields = `${framed}Trailer: X-T\r\n`
      await expectPassedOn()
    })
  }
})

describe('trailers of an answer that is the body on Koa', () => {
  it('[FALSE-4642] are left out, for they have been left behind', async () => {
    const gateway = createHttpServer((_asked, answer) => {
      answer.socket?.end(
        'HTTP/1.1 201 Created\r\nTrailer: X-T\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
      )
    }).listen(0, '127.0.0.1')
    await happened(gateway, 'listening')
    let charges = 0
    const once = koaPoe({ store: memoryStore(), principal: anyone })
    const app = new Koa().use(once.middleware()).use(once.idempotencyKey(KEPT))
    app.use(async ctx => {
      charges += 1
      ctx.body = await fetch(originOf(gateway))
    })
    const server = createHttpServer(app.callback()).listen(0, '127.0.0.1')
    await happened(server, 'listening')
    const post = async () => (await fetch(originOf(server), POST)).status
    expect([await post(), await post(), charges]).to.deep.equal([201, 201, 1])
    for (const one of [gateway, server]) {
      one.close()
      one.closeAllConnections()
    }
    await once.close({ graceMs: 0 })
  })
})

describe('a head that node:http does not send, of an answer that flows in', () => {
  it('[FALSE-4642] is an error of the handler: undecided, and the process goes on', async () => {
    let charges = 0
    const errors: string[] = []
    const onError = (error: unknown) => void errors.push(String(error))
    const once = nodePoe({ store: memoryStore(), principal: () => 'ann', onError })
    const pay = once.idempotencyKey(KEPT, async (_request, response) => {
      charges += 1
      response.statusCode = 201
      response.setHeader('Trailer', 'X-T').setHeader('Content-Length', 4)
      await happened(Readable.from(['ab', 'cd']).pipe(response), 'close')
    })
    const server = createHttpServer(pay).listen(0, '127.0.0.1')
    await happened(server, 'listening')
    const post = async () => (await fetch(originOf(server), POST)).status
    expect([await post(), await post(), charges]).to.deep.equal([500, 409, 1])
    expect(errors.join()).to.match(/railer/)
    server.close()
    server.closeAllConnections()
    await once.close({ graceMs: 0 })
  })
})
