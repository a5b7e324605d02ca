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
import type { SideBook, Stock } from './side-book.js'
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
  CREATE TABLE IF NOT EXISTS shop_entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    user TEXT NOT NULL,
    name TEXT UNIQUE,
    content TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS shop_entry_kind ON shop_entry (kind);
  CREATE TABLE IF NOT EXISTS shop_stock (
    sku TEXT PRIMARY KEY,
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    version INTEGER NOT NULL
  ) STRICT;
`
const INSERT = 'INSERT INTO shop_order (sku, qty, user, placed_at) VALUES (?, ?, ?, ?)'
const SELECT = 'SELECT id, sku, qty, user, placed_at AS placedAt FROM shop_order WHERE user = ?'

/** Opens a file, and makes its table where it is absent. */
export async function openSqlite(file: string): Promise<Storage> {
  const store = sqliteStore(file)
  await store.write(db => db.exec(TABLE))
  return { store, book: fileBook(store), side: sideBook(store), close: () => store.close() }
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

const INSERT_ENTRY = 'INSERT INTO shop_entry (kind, user, name, content) VALUES (?, ?, ?, ?)'
const SELECT_STOCK = 'SELECT quantity, version FROM shop_stock WHERE sku = ?'
const CHANGE_STOCK = `
  INSERT INTO shop_stock (sku, quantity, version) VALUES (?, ?, 1)
  ON CONFLICT (sku) DO UPDATE
  SET quantity = quantity + excluded.quantity, version = version + 1`

function sideBook(store: SqliteStore): SideBook {
  const stockIn = async (sku: string, tx: SqliteTransaction | null): Promise<Stock> => {
    const found = tx
      ? await tx.get(SELECT_STOCK, sku)
      : store.database.prepare(SELECT_STOCK).get(sku)
    return (found as Stock | undefined) ?? { quantity: 0, version: 0 }
  }
  return {
    async add(entry, tx) {
      const { kind, user, name, content } = entry
      const values = [kind, user, name, JSON.stringify(content)]
      const { lastInsertRowid } = await (tx() as SqliteTransaction).run(INSERT_ENTRY, ...values)
      return { id: Number(lastInsertRowid), ...entry }
    },
    async remove(kind, name, tx) {
      const transaction = tx() as SqliteTransaction
      await transaction.run('DELETE FROM shop_entry WHERE kind = ? AND name = ?', kind, name)
    },
    async find(kind, id, user) {
      const one = store.database.prepare(
        'SELECT content FROM shop_entry WHERE kind = ? AND id = ? AND user = ?',
      )
      const content = one.pluck().get(kind, id, user) as string | undefined
      return content === undefined
        ? null
        : { id, kind, user, name: null, content: JSON.parse(content) }
    },
    async count(kind) {
      const all = store.database.prepare('SELECT count(*) FROM shop_entry WHERE kind = ?')
      return Number(all.pluck().get(kind))
    },
    stock: (sku, tx) => stockIn(sku, tx as SqliteTransaction | null),
    async addStock(sku, add, tx) {
      const transaction = tx() as SqliteTransaction
      await transaction.run(CHANGE_STOCK, sku, add)
      return await stockIn(sku, transaction)
    },
  }
}
