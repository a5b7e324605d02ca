/**
 * Stores on the shared servers for tests with several processes: each has a name of its own.
 */
import { postgresMigrationSql } from 'post-once-exactly/stores/postgres'
import type { ServerStore } from './server-program.js'
import { sharedPostgres } from './servers/postgres-server.js'
import { sharedRedis } from './servers/redis-server.js'

let stores = 0

/** Makes a schema or a prefix of its own, with a table for effects where there are tables. */
export async function emptyServerStore(kind: 'postgres' | 'redis'): Promise<ServerStore> {
  stores += 1
  const name = `s${process.pid}_${stores}`
  if (kind === 'redis') return { kind, name, url: (await sharedRedis()).url }
  const { url, query } = await sharedPostgres()
  await query(postgresMigrationSql(name))
  await query(`CREATE TABLE ${name}.effect (key text NOT NULL)`)
  return { kind, name, url }
}
