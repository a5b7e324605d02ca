/**
 * The servers that the processes of one test run share: started by the runner, found by its
 * environment. Each process has a database of its own on them.
 */

import { strippedTree } from '../stripped-tree.js'
import { startPostgres } from './postgres-server.js'
import { areInstalled, findProgram } from './programs.js'
import { startRedis } from './redis-server.js'

export { findProgram }

/** What the runner gives to its processes, and ends after them. */
export interface SharedServers {
  readonly env: Readonly<Record<string, string>>
  remove(): Promise<void>
}

/** Starts what is installed. */
export async function startShared(): Promise<SharedServers> {
  const [postgres, redis] = await Promise.all([
    areInstalled(['postgres', 'initdb'], '')
      ? startPostgres({ settings: { max_connections: '400' } })
      : null,
    areInstalled(['redis-server'], '') ? startRedis({ settings: ['--databases', '1000'] }) : null,
  ])
  return {
    env: {
      POE_TEST_STRIPPED: strippedTree(),
      ...(postgres === null ? {} : { POE_TEST_POSTGRES: String(postgres.port) }),
      ...(redis === null ? {} : { POE_TEST_REDIS: redis.url }),
    },
    async remove() {
      await Promise.all([postgres?.remove(), redis?.remove()])
    },
  }
}
