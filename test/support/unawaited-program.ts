/**
 * A shop whose handlers forget an `await` around statements that fail, as a process of its own:
 * nobody in it listens to rejections, so one that is not handled would end it. It prints what came
 * of each way, as JSON; with the argument `stranger` a rejection that has nothing to do with any
 * statement comes last.
 */
import { setTimeout as pause } from 'node:timers/promises'
import knex, { type Knex } from 'knex'
import type { RequestPoe } from 'post-once-exactly/koa'
import type { SqliteStore, SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { type JoinedShop, openJoinedShop } from './joined-shop.js'
import { startWorld } from './world.js'

/** What came of one order. */
export interface Ending {
  readonly status: number
  readonly rows: number
  readonly told: number
}

const [, , url = '', last] = process.argv
const endings: Record<string, Ending> = {}
const DOUBLE = "INSERT INTO shop_orders (sku) VALUES ('there')"
const ROWS = 'SELECT count(*) - 1 FROM shop_orders'
const STEPS = 20
const isTold = ({ type }: { readonly type: string }) => type === 'unawaited-statement'

if (url === 'sqlite') await onSqlite()
else await onPostgres(await openJoinedShop(url))
if (last === 'stranger') {
  void Promise.reject(new Error('a stranger'))
  await pause(50)
}
process.stdout.write(JSON.stringify(endings))
process.exit()

/** A function that does something of its own first, and whose second statement fails. */
async function inSteps(ask: (sql: string) => Promise<unknown>): Promise<void> {
  for (let step = 0; step < STEPS; step += 1) await null
  await ask("INSERT INTO shop_orders (sku) VALUES ('a part')")
  await ask(DOUBLE)
}

async function onPostgres(shop: JoinedShop): Promise<void> {
  const db = knex({ client: 'pg', connectionPool: shop.joined } as Knex.Config)
  const inTransaction = async () => {
    const client = await shop.joined.connect()
    try {
      await client.query('BEGIN')
      await client.query(DOUBLE)
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }
  const insert = async () => await db('shop_orders').insert({ sku: 'there' })
  const ways: Record<string, (tx: { query(sql: string): Promise<unknown> }) => unknown> = {
    'the transaction': tx => tx.query(DOUBLE),
    'a function around the transaction': async tx => await tx.query(DOUBLE),
    'steps of a function, at once': tx => inSteps(sql => tx.query(sql)),
    'the pool': () => shop.joined.query(DOUBLE),
    'a connection': async () => await inTransaction(),
    'an error of its own': () =>
      inTransaction().catch(() => Promise.reject(new Error('hidden by a tool'))),
    knex: () => insert(),
    'knex, in a transaction': () =>
      db.transaction(async trx => await trx('shop_orders').insert({ sku: 'there' })),
    'knex, late': () => void setTimeout(insert, 60),
  }
  for (const [name, forget] of Object.entries(ways)) {
    await shop.reset()
    await shop.pool.query(DOUBLE)
    shop.handler = async ctx => {
      await ctx.poe.tx.query("INSERT INTO shop_orders (sku) VALUES ('new')")
      void forget(ctx.poe.tx)
      if (!name.endsWith('at once')) await pause(30)
    }
    const { status } = await shop.order()
    await pause(60)
    const rows = (await shop.skus()).length - 1
    endings[name] = { status, rows, told: shop.events.filter(isTold).length }
  }
}

async function onSqlite(): Promise<void> {
  const builder = knex({ client: 'better-sqlite3', useNullAsDefault: true })
  const ways: Record<string, (tx: SqliteTransaction) => unknown> = {
    'the transaction': tx => tx.run(DOUBLE),
    'a function around the transaction': async tx => await tx.run(DOUBLE),
    'steps of a function, at once': tx => inSteps(sql => tx.run(sql)),
    knex: async tx => {
      const connection = await tx.connection()
      await builder('shop_orders').insert({ sku: 'there' }).connection(connection)
    },
    'knex, in a transaction': async tx => {
      const connection = await tx.connection()
      await builder.transaction(trx => trx('shop_orders').insert({ sku: 'there' }), { connection })
    },
  }
  for (const [name, forget] of Object.entries(ways)) {
    const world = await startWorld(
      { store: 'sqlite', koa: 3, at: 'root' },
      {
        resource: { transactional: true },
        async handler(ctx) {
          const { tx } = ctx.poe as RequestPoe<SqliteTransaction>
          await tx.run("INSERT INTO shop_orders (sku) VALUES ('new')")
          void forget(tx)
          // Nothing that takes time: that it failed shows at the commit only.
          ctx.status = 201
        },
      },
    )
    const store = world.store as unknown as SqliteStore
    await store.write(db => {
      db.exec(`CREATE TABLE shop_orders (sku TEXT UNIQUE); ${DOUBLE}`)
    })
    const { status } = await world.send('POST', await world.link(), { json: {} })
    const rows = Number(store.database.prepare(ROWS).pluck().get())
    endings[name] = { status, rows, told: world.events.filter(isTold).length }
    await world.close()
  }
}
