/**
 * The redis store behind Sentinel, with both clients: it works, and after a failover that Sentinel
 * made it works on the new master, where no token of before runs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { createSentinel } from 'redis'
import { bucketOf, type Claim, type Store } from '../../lib/engine/store.js'
import { redisStore } from '../../lib/stores/redis.js'
import {
  describeWith,
  findProgram,
  freePort,
  listens,
  startProgram,
} from '../support/servers/programs.js'
import { startRedis, until } from '../support/servers/redis-server.js'
import { makeClaim, outcome } from './helpers/claims.js'
import type { Connected } from './helpers/redis-clients.js'

const NAME = 'shop'

const CLIENTS: Readonly<Record<string, (port: number) => Promise<Connected>>> = {
  redis: async port => {
    const client = createSentinel({
      name: NAME,
      sentinelRootNodes: [{ host: '127.0.0.1', port }],
      scanInterval: 200,
    })
    client.on('error', () => {})
    await client.connect()
    return { client, end: () => void client.destroy().catch(() => {}) }
  },
  ioredis: async port => {
    const sentinels = [{ host: '127.0.0.1', port }]
    const client = new Redis({ sentinels, name: NAME, lazyConnect: true, retryStrategy: () => 50 })
    client.on('error', () => {})
    await client.connect()
    return { client, end: () => client.disconnect() }
  },
}

describeWith(['redis-server', 'redis-sentinel'], 'redisStore behind Sentinel', () => {
  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`works, also after a failover (${name})`, async () => {
      const ends: (() => unknown)[] = []
      try {
        const master = await startRedis()
        ends.unshift(() => master.remove())
        const replica = await startRedis({ replicaOf: master.port })
        ends.unshift(() => replica.remove())
        const sentinel = await startSentinel(master.port)
        ends.unshift(sentinel.end)
        await until(async () => {
          const known = await sentinel.ask('SENTINEL', 'REPLICAS', NAME)
          return Array.isArray(known) && known.length === 1
        }, 'the replica, for Sentinel')
        const { client, end } = await connect(sentinel.port)
        ends.unshift(end)
        const store = redisStore({ client, replicas: 1, replicaWaitMs: 500 })
        const [spent, unspent] = [await tokenFor(store, 'spent'), await tokenFor(store, 'unspent')]
        await until(async () => (await store.claim('spent', spent)).state === 'claimed', 'a claim')
        expect((await store.complete('spent', spent.owner, outcome())).state).to.equal('ok')
        await master.kill()
        const after = redisStore({ client })
        await until(async () => (await after.epoch()).epochs.length > 0, 'the new master')
        expect((await after.claim('unspent', unspent)).state).to.equal('wrong-epoch')
        const state = (await after.claim('spent', { ...spent, owner: 'b' })).state
        expect(state).to.be.oneOf(['spent', 'running', 'wrong-epoch'])
        const fresh = await tokenFor(after, 'fresh')
        expect((await after.claim('fresh', fresh)).state).to.equal('claimed')
      } finally {
        for (const end of ends) await end()
      }
    })
  }
})

async function startSentinel(master: number) {
  const folder = mkdtempSync(join(tmpdir(), 'poe-sentinel-'))
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${NAME} 127.0.0.1 ${master} 1`,
    `sentinel down-after-milliseconds ${NAME} 500`,
    `sentinel failover-timeout ${NAME} 3000`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child = startProgram(findProgram('redis-sentinel') ?? '', [file])
  await listens(port)
  return {
    port,
    ask: async (name: string, ...args: string[]) => {
      const client = new Redis(port)
      try {
        return await client.call(name, ...args)
      } finally {
        client.disconnect()
      }
    },
    end: async () => {
      await child.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A claim as a token minted now would make it. */
async function tokenFor(store: Store, key: string): Promise<Claim> {
  const { nowMs, epochs } = await store.epoch()
  const epoch = epochs[bucketOf(key, epochs.length)] ?? null
  return makeClaim(nowMs, { epoch, owner: `owner of ${key}` })
}
