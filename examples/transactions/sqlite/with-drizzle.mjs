/** Drizzle on sqlite: in `use`, which is synchronous as Drizzle is here, or on the connection. */
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

const orders = sqliteTable('shop_orders', {
  id: integer().primaryKey(),
  sku: text().notNull(),
})

/** @type {import('./tool.js').Write} */
export const write = (tx, sku) =>
  tx.use(db => drizzle(db).insert(orders).values({ sku }).returning().get().id)

/** @type {import('./tool.js').Nest} */
export const nest = async (tx, work) => {
  const db = drizzle(await tx.connection())
  // Drizzle's own transaction is synchronous: nothing in it may be awaited.
  const skus = []
  await work(async sku => void skus.push(sku))
  db.transaction(inner => {
    for (const sku of skus) inner.insert(orders).values({ sku }).run()
  })
}
