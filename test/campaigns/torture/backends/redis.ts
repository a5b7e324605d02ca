/**
 * Links in Redis servers of the run's own. With `always`, orders are there too, as the shop keeps
 * them. Where Redis may forget, orders that it lost with their links would prove nothing: they are
 * kept in a file outside then, as a parcel that was sent or a card that was charged.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../../../support/servers/programs.js'
import { type RedisServer, startRedis, until } from '../../../support/servers/redis-server.js'
import type { NamedOrder, OrderRow } from '../history.js'
import { CannotRun, type Persistence } from '../options.js'
import type { Backend, StoreServer } from './backend.js'
import { readOrders } from './sqlite.js'

/** The list in which the shop keeps its orders. */
const ORDERS = 'shop:orders'

/**
 * Starts the server, or master and replica.
 *
 * @throws {CannotRun} where Redis is not installed
 */
export async function redisBackend(persistence: Persistence): Promise<Backend> {
  if (findProgram('redis-server') === null) {
    throw new CannotRun('redis-server is not found: install Redis 7 (Debian: apt install redis).')
  }
  const pair = persistence === 'failover' ? await startPair() : null
  const single = persistence === 'failover' ? null : await startRedis({ persistence })
  const folder = mkdtempSync(join(tmpdir(), 'poe-torture-'))
  const mayForget = persistence !== 'always'
  const ledger = mayForget ? join(folder, 'ledger.db') : null
  const server = pair ?? serverOf(single)
  return {
    title: `redis (${persistence})`,
    isExternal: true,
    mayForget,
    dwellMs: 150,
    server,
    ledger,
    storeSetting: port => `redis://127.0.0.1:${port}`,
    orders: async () => (ledger === null ? await listOrders(single) : readOrders(ledger)),
    async close() {
      await pair?.remove()
      await single?.remove()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function serverOf(single: RedisServer | null): StoreServer | null {
  if (single === null) return null
  return {
    port: single.port,
    kill: () => single.kill(),
    restart: () => single.start(),
    freeze: () => single.freeze(),
    thaw: () => single.thaw(),
  }
}

/** Master and replica: when the master is killed the replica takes its place, and the other way. */
async function startPair(): Promise<StoreServer & { remove(): Promise<void> }> {
  let master = await startRedis()
  let replica = await startRedis({ replicaOf: master.port })
  const both = [master, replica]
  const follow = async (): Promise<void> => {
    await replica.ask('REPLICAOF', '127.0.0.1', master.port)
    await until(async () => {
      const info = String(await replica.ask('INFO', 'replication'))
      return info.includes('role:slave') && info.includes('master_link_status:up')
    }, 'the replica')
  }
  await follow()
  return {
    get port() {
      return master.port
    },
    kill: () => master.kill(),
    async restart() {
      ;[master, replica] = [replica, master]
      await master.ask('REPLICAOF', 'NO', 'ONE')
      await replica.start()
      await follow()
    },
    freeze: () => master.freeze(),
    thaw: () => master.thaw(),
    async remove() {
      await Promise.all(both.map(one => one.remove()))
    },
  }
}

async function listOrders(server: RedisServer | null): Promise<OrderRow[]> {
  const texts = (await server?.ask('LRANGE', ORDERS, 0, -1)) as string[]
  return texts.map((text, index) => {
    const order = JSON.parse(text) as NamedOrder & OrderRow
    return { ...order, id: index + 1 }
  })
}
