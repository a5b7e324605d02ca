/**
 * The shop in PostgreSQL: an order is written in the transaction that also makes its link spent,
 * so both are there or neither, whichever process or server dies.
 */
import pg from 'pg'
import { type PostgresTransaction, postgresStore } from 'post-once-exactly/stores/postgres'
import { LIST_LIMIT, type Order, type OrderBook } from './orders.js'
import type { Storage } from './storage.js'

/** How long a query of the shop's own may take, in milliseconds: then the answer is 503. */
const QUERY_MS = 3_000

/** Several shops may start at once: the first makes the table, the others wait for it. */
const TABLE = `
  BEGIN;
  SELECT pg_advisory_xact_lock(hashtext('shop_order'));
  CREATE TABLE IF NOT EXISTS shop_order (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL,
    qty integer NOT NULL CHECK (qty BETWEEN 1 AND 99),
    "user" text NOT NULL,
    placed_at text NOT NULL
  );
  CREATE INDEX IF NOT EXISTS shop_order_user ON shop_order ("user", id);
  COMMIT`
const INSERT =
  'INSERT INTO shop_order (sku, qty, "user", placed_at) VALUES ($1, $2, $3, $4) RETURNING id'
const SELECT = `
  SELECT id::float8 AS id, sku, qty, "user", placed_at AS "placedAt"
  FROM shop_order WHERE "user" = $1`

/** Connects, and makes schema and table where they are absent. */
export async function openPostgres(url: string): Promise<Storage> {
  const pool = new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    query_timeout: QUERY_MS,
  })
  const store = postgresStore({ pool })
  const close = async () => {
    await store.close()
    await pool.end()
  }
  try {
    await store.migrate()
    await pool.query(TABLE)
  } catch (error) {
    await close()
    throw error
  }
  return { store, book: tableBook(pool), close }
}

function tableBook(pool: pg.Pool): OrderBook {
  return {
    transactional: true,
    async add(order, tx) {
      const { sku, qty, user, placedAt } = order
      const transaction = tx() as PostgresTransaction
      const { rows } = await transaction.query(INSERT, [sku, qty, user, placedAt])
      return { id: Number(rows[0]?.id), ...order }
    },
    async list(user) {
      const newest = `${SELECT} ORDER BY id DESC LIMIT ${LIST_LIMIT}`
      return (await pool.query<Order>(newest, [user])).rows
    },
    async find(id, user) {
      return (await pool.query<Order>(`${SELECT} AND id = $2`, [user, id])).rows[0] ?? null
    },
    async count() {
      const { rows } = await pool.query('SELECT count(*)::float8 AS count FROM shop_order')
      return Number(rows[0]?.count)
    },
  }
}
