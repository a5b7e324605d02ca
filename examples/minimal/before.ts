/** A small order service, before: whoever repeats a POST has ordered twice. */
import { bodyParser } from '@koa/bodyparser'
import Router, { type RouterContext } from '@koa/router'
import Koa from 'koa'

/** Makes the service. */
export function createApp(): Koa {
  const orders: unknown[] = []
  const app = new Koa()
  const router = new Router()

  router.get('/orders', ctx => {
    ctx.body = { orders }
  })
  router.post('/orders', placeOrder)

  function placeOrder(ctx: RouterContext): void {
    orders.push(ctx.request.body)
    ctx.status = 201
    ctx.set('Location', `/orders#${orders.length}`)
    ctx.body = { id: orders.length }
  }

  app.use(bodyParser())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}
