/**
 * A shop on PostgreSQL whose handlers write through a joining pool, for tests that look at what is
 * left in the database.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import pg from 'pg'
import { type Poe, type PoeEvent, poe, type ResourceOptions } from 'post-once-exactly/koa'
import {
  joiningPool,
  type PostgresStoreOptions,
  type PostgresTransaction,
  postgresStore,
} from 'post-once-exactly/stores/postgres'
import { sharedPostgres } from './servers/postgres-server.js'

/** What a handler does; what it throws is the answer. */
export type ShopHandler = (
  ctx: Context & { readonly poe: { readonly tx: PostgresTransaction } },
) => unknown

/** What differs from the plain shop. */
export interface JoinedShopOptions {
  /** How many connections the shop's pool has. Default 4. */
  readonly connections?: number
  /** The driver. Default: this package's. */
  readonly driver?: typeof pg
  /** Default: the package's. */
  readonly leaseMs?: number
  readonly store?: Partial<PostgresStoreOptions>
  readonly resource?: Partial<ResourceOptions>
}

/** An answer, read. */
export interface Answer {
  readonly status: number
  readonly text: string
}

/** A running shop. */
export interface JoinedShop {
  /** The plain pool. */
  readonly pool: pg.Pool
  readonly joined: pg.Pool
  readonly once: Poe<PostgresTransaction>
  readonly base: string
  readonly events: PoeEvent[]
  /** What the application's log got. */
  readonly errors: unknown[]
  /** What the handler of the next POSTs does. */
  handler: ShopHandler
  /** Gets a link and posts to it. */
  order(body?: object): Promise<Answer>
  link(): Promise<string>
  post(link: string, body?: object): Promise<Answer>
  /** The skus that were committed, in their order. */
  skus(): Promise<string[]>
  /** How many links are spent. */
  spent(): Promise<number>
  /** Empties the shop. */
  reset(): Promise<void>
  close(): Promise<void>
}

/** The URL of a new database of this process. */
export async function freshDatabase(name: string): Promise<string> {
  const { query, url } = await sharedPostgres()
  const full = `joined_${name}_${process.pid}`
  await query(`DROP DATABASE IF EXISTS ${full} WITH (FORCE)`)
  await query(`CREATE DATABASE ${full}`)
  return url.replace(/\w+$/, full)
}

/** Opens a shop in a database; its table is made where it is not there. */
export async function openJoinedShop(
  url: string,
  options: JoinedShopOptions = {},
): Promise<JoinedShop> {
  const admin = new pg.Pool({ connectionString: url, max: 1 })
  await admin.query(
    'CREATE TABLE IF NOT EXISTS shop_orders (id serial PRIMARY KEY, sku text UNIQUE)',
  )
  const { Pool } = options.driver ?? pg
  const pool = new Pool({ connectionString: url, max: options.connections ?? 4 })
  const store = postgresStore({ pool, ...options.store })
  await store.migrate()
  const [events, errors]: [PoeEvent[], unknown[]] = [[], []]
  const onEvent = (event: PoeEvent) => events.push(event)
  const once = poe({ store, principal: () => 'guest', onEvent, leaseMs: options.leaseMs })
  const app = new Koa()
  app.silent = true
  app.on('error', error => errors.push(error))
  const router = new Router()
  router.get('/page', ctx => {
    ctx.body = ctx.poe.link('order')
  })
  const resource = { name: 'order', path: '/orders/:token', transactional: true }
  once.resource(router, { ...resource, ...options.resource }, async ctx => {
    await shop.handler(ctx as never)
    if (ctx.status === 404) ctx.status = 201
  })
  app.use(bodyParser()).use(once.middleware()).use(router.routes())
  const server = createServer(app.callback())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const shop: JoinedShop = {
    ...{ pool, once, base, events, errors },
    joined: joiningPool(pool),
    handler: () => {},
    link: async () => await (await fetch(`${base}/page`)).text(),
    async post(link, body = {}) {
      const init = { method: 'POST', body: JSON.stringify(body) }
      const headers = { 'Content-Type': 'application/json' }
      const answer = await fetch(new URL(link, base), { ...init, headers })
      return { status: answer.status, text: await answer.text() }
    },
    order: async body => await shop.post(await shop.link(), body),
    async skus() {
      const { rows } = await admin.query('SELECT sku FROM shop_orders ORDER BY id')
      return rows.map(({ sku }) => String(sku))
    },
    async spent() {
      const { rows } = await admin.query('SELECT 1 FROM poe.record WHERE head IS NOT NULL')
      return rows.length
    },
    async reset() {
      await admin.query('TRUNCATE shop_orders; DELETE FROM poe.record')
      events.splice(0)
      errors.splice(0)
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await once.close({ graceMs: 100 })
      await store.close()
      await Promise.all([pool.end(), admin.end()])
    },
  }
  return shop
}
