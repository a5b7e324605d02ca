/**
 * What the campaigns share: the way to end one early, and the orders that are in a shop's database.
 */
import Database from 'better-sqlite3'

/** The first interrupt ends the work, and what there is is judged; the second one ends it all. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130)
    console.error('\nEnding early: what there is is judged now; once more leaves at once.')
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return controller.signal
}

/** The skus of all orders, from the sqlite file of a shop. */
export function ordersIn(file: string): string[] {
  const database = new Database(file, { readonly: true })
  try {
    return database.prepare('SELECT sku FROM shop_order').pluck().all() as string[]
  } finally {
    database.close()
  }
}
