/** Knex on sqlite: a query, and Knex's own transaction, where the link becomes spent. */
import knex from 'knex'

const builder = knex({ client: 'better-sqlite3', useNullAsDefault: true })

/** @type {import('./tool.js').Write} */
export const write = async (tx, sku) => {
  const connection = await tx.connection()
  const [row] = await builder('shop_orders').insert({ sku }).returning('id').connection(connection)
  return row.id
}

/** @type {import('./tool.js').Nest} */
export const nest = async (tx, work) => {
  const connection = await tx.connection()
  await builder.transaction(trx => work(sku => trx('shop_orders').insert({ sku })), { connection })
}
