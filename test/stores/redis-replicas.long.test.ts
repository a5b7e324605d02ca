/**
 * Replicas and clusters: claims that wait for replicas, failovers with and without, slots that
 * move.
 */
import { expect } from 'chai'
import { bucketOf, type Claim, type Store } from '../../lib/engine/store.js'
import { type RedisStoreOptions, redisStore } from '../../lib/stores/redis.js'
import { describeWith } from '../support/servers/programs.js'
import {
  type RedisServer,
  startRedis,
  startRedisCluster,
  until,
} from '../support/servers/redis-server.js'
import { makeClaim, outcome } from './helpers/claims.js'
import {
  byIoredis,
  byIoredisCluster,
  byNodeRedis,
  byNodeRedisCluster,
  type Connected,
} from './helpers/redis-clients.js'

const CLIENTS = { redis: byNodeRedis, ioredis: byIoredis }
const CLUSTERS: Readonly<Record<string, Connect>> = {
  redis: byNodeRedisCluster,
  ioredis: byIoredisCluster,
  'ioredis, auto-pipelined': port => byIoredisCluster(port, { enableAutoPipelining: true }),
}
type Connect = (port: number) => Promise<Connected>

describeWith(['redis-server'], 'redisStore with replicas and clusters', () => {
  const servers: RedisServer[] = []
  const clients: Connected[] = []
  const keep = <Server extends RedisServer>(server: Server): Server => {
    servers.push(server)
    return server
  }
  const open = async (
    server: RedisServer,
    connect: Connect,
    wishes: Partial<RedisStoreOptions> = {},
  ): Promise<Store> => {
    const connected = await connect(server.port)
    clients.push(connected)
    return redisStore({ client: connected.client, ...wishes })
  }
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end()
    for (const server of servers.splice(0)) await server.remove()
  })
  const pair = async () => {
    const master = keep(await startRedis())
    const replica = keep(await startRedis({ replicaOf: master.port }))
    await caughtUp(master)
    return { master, replica }
  }

  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`replicas: 1 with a replica: the claim is there when it is told (${name})`, async () => {
      const { master, replica } = await pair()
      const store = await open(master, connect, { replicas: 1 })
      expect((await store.claim('key', await tokenFor(store, 'key'))).state).to.equal('claimed')
      await master.kill()
      await replica.ask('REPLICAOF', 'NO', 'ONE')
      const other = await open(replica, connect)
      expect((await other.read('key', null)).state).to.equal('running')
    })

    it(`replicas: 1 with none: it rejects, and the key is free (${name})`, async () => {
      const store = await open(keep(await startRedis()), connect, { replicas: 1 })
      await expectRefused(store, 'key')
    })

    it(`failed over to a replica that lags: what is lost is void (${name})`, async () => {
      const { master, replica } = await pair()
      const store = await open(master, connect)
      const spent = await tokenFor(store, 'spent')
      await caughtUp(master)
      await cutOff(replica)
      await store.claim('spent', spent)
      await store.complete('spent', spent.owner, outcome())
      await master.kill()
      await replica.ask('REPLICAOF', 'NO', 'ONE')
      const other = await open(replica, connect)
      const reply = await other.claim('spent', { ...spent, owner: 'b' })
      expect(reply.state).to.equal('wrong-epoch')
      expect((await other.read('spent', spent.epoch)).state).to.equal('wrong-epoch')
    })

    it(`a replica that lags and replicas: 1: the claim is refused (${name})`, async () => {
      const { master, replica } = await pair()
      const store = await open(master, connect, { replicas: 1 })
      await store.epoch()
      replica.freeze()
      await expectRefused(store, 'key')
      replica.thaw()
      await caughtUp(master)
      expect((await store.claim('key', await tokenFor(store, 'key'))).state).to.equal('claimed')
    })
  }

  it('failed over and back without a restart: what was lost on the way is void', async () => {
    const { master, replica } = await pair()
    const store = await open(master, byIoredis)
    const spent = await tokenFor(store, 'spent')
    await caughtUp(master)
    await cutOff(replica)
    await store.claim('spent', spent)
    await store.complete('spent', spent.owner, outcome())
    await replica.ask('REPLICAOF', 'NO', 'ONE')
    await master.ask('REPLICAOF', '127.0.0.1', replica.port)
    await until(
      async () => String(await master.ask('INFO', 'replication')).includes('link_status:up'),
      'the former master',
    )
    await master.ask('REPLICAOF', 'NO', 'ONE')
    const reply = await store.claim('spent', { ...spent, owner: 'b' })
    expect(reply.state).to.equal('wrong-epoch')
  })

  for (const [name, connect] of Object.entries(CLUSTERS)) {
    it(`a cluster: replicas that there are none of, and a slot that moves (${name})`, async () => {
      const nodes = (await startRedisCluster()).map(keep)
      const [node] = nodes
      if (node === undefined) throw new Error('there is no node')
      const careful = await open(node, connect, { prefix: 'careful', replicas: 1 })
      // No node has replicas, and the right one says so.
      for (const key of ['a', 'b', 'c', 'd']) await expectRefused(careful, key)
      const store = await open(node, connect)
      const claim = await tokenFor(store, 'key')
      const unspent = await tokenFor(store, 'unspent')
      expect((await store.claim('key', claim)).state).to.equal('claimed')
      for (const key of ['key', 'unspent']) await moveSlot(nodes, bucketOf(key, 64))
      expect((await store.complete('key', claim.owner, outcome())).state).to.equal('ok')
      expect((await store.read('key', claim.epoch)).state).to.equal('spent')
      expect((await store.claim('unspent', unspent)).state).to.equal('wrong-epoch')
      expect((await tokenFor(store, 'unspent')).epoch).not.to.equal(unspent.epoch)
    })

    it(`[FALSE-4563] slots that went elsewhere are found there (${name})`, async () => {
      const nodes = (await startRedisCluster()).map(keep)
      const [node] = nodes
      if (node === undefined) throw new Error('there is no node')
      const store = await open(node, connect)
      await store.epoch()
      for (const bucket of [0, 1, 2, 3]) await moveSlot(nodes, bucket)
      expect((await store.epoch()).epochs).to.have.length(64)
      const claims = await Promise.all(['a', 'b', 'c', 'd'].map(key => tokenFor(store, key)))
      const replies = await Promise.all(claims.map(claim => store.claim(claim.owner, claim)))
      expect(replies.map(({ state }) => state)).to.not.include('unsettled')
    })

    it(`[FALSE-4555] a slot that is on its way is no outage of the others (${name})`, async () => {
      const nodes = (await startRedisCluster()).map(keep)
      const [node] = nodes
      if (node === undefined) throw new Error('there is no node')
      const store = await open(node, connect)
      const claim = await tokenFor(store, 'key')
      await store.claim('key', claim)
      await moveSlot(nodes, bucketOf('key', 64), async () => {
        expect((await tokenFor(store, 'key')).epoch).not.to.equal(claim.epoch)
        const other = await tokenFor(store, 'other')
        expect((await store.claim('other', other)).state).to.equal('claimed')
        if (name !== 'redis') return
        // Its client gives up in time to say why.
        const error = await store.read('key', claim.epoch).catch(reason => reason)
        expect(error).to.have.property('code', 'ERR_POE_STORE_BUSY')
      })
      expect((await store.complete('key', claim.owner, outcome())).state).to.equal('ok')
    })
  }
})

