/** An order by `pg` itself: `ctx.poe.tx` has `query` as a connection has it. */
import type { WriteOrder } from './app.js'

export const writeWithPg: WriteOrder = async (tx, sku) => {
  const insert = 'INSERT INTO shop_orders (sku) VALUES ($1) RETURNING id'
  const { rows } = await tx.query<{ id: number }>(insert, [sku])
  return rows[0]?.id ?? 0
}
