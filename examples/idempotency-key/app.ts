/**
 * Payments under keys of the client's making, one door for each profile. The payment is written in
 * the transaction in which its key becomes used.
 */
import { bodyParser } from '@koa/bodyparser'
import cors from '@koa/cors'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { corsFields, poe } from 'post-once-exactly/koa'
import type { SqliteStore, SqliteTransaction } from 'post-once-exactly/stores/sqlite'

const DAY_MS = 86_400_000
const TABLES = `
  CREATE TABLE IF NOT EXISTS payment (id INTEGER PRIMARY KEY, user TEXT, amount INTEGER) STRICT;
  CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT) STRICT;
`

/** Makes the application. */
export async function createApp(store: SqliteStore): Promise<Koa> {
  await store.write(db => db.exec(TABLES))
  const once = poe({ store, principal: ctx => ctx.get('X-User') })
  const router = new Router()
  const common = { transactional: true, documentation: '/help/keys' }

  const payment = once.idempotencyKey({
    name: 'payment',
    retentionMs: 7 * DAY_MS,
    transactional: true,
  })
  router.post('/payments', payment, bodyParser(), pay)
  once.policy(router, '/policy')

  const charge = once.idempotencyKey({ name: 'charge', profile: 'stripe', ...common })
  router.post('/v1/charges', charge, bodyParser(), pay)

  const transfer = once.idempotencyKey({
    name: 'transfer',
    profile: 'repeatable-requests',
    fingerprint: ['/amount', '/to'],
    ...common,
  })
  router.post('/transfers', transfer, bodyParser(), pay)

  const note = once.idempotencyKey({
    name: 'note',
    required: false,
    fingerprint: 'semantic',
    retentionMs: DAY_MS,
  })
  router.post('/notes', note, bodyParser(), ctx => addNote(ctx, store))
  router.post('/reports', once.refuseRepeatability(), ctx => {
    ctx.status = 202
  })

  const app = new Koa()
  app.use(
    cors({
      ...corsFields,
      origin: 'https://shop.example',
    }),
  )
  app.use(once.middleware())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return app
}

async function pay(ctx: Context): Promise<void> {
  const amount = Number((ctx.request.body as { amount?: unknown }).amount)
  if (!Number.isSafeInteger(amount) || amount <= 0) ctx.throw(422, 'amount: a whole number')
  const tx = ctx.poe.tx as SqliteTransaction
  const insert = 'INSERT INTO payment (user, amount) VALUES (?, ?)'
  const { lastInsertRowid } = await tx.run(insert, ctx.get('X-User'), amount)
  ctx.status = 201
  ctx.set('Location', `/payments/${lastInsertRowid}`)
  ctx.body = { id: Number(lastInsertRowid), amount }
}

/** Without a key there is no claim, and no transaction either. */
async function addNote(ctx: Context, store: SqliteStore): Promise<void> {
  const { text } = ctx.request.body as { text: string }
  await store.write(db => db.prepare('INSERT INTO note (text) VALUES (?)').run(text))
  ctx.status = 201
  ctx.body = { text }
}
