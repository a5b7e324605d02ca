/** A pool that joins: the application's own queries are the handler's transaction, unchanged. */
import pg from 'pg'
import { joiningPool, type PostgresPool } from 'post-once-exactly/stores/postgres'
import type { WriteOrder } from './app.js'

/** Makes the application's one pool: for its store, its queries, its ORM. */
export const openPool = (url: string): PostgresPool => {
  const pool = joiningPool(new pg.Pool({ connectionString: url }))
  return pool
}

/** Writes an order in a transaction of its own, as it would be written anywhere. */
export const writeWithPool =
  (pool: PostgresPool): WriteOrder =>
  async (_tx, sku) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const insert = 'INSERT INTO shop_orders (sku) VALUES ($1) RETURNING id'
      const { rows } = await client.query<{ id: number }>(insert, [sku])
      await client.query('COMMIT')
      return rows[0]?.id ?? 0
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }
