/** Objection: its models are bound to a Knex that has the pool. */
import knex from 'knex'
import { Model, type TransactionOrKnex, transaction } from 'objection'
import { fail, type OpenTool, undone } from './tool.js'

export const open: OpenTool = pool => {
  const db = knex({ client: 'pg', connectionPool: pool })
  class Order extends Model {
    static override tableName = 'shop_orders'
  }
  Order.knex(db)
  const insert = (sku: string, by?: TransactionOrKnex) => Order.query(by).insert({ sku } as object)
  return {
    insert: async sku => await insert(sku),
    transaction: (skus, last) =>
      Order.transaction(async trx => {
        for (const sku of skus) await insert(sku, trx)
        last()
      }),
    nested: (kept, sku) =>
      Order.transaction(async trx => {
        await insert(kept, trx)
        const inner = transaction(trx, async innermost => {
          await insert(sku, innermost)
          fail()
        })
        await inner.catch(undone)
      }),
    forget: sku => void insert(sku),
    isEager: false,
    close: () => db.destroy(),
  }
}
