/**
 * Opens a client by a URL, for a program that has none: of `ioredis` or of `redis`, whichever is
 * installed; for a cluster where the server is a node of one.
 */
import { within } from '../within.js'
import type { Driver, RedisClient } from './driver.js'
import { driverOf } from './driver.js'

const CONNECT_MS = 5_000

/** A server that takes the connection, and then says nothing, is none. */
function soon<Result>(promise: Promise<Result>): Promise<Result> {
  return within(CONNECT_MS, promise, `Redis gave no answer in ${CONNECT_MS} ms.`)
}

/** A client that this module has opened. */
export interface OpenedClient {
  readonly client: RedisClient
  /** Whether there is a store under a prefix. */
  hasStore(prefix: string): Promise<boolean>
  /** Disconnects it. */
  end(): void
}

/** A client before it is known whether it is one of a cluster. */
interface Connected {
  readonly client: RedisClient
  end(): void
  /** Connects to the cluster that the server is a node of. */
  cluster(): Promise<Connected>
}

/** Loads a driver package and connects by it. */
export type Connect = (url: string) => Promise<Connected>

/** The packages, in the order in which they are tried. */
export const CONNECTS: Readonly<Record<'ioredis' | 'redis', Connect>> = {
  ioredis: connectByIoredis,
  redis: connectByRedis,
}

/**
 * Opens a client.
 *
 * @param url - `redis://` or `rediss://`
 * @param connects - the packages to try
 * @throws Error that names the packages where none is installed; what the package throws where the
 *   server cannot be reached
 */
export async function openClient(
  url: string,
  connects: readonly Connect[] = Object.values(CONNECTS),
): Promise<OpenedClient> {
  for (const connect of connects) {
    let connected: Connected
    try {
      connected = await connect(url)
    } catch (error) {
      if (isMissing(error)) continue
      throw error
    }
    return opened(await wherever(connected))
  }
  throw new Error(
    'A Redis store needs a driver: run `npm install ioredis`, or `npm install redis`.',
  )
}

async function wherever(connected: Connected): Promise<Connected> {
  const driver = driverOf('openClient', connected.client)
  let isNode = true
  try {
    const info = String(await soon(driver.send('', ['info', 'cluster'])))
    isNode = /^cluster_enabled:1/m.test(info)
    return isNode ? await connected.cluster() : connected
  } finally {
    driver.close()
    if (isNode) connected.end()
  }
}

function opened({ client, end }: Connected): OpenedClient {
  const driver: Driver = driverOf('openClient', client)
  return {
    client,
    async hasStore(prefix) {
      const epoch = `${prefix}{0}:e`
      return Number(await soon(driver.send(epoch, ['exists', epoch]))) === 1
    },
    end() {
      driver.close()
      end()
    },
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
}

async function connectByIoredis(url: string): Promise<Connected> {
  const { Cluster, Redis } = await import('ioredis')
  const options = { connectTimeout: CONNECT_MS, enableOfflineQueue: false, lazyConnect: true }
  const client = new Redis(url, { ...options, retryStrategy: () => null })
  let failure: unknown = null
  client.on('error', error => {
    failure ??= error
  })
  try {
    await soon(client.connect())
    const { db } = client.options
    // The driver goes on in the first database where there is none of that number.
    if (db) await soon(client.select(db))
  } catch (error) {
    client.disconnect()
    throw failure ?? error
  }
  return {
    client,
    end: () => client.disconnect(),
    async cluster() {
      const { host, port, username, password, tls } = client.options
      const login = { ...(username && { username }), ...(password && { password }) }
      const cluster = new Cluster([{ host: host ?? '127.0.0.1', port: port ?? 6379 }], {
        redisOptions: { ...login, ...(tls && { tls }), connectTimeout: CONNECT_MS },
        clusterRetryStrategy: () => null,
        lazyConnect: true,
      })
      cluster.on('error', () => {})
      await soon(cluster.connect()).catch(error => {
        cluster.disconnect()
        throw error
      })
      return { client: cluster, end: () => cluster.disconnect(), cluster: notAgain }
    },
  }
}

async function connectByRedis(url: string): Promise<Connected> {
  const { createClient, createCluster } = await import('redis')
  const socket = { connectTimeout: CONNECT_MS, reconnectStrategy: false as const }
  const client = createClient({ url, socket })
  client.on('error', () => {})
  await soon(client.connect()).catch(error => {
    client.destroy()
    throw error
  })
  return {
    client,
    end: () => client.destroy(),
    async cluster() {
      const { username, password } = new URL(url)
      const login = {
        ...(username && { username: decodeURIComponent(username) }),
        ...(password && { password: decodeURIComponent(password) }),
      }
      const cluster = createCluster({ rootNodes: [{ url }], defaults: { ...login, socket } })
      cluster.on('error', () => {})
      await soon(cluster.connect()).catch(error => {
        cluster.destroy()
        throw error
      })
      return { client: cluster as RedisClient, end: () => cluster.destroy(), cluster: notAgain }
    },
  }
}

function notAgain(): never {
  throw new Error('A cluster is no node of another one.')
}
