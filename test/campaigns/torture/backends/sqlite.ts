/** Links and orders in one sqlite file, which the shops share: there is no server to kill. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { OrderRow } from '../history.js'
import type { Backend } from './backend.js'

/** A handler that dwells holds the file's write lock, and everybody else waits. */
const DWELL_MS = 6

/** Makes an empty folder for the file. */
export function sqliteBackend(): Backend {
  const folder = mkdtempSync(join(tmpdir(), 'poe-torture-'))
  const file = join(folder, 'shop.db')
  return {
    title: 'sqlite',
    isExternal: false,
    mayForget: false,
    dwellMs: DWELL_MS,
    server: null,
    ledger: null,
    storeSetting: () => `sqlite:${file}`,
    orders: async () => readOrders(file),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Reads a file's orders as another program would. */
export function readOrders(file: string): OrderRow[] {
  const db = new Database(file, { timeout: 5_000 })
  try {
    return db.prepare('SELECT id, sku, qty, user FROM shop_order').all() as OrderRow[]
  } finally {
    db.close()
  }
}
