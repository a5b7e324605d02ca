/** An order by Drizzle: a database that is made of `ctx.poe.tx` and lasts as long as it. */
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'

/** @type {(tx: object, sku: string) => Promise<number>} */
export const writeWithDrizzle = async (tx, sku) => {
  const db = drizzle(tx)
  const { rows } = await db.execute(sql`INSERT INTO shop_orders (sku) VALUES (${sku}) RETURNING id`)
  return rows[0].id
}
