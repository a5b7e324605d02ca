/**
 * Opens the store that a shop uses, for the shop and for whoever looks after it.
 */
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Store } from 'post-once-exactly'
import { postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'

/** An open store, and how everything that was opened for it is closed. */
export interface OpenStore {
  readonly store: Store<unknown>
  close(): Promise<void>
}

/** Opens a store by its URL: `sqlite:<file>`, `redis://...` or `postgres://...`. */
export async function openStore(url: string): Promise<OpenStore> {
  const file = /^sqlite:(.+)$/.exec(url)?.[1]
  if (file !== undefined) {
    const store = sqliteStore(file)
    return { store, close: () => store.close() }
  }
  if (url.startsWith('redis:')) {
    const client = new Redis(url, { socketTimeout: 5_000 })
    await client.ping()
    const store = redisStore({ client })
    return { store, close: async () => client.disconnect() }
  }
  const pool = new pg.Pool({ connectionString: url })
  const store = postgresStore({ pool })
  await store.migrate()
  const close = async () => {
    await store.close()
    await pool.end()
  }
  return { store, close }
}
