/**
 * Clients of each kind for the tests, and how the contract suite opens redis stores with them.
 */
import { Cluster, Redis } from 'ioredis'
import * as redis from 'redis'
import * as redis5 from 'redis5'
import type { Store } from '../../../lib/engine/store.js'
import { type RedisClient, type RedisStoreOptions, redisStore } from '../../../lib/stores/redis.js'
import { type StoreContractOptions, storeContract } from '../../../lib/testing/store-contract.js'
import {
  type RedisServer,
  startRedis,
  startRedisCluster,
} from '../../support/servers/redis-server.js'
import type { Choose } from './contract-part.js'
import type { ContractPlace } from './contract-places.js'

/** A connected client, and how to part with it. */
export interface Connected {
  readonly client: RedisClient
  end(): void
}

/** Servers with a client that is connected to them. */
export interface Setup extends Connected {
  readonly servers: readonly RedisServer[]
  /** Removes servers too. */
  remove(): Promise<void>
}

/** The kinds of client, each with the servers that it is for. */
const SETUPS = {
  'the redis client': async () => setUp([await startRedis()], byNodeRedis),
  'the redis client, version 5': async () => setUp([await startRedis()], byNodeRedis5),
  'the redis cluster client, version 5': async () =>
    setUp(await startRedisCluster(), port =>
      byNodeRedisCluster(port, redis5 as object as NodeRedis),
    ),
  'the ioredis client': async () => setUp([await startRedis()], byIoredis),
  'the ioredis client, auto-pipelined': async () =>
    setUp([await startRedis()], port => byIoredis(port, { enableAutoPipelining: true })),
  'the ioredis Cluster': async () => setUp(await startRedisCluster(), byIoredisCluster),
  'the redis cluster client': async () => setUp(await startRedisCluster(), byNodeRedisCluster),
}

/**
 * The store contract with a kind of client, on servers of its own.
 *
 * @param choose - the cases; all where it is absent
 */
export function redisPlace(name: keyof typeof SETUPS, choose: Choose = all => all): ContractPlace {
  let setup: Setup | undefined
  const current = (): Setup => {
    if (setup === undefined) throw new Error('the servers are not there')
    return setup
  }
  return {
    title: `the store contract with ${name}`,
    cases: choose(storeContract(redisContract(current))),
    async open() {
      setup = await SETUPS[name]()
    },
    close: async () => setup?.remove(),
  }
}

async function setUp(
  servers: readonly RedisServer[],
  connect: (port: number) => Promise<Connected>,
): Promise<Setup> {
  const connected = await connect(servers[0]?.port ?? 0)
  return {
    ...connected,
    servers,
    remove: async () => {
      connected.end()
      for (const server of servers) await server.remove()
    },
  }
}

type NodeRedis = Pick<typeof redis, 'createClient' | 'createCluster'>

/** Connects a client of `redis` 5. */
export function byNodeRedis5(port: number): Promise<Connected> {
  return byNodeRedis(port, redis5 as object as NodeRedis)
}

/** Connects a client of `redis`. */
export async function byNodeRedis(port: number, library: NodeRedis = redis): Promise<Connected> {
  const client = library.createClient({
    socket: { port, host: '127.0.0.1', reconnectStrategy: () => 50 },
  })
  client.on('error', () => {})
  await client.connect()
  return { client, end: () => client.destroy() }
}

/** Connects a client of `ioredis`. */
export async function byIoredis(port: number, options: object = {}): Promise<Connected> {
  const client = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: () => 50,
    ...options,
  })
  client.on('error', () => {})
  await client.connect()
  return { client, end: () => client.disconnect() }
}

/** Connects a Cluster of `ioredis`. */
export async function byIoredisCluster(port: number, options: object = {}): Promise<Connected> {
  const client = new Cluster([{ port, host: '127.0.0.1' }], { lazyConnect: true, ...options })
  client.on('error', () => {})
  await client.connect()
  return { client, end: () => client.disconnect() }
}

/** Connects a cluster client of `redis`. */
export async function byNodeRedisCluster(
  port: number,
  library: NodeRedis = redis,
): Promise<Connected> {
  const client = library.createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] })
  client.on('error', () => {})
  await client.connect()
  return { client, end: () => client.destroy() }
}

/**
 * How many stores of the contract are left beside each other: to go through one looks at every name
 * of its server, and some of others are to be there.
 */
const SWEPT_EVERY = 4

let prefixes = 0

/** Makes a prefix that no other store of this test run has. */
export function freshPrefix(): string {
  prefixes += 1
  return `t${prefixes}`
}

/**
 * Options of the contract suite for stores on these servers.
 *
 * @param setup - asked when a case runs
 * @param spoil - plants a fault in each store
 */
export function redisContract(
  setup: () => Setup,
  spoil: (store: Store, options: RedisStoreOptions) => Store = store => store,
): StoreContractOptions<never> {
  const prefixOf = new WeakMap<Store, string>()
  let opened = 0
  const open = (prefix: string): Store => {
    const options = { client: setup().client, prefix }
    const store = spoil(redisStore(options), options)
    prefixOf.set(store, prefix)
    return store
  }
  return {
    async open() {
      opened += 1
      if (opened % SWEPT_EVERY === 0) await sweep(setup().servers)
      return open(freshPrefix())
    },
    reopen: async store => open(prefixOf.get(store) ?? ''),
    capabilities: { durable: true, crossProcess: true, transactional: false, nativeExpiry: true },
    hasAdmin: true,
    forget: async store => forget(setup().servers, prefixOf.get(store) ?? ''),
  }
}

/** Deletes what earlier cases left. */
async function sweep(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map(server => server.ask('FLUSHALL')))
}

/** Deletes every key of a prefix. */
export async function forget(servers: readonly RedisServer[], prefix: string): Promise<void> {
  const client = `for _, key in ipairs(redis.call('KEYS', '*')) do
    local begin = string.sub(key, 1, ${prefix.length + 1})
    if begin == '${prefix}{' or begin == '${prefix}:' then redis.call('DEL', key) end
  end`
  for (const server of servers) await server.ask('EVAL', client, 0)
}
