/**
 * A handler that writes by `tx` and then through a connection of its own, twice: what its write
 * gets, and what the process warns of. Its argument is the file.
 */
import Database from 'better-sqlite3'
import { sqliteStore } from '../../../lib/stores/sqlite.js'
import { claimState } from './claims.js'

const file = process.argv[2] ?? ''
const store = sqliteStore({ file, txMaxMs: 200 })
await store.write(db => void db.exec('CREATE TABLE orders (sku TEXT)'))
const own = new Database(file, { timeout: 1_500 })
let outside = ''
for (const link of ['one', 'two']) {
  await claimState(store, link, { owner: 'o' })
  const transaction = store.transaction(link, 'o')
  await transaction.handle.run("INSERT INTO orders VALUES ('tea')")
  try {
    own.prepare("INSERT INTO orders VALUES ('outside')").run()
  } catch (error) {
    outside = (error as { readonly code: string }).code
  }
  await transaction.rollback()
}
const rows = store.database.prepare('SELECT count(*) FROM orders').pluck().get()
own.close()
await store.close()
process.stdout.write(JSON.stringify({ outside, rows }))
