/**
 * Whether a pool is busy: all its connections are in somebody's hands. That is no outage: whoever
 * wants one waits as it would at the pool itself.
 */
import type { PostgresClient, PostgresPool } from './driver.js'

/** The connections of each pool that are in somebody's hands. */
const lent = new WeakMap<PostgresPool, Set<PostgresClient>>()

/** Begins to note which connections of a pool are handed out. Harmless to repeat. */
export function watchPool(pool: PostgresPool): void {
  if (lent.has(pool)) return
  const clients = new Set<PostgresClient>()
  lent.set(pool, clients)
  pool.on('acquire', client => clients.add(client))
  pool.on('release', (_error, client) => clients.delete(client))
  pool.on('remove', client => clients.delete(client as PostgresClient))
}

/**
 * Whether a pool has no room for another connection, and all it has are handed out. Those that are
 * still being made count as none: their server may be gone.
 *
 * @param pool - one that is watched
 */
export function isBusy(pool: PostgresPool): boolean {
  return (lent.get(pool)?.size ?? 0) >= (pool.options.max ?? Number.POSITIVE_INFINITY)
}
