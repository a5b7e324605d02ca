/**
 * A shop or a worker in a process of its own, to be killed. Its argument is {@link ProgramSettings}
 * as JSON; it prints `{"port":n}` when it is ready, and then each event of the outbox, a line each.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import pg from 'pg'
import { anyone, type Poe, type PoeEvent, poe } from 'post-once-exactly/koa'
import { type PostgresTransaction, postgresStore } from 'post-once-exactly/stores/postgres'
import { type SqliteTransaction, sqliteStore } from 'post-once-exactly/stores/sqlite'
import type { Delivered } from '../../../lib/engine/outbox/delivery.js'
import type { Store } from '../../../lib/engine/store.js'
import { endsForAnybody, takesWithoutLease } from '../../stores/broken/loose-transactions.js'
import type { ServerStore } from '../../support/server-program.js'

/** What is broken on purpose: messages are taken without a lease, or ended by anybody. */
export type Plant = 'lease' | 'fence'

/** What the program is told. */
export interface ProgramSettings {
  readonly role: 'shop' | 'worker'
  /** The sqlite file; not used where there is a server. */
  readonly file: string
  readonly server: ServerStore | null
  /** Where the payment provider is. */
  readonly provider: string
  readonly plant: Plant | null
}

const settings = JSON.parse(process.argv[2] ?? '{}') as ProgramSettings
const { server } = settings

function openStore(): Store<unknown> {
  if (server !== null) {
    const pool = new pg.Pool({ connectionString: server.url, max: 4 })
    return postgresStore({ pool, schema: server.name, connections: 2 }) as Store<unknown>
  }
  const store = sqliteStore(settings.file)
  if (settings.plant === 'fence') return endsForAnybody(store) as Store<unknown>
  if (settings.plant === 'lease') return endsForAnybody(takesWithoutLease(store)) as Store<unknown>
  return store as Store<unknown>
}

async function writeOrder(tx: unknown, key: string, message: string): Promise<void> {
  if (server === null) {
    const sql = 'INSERT INTO orders (key, message) VALUES (?, ?)'
    await (tx as SqliteTransaction).run(sql, key, message)
  } else {
    const sql = `INSERT INTO ${server.name}.orders (key, message) VALUES ($1, $2)`
    await (tx as PostgresTransaction).query(sql, [key, message])
  }
}

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

function note(event: PoeEvent): void {
  if (!event.type.startsWith('outbox-')) return
  const { cause: _, ...rest } = { cause: null, ...event }
  say(rest)
}

/** At odd attempts it does not listen to its signal: then it says late that it is delivered. */
async function charge({ key, payload, attempt, signal }: Delivered): Promise<void> {
  const response = await fetch(settings.provider, {
    method: 'POST',
    headers: { 'Idempotency-Key': key, 'X-Attempt': `${attempt}`, 'X-Worker': `${process.pid}` },
    body: JSON.stringify(payload),
    signal: attempt % 2 === 0 ? signal : null,
  })
  if (!response.ok) throw new Error(`The provider says ${response.status}.`)
}

function serveShop(once: Poe<unknown>): void {
  const app = new Koa()
  app.silent = true
  app.use(bodyParser())
  app.use(once.middleware())
  const router = new Router()
  router.get('/link', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  const order = { name: 'order', path: '/orders/once/:token', transactional: true }
  once.resource(router, order, async ctx => {
    const { key, tx } = ctx.poe
    const message: string = await Reflect.apply(ctx.poe.later, ctx.poe, ['charge', { order: key }])
    await writeOrder(tx, key, message)
    await pause(Math.random() * 20)
    // What was promised must be undone with the order.
    if (Math.random() < 0.2) throw new Error('broken')
    ctx.status = 201
    ctx.body = { key }
  })
  app.use(router.routes())
  const listening = createServer(app.callback())
  listening.listen(0, '127.0.0.1', () => say({ port: (listening.address() as AddressInfo).port }))
}

const once = poe<unknown>({
  ...{ store: openStore(), principal: anyone, leaseMs: 1_000, waitMs: 500, onEvent: note },
})
if (settings.role === 'shop') serveShop(once)
else {
  const handlers: object = { charge }
  const worker = once.worker(handlers, {
    ...{ pollMs: 50, concurrency: 4, firstRetryMs: 50, longestRetryMs: 400, maxAttempts: 10_000 },
  })
  worker.start()
  say({ port: 0 })
}
