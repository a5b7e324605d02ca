/**
 * A mark says that from here on silence means doubt. Where replicas are asked for, a failover must
 * not take it back: the effect follows at once.
 */
import { expect } from 'chai'
import type { Store } from '../../lib/engine/store.js'
import { redisStore } from '../../lib/stores/redis.js'
import { describeWith } from '../support/servers/programs.js'
import { type RedisServer, startRedis, until } from '../support/servers/redis-server.js'
import { claimState, makeClaim } from './helpers/claims.js'
import { byIoredis, byNodeRedis, type Connected } from './helpers/redis-clients.js'

const MARKED = { onSilence: 'free', leaseMs: 30_000 } as const

describeWith(['redis-server'], 'a mark in Redis with replicas', function () {
  this.timeout(60_000)
  const servers: RedisServer[] = []
  const clients: Connected[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end()
    for (const server of servers.splice(0)) await server.remove()
  })
  const open = async (
    server: RedisServer,
    connect: (port: number) => Promise<Connected>,
    replicas: number,
  ): Promise<Store> => {
    const connected = await connect(server.port)
    clients.push(connected)
    return redisStore({ client: connected.client, replicas, replicaWaitMs: 500 })
  }
  const pair = async () => {
    const master = await startRedis()
    const replica = await startRedis({ replicaOf: master.port })
    servers.push(master, replica)
    await until(
      async () => String(await master.ask('INFO', 'replication')).includes('state=online'),
      'the replica',
    )
    return { master, replica }
  }

  for (const [name, connect] of Object.entries({ redis: byNodeRedis, ioredis: byIoredis })) {
    it(`[FALSE-1801] is there after a failover when it was told (${name})`, async () => {
      const { master, replica } = await pair()
      const store = await open(master, connect, 1)
      expect(await claimState(store, 'key', MARKED)).to.equal('claimed')
      expect((await store.mark('key', 'owner')).state).to.equal('ok')
      await master.kill()
      await replica.ask('REPLICAOF', 'NO', 'ONE')
      const other = await open(replica, connect, 0)
      await other.renew('key', 'owner', 0)
      expect((await other.read('key', null)).state).to.equal('undecided')
    })

    it(`[FALSE-1802] is refused where no replica has it (${name})`, async () => {
      const { master, replica } = await pair()
      const store = await open(master, connect, 1)
      expect(await claimState(store, 'key', MARKED)).to.equal('claimed')
      await replica.ask('REPLICAOF', '127.0.0.1', 1)
      const refused = await store.mark('key', 'owner').then(
        reply => reply.state,
        (error: { code?: string; message: string }) => `${error.code} ${error.message}`,
      )
      expect(refused).to.match(/^ERR_POE_STORE_DOWN 0 of 1 replicas had the mark/)
      const { nowMs } = await store.epoch()
      const stale = await store.mark('other', 'nobody')
      expect(stale.state, 'no record').to.equal('stale')
      const claim = store.claim('other', makeClaim(nowMs)).catch(error => error.message)
      expect(await claim).to.match(/0 of 1 replicas had the claim/)
    })
  }
})
