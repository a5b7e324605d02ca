/** Orders as an effect out in the world: a file that no store knows of. */
import Database from 'better-sqlite3'
import type { OrderBook } from '../../../examples/shop/orders.js'

const TABLE = `
  CREATE TABLE IF NOT EXISTS shop_order (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sku TEXT NOT NULL,
    qty INTEGER NOT NULL,
    user TEXT NOT NULL
  ) STRICT`
const INSERT = 'INSERT INTO shop_order (sku, qty, user) VALUES (?, ?, ?)'

/** Opens the ledger; an order is in it, or it is not, whatever is killed. */
export function ledgerBook(file: string): OrderBook {
  const db = new Database(file, { timeout: 5_000 })
  db.pragma('journal_mode = WAL')
  db.exec(TABLE)
  return {
    transactional: false,
    async add(order) {
      const { lastInsertRowid } = db.prepare(INSERT).run(order.sku, order.qty, order.user)
      return { id: Number(lastInsertRowid), ...order }
    },
    list: async () => [],
    find: async () => null,
    count: async () => Number(db.prepare('SELECT count(*) FROM shop_order').pluck().get()),
  }
}
