/** An order by Knex: `connection(tx)` makes one query run where the link becomes spent. */
import knex from 'knex'
import type { WriteOrder } from './app.js'

const builder = knex({ client: 'pg' })

export const writeWithKnex: WriteOrder = async (tx, sku) => {
  const insert = builder('shop_orders').insert({ sku }).returning('id').connection(tx)
  const rows = (await insert) as { id: number }[]
  return rows[0]?.id ?? 0
}
