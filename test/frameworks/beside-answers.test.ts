/** What a handler on node:http says beside its answer: phrases, trailers, and what comes before. */
import { createServer, type RequestListener, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import express, { type ErrorRequestHandler } from 'express'
import { poe as fetchPoe } from 'post-once-exactly/fetch'
import { anyone, type NodeHandler, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { openRequest, overHttp2, type Place, type Told } from '../support/open-request.js'

const KEPT = { name: 'key', retentionMs: 60_000, dangerouslyNotDurable: true }

describe('beside an answer on node:http', () => {
  const open: { close(): unknown }[] = []
  afterEach(() => {
    for (const each of open.splice(0)) each.close()
  })

  async function listen(listener: RequestListener): Promise<Server> {
    const server = createServer(listener)
    open.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return server
  }

  async function serve(handler: NodeHandler): Promise<Server> {
    const once = poe({ store: memoryStore(), principal: anyone, onError: () => {} })
    const door = once.idempotencyKey(KEPT, handler)
    return await listen((request, response) => void door(request, response))
  }

  function post(place: Place): Promise<Told> {
    const { stream, told } = openRequest(place, 'POST', '/', { 'Idempotency-Key': '"k"' })
    stream.end()
    return told
  }

  const placeOf = (server: Server): Place => {
    return { port: (server.address() as AddressInfo).port, isHttp2: false }
  }

  const TRAILING: Readonly<Record<string, NodeHandler>> = {
    'a whole answer': (_, response) => {
      response.setHeader('Trailer', 'X-T')
      response.addTrailers({ 'X-T': '1' })
      response.end('done')
    },
    'a stream': async (_, response) => {
      response.setHeader('Trailer', 'X-T')
      const pieces = async function* () {
        yield* [Buffer.from('do'), Buffer.from('ne')]
        response.addTrailers({ 'X-T': '1' })
      }
      await pipeline(Readable.from(pieces()), response)
    },
  }
  for (const [what, handler] of Object.entries(TRAILING)) {
    for (const over of ['HTTP/1.1', 'HTTP/2']) {
      it(`[FALSE-4352] trailers of ${what} arrive, and are not repeated, ${over}`, async () => {
        const server = await serve(handler)
        const second = over === 'HTTP/2' ? await overHttp2(server) : null
        if (second !== null) open.push(second)
        const place = second ?? placeOf(server)
        const { status, body, trailers } = await post(place)
        expect([status, body]).to.deep.equal([200, 'done'])
        expect({ ...trailers }).to.deep.include({ 'x-t': '1' })
        const again = await post(place)
        expect([again.status, again.body, { ...again.trailers }]).to.deep.equal([200, 'done', {}])
      })
    }
  }

  it('[FALSE-4353] a page of errors has the phrase of its own status', async () => {
    const once = poe({ store: memoryStore(), principal: anyone })
    const app = express()
    const door = once.idempotencyKey(KEPT, async (_, response) => {
      response.writeHead(201).flushHeaders()
      await pause(2)
      response.destroy()
    })
    app.post('/', (request, response, next) => door(request, response, next))
    const page: ErrorRequestHandler = (_error, _request, response, _next) => {
      response.status(500).end('sorry')
    }
    app.use(page)
    const { status, phrase, body } = await post(placeOf(await listen(app)))
    expect([status, phrase, body]).to.deep.equal([500, 'Internal Server Error', 'sorry'])
  })

  it('[FALSE-4354] a handler asks for the content, and hints, by itself', async () => {
    const once = poe({ store: memoryStore(), principal: anyone })
    once.resource({ name: 'order', path: '/once/:token' }, async (request, response) => {
      response.writeContinue()
      let text = ''
      for await (const piece of request) text += piece
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.end(text)
    })
    const listener = once.handler((_request, response, links) => response.end(links.link('order')))
    const server = await listen((request, response) => void listener(request, response))
    server.on('checkContinue', (request, response) => void listener(request, response))
    const { port } = placeOf(server)
    const link = await (await fetch(`http://127.0.0.1:${port}/`)).text()
    const told: unknown[] = []
    await new Promise<void>((resolve, reject) => {
      const headers = { Expect: '100-continue', 'Content-Length': 3 }
      const sent = request({ port, path: link, method: 'POST', headers, agent: false })
      sent.setTimeout(5_000, () => sent.destroy(new Error('no answer'))).on('error', reject)
      sent.on('continue', () => sent.end('tea'))
      sent.on('information', ({ statusCode }) => told.push(statusCode))
      sent.on('response', response => {
        response.on('data', piece => told.push(String(piece))).on('end', resolve)
      })
      sent.flushHeaders()
    })
    expect(told).to.deep.equal([100, 103, 'tea'])
  })

  it('[FALSE-4355] a reason phrase is said, and the handler hears that it is through', async () => {
    let isHeard = false
    const server = await serve((_, response) => {
      response.on('prefinish', () => {
        isHeard = true
      })
      response.writeHead(200, 'Tea Is Served').end('done')
    })
    const { status, phrase } = await post(placeOf(server))
    expect([status, phrase, isHeard]).to.deep.equal([200, 'Tea Is Served', true])
    const once = fetchPoe({ store: memoryStore(), principal: anyone })
    const door = once.idempotencyKey(KEPT, () => new Response('x', { statusText: 'Served' }))
    const headers = { 'Idempotency-Key': '"k"' }
    const ours = await door(new Request('http://shop.example/', { method: 'POST', headers }))
    expect(ours.statusText).to.equal('Served')
  })
})
