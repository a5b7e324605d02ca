/** Objection on sqlite: models work in a transaction of Knex, which is a savepoint here. */
import knex from 'knex'
import { Model } from 'objection'

const builder = knex({ client: 'better-sqlite3', useNullAsDefault: true })

class Order extends Model {
  static tableName = 'shop_orders'
}

/** @type {import('./tool.js').Write} */
export const write = async (tx, sku) => {
  const connection = await tx.connection()
  const order = await builder.transaction(trx => Order.query(trx).insert({ sku }), { connection })
  return order.id
}

/** @type {import('./tool.js').Nest} */
export const nest = async (tx, work) => {
  const connection = await tx.connection()
  await builder.transaction(trx => work(sku => Order.query(trx).insert({ sku })), { connection })
}
