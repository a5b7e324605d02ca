/**
 * Requests that carry an id already: events that a sender delivers until it is answered, and orders
 * with a reference in their content. Both live in this process, as its store does.
 */
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'

const DAY_MS = 86_400_000

/** What happened, for tests. */
export interface Book {
  readonly events: unknown[]
  readonly orders: Map<string, { state: string }>
}

/** Makes the application. */
export function createApp(book: Book): Koa {
  const once = poe({ store: memoryStore(), principal: ctx => ctx.get('X-User') || 'sender' })
  const router = new Router()
  // The store forgets at a restart; so do the events and orders.
  const dangerouslyNotDurable = true

  const event = once.replay({
    name: 'event',
    key: ctx => ctx.get('Webhook-Id'),
    retentionMs: 3 * DAY_MS,
    dangerouslyNotDurable,
  })
  router.post('/events', event, bodyParser(), ctx => {
    book.events.push(ctx.request.body)
    ctx.status = 204
  })

  const order = once.replay({
    name: 'order',
    key: ctx => (ctx.request.body as { reference?: string }).reference,
    retentionMs: DAY_MS,
    replay: 'current',
    current: (ctx, first) => {
      ctx.set('Content-Location', String(first.location))
      ctx.body = book.orders.get(String(first.location))
    },
    dangerouslyNotDurable,
  })
  router.post('/orders', bodyParser(), order, ctx => {
    const at = `/orders/${book.orders.size + 1}`
    book.orders.set(at, { state: 'placed' })
    ctx.status = 201
    ctx.set('Location', at)
    ctx.body = { state: 'placed' }
  })

  const app = new Koa()
  app.use(once.middleware())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}