async function tokenFor(store: Store, key: string): Promise<Claim> {
  const { nowMs, epochs } = await store.epoch()
  const epoch = epochs[bucketOf(key, epochs.length)] ?? null
  return makeClaim(nowMs, { epoch, owner: `owner of ${key}` })
}

async function expectRefused(store: Store, key: string): Promise<void> {
  const claim = await tokenFor(store, key)
  const error = await store.claim(key, claim).catch((reason: unknown) => reason)
  expect(error).to.have.property('code', 'ERR_POE_STORE_DOWN')
  expect(String(error)).to.include('0 of 1 replicas')
  await until(async () => (await store.read(key, claim.epoch)).state === 'none', 'the release')
}

/** Waits until the one replica of a server has all that it has. */
async function caughtUp(master: RedisServer): Promise<void> {
  await until(async () => {
    const info = String(await master.ask('INFO', 'replication'))
    const [, there] = /slave0:.*state=online,offset=(\d+)/.exec(info) ?? []
    const [, here] = /master_repl_offset:(\d+)/.exec(info) ?? []
    return there !== undefined && Number(there) >= Number(here) && Number(here) > 0
  }, 'the replica')
}

/** Lets a replica follow nobody that is there, so that it has nothing of what comes now. */
async function cutOff(replica: RedisServer): Promise<void> {
  await replica.ask('REPLICAOF', '127.0.0.1', 1)
}

/**
 * Moves a bucket's slot, with all that is in it, to another node.
 *
 * @param meanwhile - called when its epoch has been moved, and nothing else
 */
async function moveSlot(
  nodes: readonly RedisServer[],
  bucket: number,
  meanwhile = async (): Promise<void> => {},
): Promise<void> {
  const slot = Number(await nodes[0]?.ask('CLUSTER', 'KEYSLOT', `{${bucket}}`))
  const ids = await Promise.all(nodes.map(async node => String(await node.ask('CLUSTER', 'MYID'))))
  const counts = await Promise.all(nodes.map(node => node.ask('CLUSTER', 'COUNTKEYSINSLOT', slot)))
  const from = counts.findIndex(count => Number(count) > 0)
  const to = (from + 1) % nodes.length
  const [source, target] = [nodes[from], nodes[to]]
  if (source === undefined || target === undefined) throw new Error('the slot is empty')
  await target.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from] ?? '')
  await source.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to] ?? '')
  await source.ask('MIGRATE', '127.0.0.1', target.port, `poe{${bucket}}:e`, 0, 5_000)
  await meanwhile()
  // Names of records are no UTF-8, so the server itself lists and moves them.
  const move = `
    for _, key in ipairs(redis.call('CLUSTER', 'GETKEYSINSLOT', ARGV[1], 100)) do
      redis.call('MIGRATE', '127.0.0.1', ARGV[2], key, 0, 5000)
    end`
  await source.ask('EVAL', move, 0, slot, target.port)
  for (const node of [target, source]) {
    await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to] ?? '')
  }
}
