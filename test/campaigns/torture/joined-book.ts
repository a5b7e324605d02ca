/** A book of orders that Knex writes, as an application does that knows nothing of `ctx.poe.tx`. */
import knex from 'knex'
import pg from 'pg'
import type { Order, OrderBook } from '../../../examples/shop/orders.js'
import { joiningPool } from '../../../lib/stores/postgres.js'

/**
 * Writes by Knex what a book writes by the transaction.
 *
 * @param joins - whether its pool joins; one that does not is the planted fault
 */
export function joinedBook(book: OrderBook, url: string, joins: boolean): OrderBook {
  const pool = new pg.Pool({ connectionString: url, query_timeout: 3_000 })
  pool.on('error', () => {})
  const db = knex({ client: 'pg', connectionPool: joins ? joiningPool(pool) : pool })
  return {
    ...book,
    add: order =>
      db.transaction(async trx => {
        const { sku, qty, user, placedAt: placed_at } = order
        const row = { sku, qty, user, placed_at }
        // What is undone inside takes nothing with it.
        await trx
          .transaction(async inner => {
            await inner('shop_order').insert(row)
            throw new Error('undo this')
          })
          .catch((error: Error) => {
            if (error.message !== 'undo this') throw error
          })
        const [written] = (await trx('shop_order').insert(row).returning('id')) as [{ id: string }]
        return { id: Number(written.id), ...order } satisfies Order
      }),
  }
}
