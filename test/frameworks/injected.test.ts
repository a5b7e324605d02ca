/**
 * Requests that never see a socket: Fastify's `inject()`, which is light-my-request, calls the
 * server with a request and a response of its own making. Applications are tested with it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type NodeDoor, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

type Parsed = IncomingMessage & { readonly body?: { readonly sku: string } }

/** What the handler was sent, in the order of its runs. */
let skus: string[] = []

async function order(request: Parsed, response: ServerResponse): Promise<void> {
  let text = ''
  if (request.body === undefined) for await (const chunk of request) text += String(chunk)
  const { sku } = request.body ?? (JSON.parse(text) as { sku: string })
  skus.push(sku)
  if (sku === 'pieces') {
    response.writeHead(201, { 'Content-Type': 'text/plain' })
    response.write('one ')
    response.end('two')
    return
  }
  response.writeHead(201, { Location: '/orders/1', 'Set-Cookie': 'seen=1' }).end(sku)
}

/** @param parses - whether Fastify reads the content, or leaves it to the door */
function open(parses: boolean): FastifyInstance {
  const once = poe({ store: memoryStore(), principal: () => 'guest' })
  const orders = once.resource({ name: 'order', path: '/orders/once/:token' }, order)
  const rules = { name: 'pay', retentionMs: 60_000, dangerouslyNotDurable: true }
  const payments = once.idempotencyKey(rules, order)
  const app = Fastify()
  if (!parses) {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', (_request, _content, done) => done(null, undefined))
  }
  const links = once.pages()
  app.addHook('onRequest', (request, reply, done) => void links(request.raw, reply.raw, done))
  app.get('/basket', request => once.link(request.raw, 'order'))
  const at = (door: NodeDoor) => async (request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack()
    const { raw, body } = request
    await door(Object.assign(raw, { body }), reply.raw)
  }
  app.all('/orders/once/:token', at(orders))
  app.post('/payments', at(payments))
  return app
}

describe('requests that are injected', () => {
  beforeEach(() => {
    skus = []
  })

  for (const [title, parses] of [
    ['content that Fastify has parsed', true],
    ['content that nobody has read', false],
  ] as const) {
    it(`[FALSE-4525] ${title}: a link takes a POST once`, async () => {
      const app = open(parses)
      for (const sku of ['tea', 'pieces']) {
        const { body: url } = await app.inject('/basket')
        const post = () => app.inject({ method: 'POST', url, payload: { sku } })
        const first = await post()
        expect(first.statusCode).to.equal(201)
        expect((await post()).statusCode).to.equal(405)
        expect((await app.inject(url)).body).to.equal(first.body)
      }
      expect(skus).to.deep.equal(['tea', 'pieces'])
    })

    it(`[FALSE-4525] ${title}: a key stands for its content`, async () => {
      const app = open(parses)
      const post = (sku: string, key: string) => {
        const content = JSON.stringify({ sku })
        // As a file is sent: nothing tells its length.
        const isStream = !parses && key === '"b"'
        const payload = isStream ? Readable.from([Buffer.from(content)]) : content
        const framed = isStream ? { 'transfer-encoding': 'chunked' } : {}
        const headers = { 'content-type': 'application/json', 'idempotency-key': key, ...framed }
        return app.inject({ method: 'POST', url: '/payments', payload, headers })
      }
      for (const key of ['"a"', '"b"']) {
        const first = await post('tea', key)
        expect([first.statusCode, first.headers.location]).to.deep.equal([201, '/orders/1'])
        expect(first.headers['set-cookie']).to.equal('seen=1')
        const again = await post('tea', key)
        expect([again.statusCode, again.headers.location]).to.deep.equal([201, '/orders/1'])
        expect(again.headers['idempotent-replayed']).to.equal('true')
        expect((await post('ink', key)).statusCode).to.equal(422)
      }
      expect(skus).to.deep.equal(['tea', 'tea'])
    })
  }

  it('[FALSE-4525] nobody is told of an answer before it is one', async () => {
    const app = open(true)
    const payload = { sku: 'tea' }
    const { body: url } = await app.inject('/basket')
    const got = await app.inject({ method: 'POST', url, payload, payloadAsStream: true })
    expect(got.headers.allow).to.equal('GET, HEAD, OPTIONS')
    expect(Buffer.concat(await got.stream().toArray()).toString()).to.equal('tea')
  })
})
