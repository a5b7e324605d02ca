/**
 * A content that is cut off while the store is asked for the claim: the handler is not entered.
 *
 * @see decision 0013
 */
import { createServer as createHttp1, type Server } from 'node:http'
import { createServer as createHttp2, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa from 'koa'
import { type Poe, poe } from 'post-once-exactly/koa'
import { aroundStore } from '../support/around-store.js'
import { type CutRequest, cutOverHttp1, cutOverHttp2, ENDS, LEAVES } from '../support/cut-off.js'
import { until } from '../support/meeting.js'
import { INSTALLED_STORES, type OpenStore, openStore } from '../support/stores.js'

for (const kind of INSTALLED_STORES) {
  describe(`a content that is cut off while the store is asked, ${kind}`, () => {
    let opened: OpenStore
    let once: Poe<unknown>
    let servers: readonly (Server | Http2Server)[]
    let claims: number
    let left: boolean
    let entered: number
    let isDone: boolean

    beforeEach(async () => {
      opened = await openStore(kind)
      claims = 0
      entered = 0
      left = false
      isDone = false
      const store = aroundStore(opened.store, async (method, _key, call) => {
        const reply = await call()
        if (method !== 'claim' || isDone) return reply
        claims += 1
        // The claim is granted, and its reply on its way until the server knows of the cut.
        await until(() => left, 'the client has left')
        return reply
      })
      once = poe({ store, principal: () => 'ann' }) as Poe<unknown>
      const app = new Koa()
      app.silent = true
      const router = new Router()
      app.use(async (ctx, next) => {
        const stream = (ctx.req as { stream?: { closed: boolean; destroyed: boolean } }).stream
        const cut = setInterval(() => {
          left ||= ctx.method === 'POST' && (stream?.closed ?? ctx.req.destroyed)
        }, 1)
        await next().finally(() => clearInterval(cut))
        if (ctx.method === 'POST') isDone = true
      })
      app.use(once.middleware())
      router.get('/page', ctx => {
        ctx.body = ctx.poe.link('order')
      })
      once.resource(router, { name: 'order', path: '/orders/:token' }, async ctx => {
        entered += 1
        ctx.status = 201
      })
      app.use(router.routes())
      app.on('error', () => {
        isDone = true
      })
      const callback = app.callback()
      servers = [createHttp1(callback), createHttp2(callback)]
      for (const server of servers) {
        await new Promise<void>(done => server.listen(0, '127.0.0.1', () => done()))
      }
    })

    afterEach(async () => {
      for (const server of servers) server.close()
      await once.close()
      await opened.discard()
    })

    const portOf = (index: number): number =>
      (servers[index]?.address() as AddressInfo | null)?.port ?? 0
    const cutOff = async (
      cut: (request: CutRequest, seen: () => Promise<void>) => Promise<void>,
    ): Promise<void> => {
      const link = await (await fetch(`http://127.0.0.1:${portOf(0)}/page`)).text()
      const content = Buffer.from('a=1000')
      const headers = { 'content-type': 'text/plain' }
      const request = { method: 'POST', path: link, headers, content, announced: true }
      await cut(request, () => until(() => claims > 0, 'it is claimed'))
      await until(() => isDone, 'the application is done with it')
      expect(entered).to.equal(0)
      const whole = await fetch(`http://127.0.0.1:${portOf(0)}${link}`, {
        ...{ method: 'POST', headers, body: content },
      })
      expect([whole.status, entered]).to.deep.equal([201, 1])
    }

    for (const end of ENDS) {
      it(`[FALSE-204] over HTTP/2, by ${end}: not run, and free`, () =>
        cutOff((request, seen) => cutOverHttp2(portOf(1), [request], 3, end, seen)))
    }
    for (const leave of LEAVES) {
      it(`[FALSE-204] over HTTP/1.1, by ${leave}: not run, and free`, () =>
        cutOff((request, seen) => cutOverHttp1(portOf(0), request, 3, leave, seen)))
    }
  })
}
