/**
 * The shop in PostgreSQL: an order is written in the transaction that also makes its link spent,
 * so both are there or neither, whichever process or server dies.
 */
import pg from 'pg'
import { type PostgresTransaction, postgresStore } from 'post-once-exactly/stores/postgres'
import { LIST_LIMIT, type Order, type OrderBook } from './orders.js'
import type { SideBook, Stock } from './side-book.js'
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
  CREATE TABLE IF NOT EXISTS shop_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    "user" text NOT NULL,
    name text UNIQUE,
    content text NOT NULL
  );
  CREATE INDEX IF NOT EXISTS shop_entry_kind ON shop_entry (kind);
  CREATE TABLE IF NOT EXISTS shop_stock (
    sku text PRIMARY KEY,
    quantity integer NOT NULL CHECK (quantity >= 0),
    version integer NOT NULL
  );
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
  return { store, book: tableBook(pool), side: sideBook(pool), close }
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

const INSERT_ENTRY =
  'INSERT INTO shop_entry (kind, "user", name, content) VALUES ($1, $2, $3, $4) RETURNING id'
const SELECT_STOCK = 'SELECT quantity, version FROM shop_stock WHERE sku = $1'
const CHANGE_STOCK = `
  INSERT INTO shop_stock AS s (sku, quantity, version) VALUES ($1, $2, 1)
  ON CONFLICT (sku) DO UPDATE
  SET quantity = s.quantity + excluded.quantity, version = s.version + 1
  RETURNING quantity, version`

function sideBook(pool: pg.Pool): SideBook {
  return {
    async add(entry, tx) {
      const { kind, user, name, content } = entry
      const values = [kind, user, name, JSON.stringify(content)]
      const { rows } = await (tx() as PostgresTransaction).query(INSERT_ENTRY, values)
      return { id: Number(rows[0]?.id), ...entry }
    },
    async remove(kind, name, tx) {
      const sql = 'DELETE FROM shop_entry WHERE kind = $1 AND name = $2'
      await (tx() as PostgresTransaction).query(sql, [kind, name])
    },
    async find(kind, id, user) {
      const sql = 'SELECT content FROM shop_entry WHERE kind = $1 AND id = $2 AND "user" = $3'
      const { rows } = await pool.query<{ content: string }>(sql, [kind, id, user])
      const content = rows[0]?.content
      return content === undefined
        ? null
        : { id, kind, user, name: null, content: JSON.parse(content) }
    },
    async count(kind) {
      const sql = 'SELECT count(*)::float8 AS count FROM shop_entry WHERE kind = $1'
      return Number((await pool.query(sql, [kind])).rows[0]?.count)
    },
    async stock(sku, tx) {
      const db = tx === null ? pool : (tx as PostgresTransaction)
      const locked = tx === null ? SELECT_STOCK : `${SELECT_STOCK} FOR UPDATE`
      const { rows } = await db.query(locked, [sku])
      return (rows[0] as Stock | undefined) ?? { quantity: 0, version: 0 }
    },
    async addStock(sku, add, tx) {
      const { rows } = await (tx() as PostgresTransaction).query(CHANGE_STOCK, [sku, add])
      return rows[0] as unknown as Stock
    },
  }
}
