/** Kysely on sqlite: an instance that lasts as long as the transaction. */
import { Kysely, SqliteDialect } from 'kysely'

const open = async tx =>
  new Kysely({ dialect: new SqliteDialect({ database: await tx.connection() }) })

/** @type {import('./tool.js').Write} */
export const write = async (tx, sku) => {
  const db = await open(tx)
  const insert = db.insertInto('shop_orders').values({ sku }).returning('id')
  return (await insert.executeTakeFirstOrThrow()).id
}

/** @type {import('./tool.js').Nest} */
export const nest = async (tx, work) => {
  const db = await open(tx)
  const insert = (trx, sku) => trx.insertInto('shop_orders').values({ sku }).execute()
  await db.transaction().execute(trx => work(sku => insert(trx, sku)))
}
