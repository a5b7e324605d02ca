/** The README's own application passes the README's own command. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { poeHere } from '../cli/fake-terminal.js'

describe('poe check of the README’s application', function () {
  this.timeout(60_000)

  it('[FALSE-2903] exit 0, with nothing set up but what the README says', async () => {
    const app = new Koa()
    app.silent = true
    const router = new Router()
    const orders: unknown[] = []
    const once = poe({ store: memoryStore(), principal: anyone })
    app.use(once.middleware())
    once.resource(router, { name: 'order', path: '/orders/once/:token' }, ctx => {
      orders.push(ctx.request.body)
      ctx.status = 201
      ctx.set('Location', `/orders/${orders.length}`)
      ctx.body = { id: orders.length }
    })
    router.get('/basket', ctx => {
      ctx.body = { link: (ctx as unknown as Context).poe.link('order') }
    })
    app.use(bodyParser()).use(router.routes()).use(router.allowedMethods())
    const server = createServer(app.callback()).listen(0, '127.0.0.1')
    try {
      await new Promise(resolve => server.once('listening', resolve))
      const page = `http://127.0.0.1:${(server.address() as AddressInfo).port}/basket`
      const order = ['--valid', '{"sku":"tea","qty":1}']
      const { code, out } = await poeHere(['check', page, ...order, '--age', '0'])
      expect(code, out).to.equal(0)
      expect(out).to.include('warning: H-100-1/spent')
    } finally {
      server.closeAllConnections()
      server.close()
      await once.close()
    }
  })
})
