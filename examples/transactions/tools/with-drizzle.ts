/** Drizzle: `drizzle()` takes the pool. */
import { drizzle } from 'drizzle-orm/node-postgres'
import { pgTable, serial, text } from 'drizzle-orm/pg-core'
import { fail, type OpenTool, undone } from './tool.js'

const orders = pgTable('shop_orders', { id: serial().primaryKey(), sku: text() })

export const open: OpenTool = pool => {
  const db = drizzle(pool)
  return {
    insert: sku => db.insert(orders).values({ sku }),
    transaction: (skus, last) =>
      db.transaction(async trx => {
        for (const sku of skus) await trx.insert(orders).values({ sku })
        last()
      }),
    nested: (kept, sku) =>
      db.transaction(async trx => {
        await trx.insert(orders).values({ sku: kept })
        const inner = trx.transaction(async innermost => {
          await innermost.insert(orders).values({ sku })
          fail()
        })
        await inner.catch(undone)
      }),
    forget: sku => void db.insert(orders).values({ sku }),
    isEager: false,
    close: async () => {},
  }
}
