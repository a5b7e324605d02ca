/**
 * Order and payment: the order is written in the transaction of its link, and with it the promise
 * to charge the card. A worker keeps the promise, and the payment provider knows by the key what it
 * has done already.
 */
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import {
  type Delivered,
  type OutboxWorker,
  PermanentError,
  type Poe,
  type PoeEvent,
  poe,
  type RequestPoe,
} from 'post-once-exactly/koa'
import { type SqliteTransaction, sqliteStore } from 'post-once-exactly/stores/sqlite'

/** What is to be charged. */
interface Charge {
  readonly order: number
  readonly cents: number
}

declare module 'post-once-exactly/koa' {
  interface OutboxMessages {
    charge: Charge
  }
}

/** The shop, and its worker, which another process could have just as well. */
export interface Shop {
  readonly app: Koa
  readonly once: Poe<SqliteTransaction>
  readonly worker: OutboxWorker
  /** Numbers of orders, and whether they are paid. */
  orders(): readonly { readonly id: number; readonly paid: number }[]
  close(): Promise<void>
}

/**
 * Makes the shop.
 *
 * @param file - the database
 * @param provider - where cards are charged
 */
export async function openShop(
  file: string,
  provider: string,
  onEvent?: (event: PoeEvent) => void,
): Promise<Shop> {
  const store = sqliteStore(file)
  await store.write(db => {
    db.exec('CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, paid INTEGER DEFAULT 0)')
  })
  const once = poe({ store, principal: ctx => ctx.get('X-User') || 'guest', onEvent })
  const router = new Router()
  router.get('/basket', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })

  const order = { name: 'order', path: '/orders/once/:token', transactional: true }
  once.resource(router, order, async ctx => {
    const { cents } = ctx.request.body as { cents: number }
    const { tx } = ctx.poe as RequestPoe<SqliteTransaction>
    const { lastInsertRowid } = await tx.run('INSERT INTO orders DEFAULT VALUES')
    const id = Number(lastInsertRowid)
    await ctx.poe.later('charge', { order: id, cents })
    if (cents < 1) ctx.throw(422, 'nothing to pay')
    ctx.status = 201
    ctx.set('Location', `/orders/${id}`)
  })

  const charge = async ({ key, payload, signal }: Delivered<Charge>) => {
    const response = await fetch(provider, {
      method: 'POST',
      headers: { 'Idempotency-Key': key, 'Content-Type': 'application/json' },
      body: JSON.stringify({ amount: payload.cents }),
      signal,
    })
    if (response.status === 402) throw new PermanentError('The card was declined.')
    if (!response.ok) throw new Error(`The provider says ${response.status}.`)
    await store.write(db => {
      db.prepare('UPDATE orders SET paid = 1 WHERE id = ?').run(payload.order)
    })
  }
  const worker = once.worker({ charge }, { firstRetryMs: 100 })
  worker.start()

  const app = new Koa()
  app.use(bodyParser())
  app.use(once.middleware())
  app.use(router.routes())
  return {
    app,
    once,
    worker,
    orders: () => store.database.prepare('SELECT id, paid FROM orders').all() as [],
    close: async () => {
      await once.close()
      await store.close()
    },
  }
}
