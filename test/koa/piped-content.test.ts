/**
 * A handler that does something with each piece of a request's content, by `pipeline`: where one
 * fails, Node gives the request that error, but nobody has cut the content off. FALSE-4629
 */
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createServer2, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { openRequest, type Place } from '../support/open-request.js'

const PATH = '/payouts/once/:token'
const ROWS = 'ann,10\n'.repeat(200_000)
const FIELDS = { 'Content-Type': 'text/csv', 'Content-Length': ROWS.length }

let payouts = 0

/** A request over either version of HTTP. */
type Content = IncomingMessage & { readonly stream: ServerHttp2Stream }

/** What node:http tells of another server that breaks off, as it does of a client. */
const BROKEN_OFF = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })

/** Pays piece by piece; the gateway breaks off at the second one. */
async function payOut(content: IncomingMessage): Promise<void> {
  let pieces = 0
  const pay = new Transform({
    transform: (_piece, _coding, done) => {
      pieces += 1
      payouts += 1
      done(pieces === 2 ? BROKEN_OFF : null)
    },
  })
  await pipeline(content, pay.resume())
}

function onKoa(read: (content: Content) => Promise<void> = payOut) {
  const once = poe({ store: memoryStore(), principal: () => 'ann' })
  const app = new Koa()
  app.silent = true
  const router = new Router()
  router.get('/page', ctx => {
    ctx.body = ctx.poe.link('payout')
  })
  once.resource(router, { name: 'payout', path: PATH }, async ctx => {
    await read(ctx.req as Content)
    ctx.status = 204
  })
  app.use(once.middleware()).use(router.routes())
  return { once, listener: app.callback() }
}

function onNode() {
  const once = nodePoe({ store: memoryStore(), principal: () => 'ann', onError: () => {} })
  once.resource({ name: 'payout', path: PATH }, async (request, response) => {
    await payOut(request)
    response.writeHead(204).end()
  })
  const listener = once.handler((_request, response, given) => {
    response.end(given.link('payout'))
  })
  return { once, listener }
}

const SERVERS = {
  Koa: [onKoa, false],
  'Koa on HTTP/2': [onKoa, true],
  'node:http': [onNode, false],
} as const

describe('content that a handler pipes', () => {
  for (const [what, [make, isHttp2]] of Object.entries(SERVERS)) {
    it(`[FALSE-4629] fails in the middle: the link is undecided on ${what}`, async () => {
      payouts = 0
      const { once, listener } = make()
      const server = isHttp2 ? createServer2(listener as never) : createServer(listener as never)
      await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
      const place: Place = { port: (server.address() as AddressInfo).port, isHttp2 }
      const page = openRequest(place, 'GET', '/page', {})
      page.stream.end()
      const { body: link } = await page.told
      const post = async () => {
        const { stream, told } = openRequest(place, 'POST', link, FIELDS)
        const answered = new Promise<number>(resolve => {
          stream.on('response', (given: object) => {
            resolve(Reflect.get(given, 'statusCode') ?? Reflect.get(given, ':status'))
          })
        })
        stream.on('error', () => {})
        stream.end(ROWS)
        const status = await answered
        stream.destroy()
        await told
        return status
      }
      try {
        expect([await post(), await post(), payouts]).to.deep.equal([500, 409, 2])
      } finally {
        server.close()
        if ('closeAllConnections' in server) server.closeAllConnections()
        await once.close({ graceMs: 0 })
      }
    })
  }

  for (const error of [BROKEN_OFF, new DOMException('too slow', 'AbortError')]) {
    it(`[FALSE-4637] a handler destroys its stream of HTTP/2: ${error.message}`, async () => {
      const { once, listener } = onKoa(async ({ stream }) => {
        payouts += 1
        stream.destroy(error)
        throw error
      })
      payouts = 0
      const server = createServer2(listener as never)
      await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
      const place: Place = { port: (server.address() as AddressInfo).port, isHttp2: true }
      const page = openRequest(place, 'GET', '/page', {})
      page.stream.end()
      const { body: link } = await page.told
      const post = async () => {
        const { stream, told } = openRequest(place, 'POST', link, FIELDS)
        stream.on('error', () => {}).end(ROWS)
        return (await told).status
      }
      try {
        expect([await post(), await post(), payouts]).to.deep.equal([0, 409, 1])
      } finally {
        server.close()
        await once.close({ graceMs: 0 })
      }
    })
  }

  it('[FALSE-4629] is broken off by the handler, for another server did', async () => {
    payouts = 0
    const once = nodePoe({ store: memoryStore(), principal: () => 'ann', onError: () => {} })
    once.resource({ name: 'payout', path: PATH }, async request => {
      payouts += 1
      request.destroy(BROKEN_OFF)
      throw BROKEN_OFF
    })
    const server = createServer(
      once.handler((_request, response, given) => {
        response.end(given.link('payout'))
      }),
    )
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const link = origin + (await (await fetch(`${origin}/page`)).text())
    const post = () => fetch(link, { method: 'POST', body: ROWS }).catch(() => null)
    try {
      expect(await post()).to.equal(null)
      expect([(await post())?.status, payouts]).to.deep.equal([409, 1])
    } finally {
      server.close()
      await once.close({ graceMs: 0 })
    }
  })
})
