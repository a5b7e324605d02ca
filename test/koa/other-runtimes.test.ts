/**
 * Runtimes whose response is not all that Node's is, on Koa and on node:http.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { anyone as nobodys, poe as nodePoe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** As Deno's, it does not tell whether it is closed. */
class Untold extends ServerResponse {
  constructor(request: IncomingMessage) {
    super(request)
    Object.defineProperty(this, 'closed', { value: undefined })
  }
}

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Sends one POST twice, and expects that it is carried out once. */
async function expectOnce(listener: RequestListener) {
  const server = createServer({ ServerResponse: Untold }, listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const link = await (await fetch(origin)).text()
  const statuses: number[] = []
  for (let tries = 0; tries < 2; tries += 1) {
    statuses.push((await fetch(origin + link, { method: 'POST', body: 'tea' })).status)
  }
  expect(statuses).to.deep.equal([201, 405])
}

describe('a runtime whose response does not tell that it is closed, as Deno’s', () => {
  it('[FALSE-4572] a POST is carried out, on Koa', async () => {
    const once = poe({ store: memoryStore(), principal: anyone })
    const router = new Router()
    router.get('/', ctx => {
      ctx.body = ctx.poe.link('order')
    })
    once.resource(router, { name: 'order', path: '/once/:token' }, ctx => {
      ctx.status = 201
    })
    const app = new Koa()
    app.use(once.middleware()).use(router.routes())
    await expectOnce(app.callback())
  })

  it('[FALSE-4572] and on node:http', async () => {
    const once = nodePoe({ store: memoryStore(), principal: nobodys })
    once.resource({ name: 'order', path: '/once/:token' }, (_request, response) => {
      response.writeHead(201).end()
    })
    await expectOnce(once.handler((_request, response, links) => response.end(links.link('order'))))
  })
})
