/**
 * The shop in a sqlite file: an order is written in the transaction that also makes its link
 * spent, so both are there or neither.
 */
import {
  type SqliteStore,
  type SqliteTransaction,
  sqliteStore,
} from 'post-once-exactly/stores/sqlite'
import { LIST_LIMIT, type Order, type OrderBook } from './orders.js'
import type { Storage } from './storage.js'

/** Numbers are never given twice, not even after an order was deleted. */
const TABLE = `
  CREATE TABLE IF NOT EXISTS shop_order (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sku TEXT NOT NULL,
    qty INTEGER NOT NULL CHECK (qty BETWEEN 1 AND 99),
    user TEXT NOT NULL,
    placed_at TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS shop_order_user ON shop_order (user, id);
`
const INSERT = 'INSERT INTO shop_order (sku, qty, user, placed_at) VALUES (?, ?, ?, ?)'
const SELECT = 'SELECT id, sku, qty, user, placed_at AS placedAt FROM shop_order WHERE user = ?'

/** Opens a file, and makes its table where it is absent. */
export async function openSqlite(file: string): Promise<Storage> {
  const store = sqliteStore(file)
  await store.write(db => db.exec(TABLE))
  return { store, book: fileBook(store), close: () => store.close() }
}

function fileBook(store: SqliteStore): OrderBook {
  return {
    transactional: true,
    async add(order, tx) {
      const { sku, qty, user, placedAt } = order
      const transaction = tx() as SqliteTransaction
      const { lastInsertRowid } = await transaction.run(INSERT, sku, qty, user, placedAt)
      return { id: Number(lastInsertRowid), ...order }
    },
    async list(user) {
      const newest = store.database.prepare(`${SELECT} ORDER BY id DESC LIMIT ${LIST_LIMIT}`)
      return newest.all(user) as Order[]
    },
    async find(id, user) {
      const one = store.database.prepare(`${SELECT} AND id = ?`)
      return (one.get(user, id) as Order | undefined) ?? null
    },
    async count() {
      return Number(store.database.prepare('SELECT count(*) FROM shop_order').pluck().get())
    },
  }
}
