/**
 * A shop whose orders are written in the transaction that makes their links spent. How they are
 * written is left to the caller: by `pg`, by Knex, by Drizzle.
 */
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import type pg from 'pg'
import { type Poe, poe, type RequestPoe } from 'post-once-exactly/koa'
import { type PostgresTransaction, postgresStore } from 'post-once-exactly/stores/postgres'

/** Writes an order, and gives its number. */
export type WriteOrder = (tx: PostgresTransaction, sku: string) => Promise<number>

/** An application, and what is to be closed with it. */
export interface OrderApp {
  readonly app: Koa
  readonly once: Poe<PostgresTransaction>
  close(): Promise<void>
}

/**
 * Makes the application.
 *
 * @param pool - the app's own; handlers' transactions run on its connections
 * @param writeOrder - how an order is written
 */
export async function createApp(pool: pg.Pool, writeOrder: WriteOrder): Promise<OrderApp> {
  const store = postgresStore({ pool })
  await store.migrate()
  const once = poe({ store, principal: ctx => ctx.get('X-User') || 'guest' })
  const router = new Router()
  router.get('/basket', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  const order = { name: 'order', path: '/orders/once/:token', transactional: true }
  once.resource(router, order, async ctx => {
    const { sku } = ctx.request.body as { sku: string }
    const { tx } = ctx.poe as RequestPoe<PostgresTransaction>
    const id = await writeOrder(tx, sku)
    // Whatever is no success undoes what was written.
    if (sku === 'sold-out') ctx.throw(409, 'sold out')
    ctx.status = 201
    ctx.set('Location', `/orders/${id}`)
    ctx.body = { id, sku }
  })
  const app = new Koa()
  app.use(bodyParser())
  app.use(once.middleware())
  app.use(router.routes())
  const close = async () => {
    await once.close()
    await store.close()
  }
  return { app, once, close }
}
