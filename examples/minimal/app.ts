/**
 * The same order service, after: two lines more and two that are changed, and each link that
 * `GET /orders` hands out takes one order, however often the POST is repeated.
 */
import { bodyParser } from '@koa/bodyparser'
import Router, { type RouterContext } from '@koa/router'
import Koa from 'koa'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

/** Makes the service. */
export function createApp(): Koa {
  const orders: unknown[] = []
  const app = new Koa()
  const router = new Router()
  const once = poe({ store: memoryStore(), principal: anyone })

  router.get('/orders', ctx => {
    ctx.body = { orders, link: ctx.poe.link('order') }
  })
  once.resource(router, { name: 'order', path: '/orders/once/:token' }, placeOrder)

  function placeOrder(ctx: RouterContext): void {
    orders.push(ctx.request.body)
    ctx.status = 201
    ctx.set('Location', `/orders#${orders.length}`)
    ctx.body = { id: orders.length }
  }

  app.use(once.middleware())
  app.use(bodyParser())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}
