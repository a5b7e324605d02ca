/**
 * The way to a Redis server that fails: replies lost, connections cut, a server that is dead or
 * frozen. Calls reject within a second, nothing runs late, and all works again afterwards.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { Cluster, Redis } from 'ioredis'
import { createClient } from 'redis'
import type { Store } from '../../lib/engine/store.js'
import { PoeError } from '../../lib/errors.js'
import { redisStore } from '../../lib/stores/redis.js'
import { type FaultProxy, faultProxy } from '../../lib/testing/fault-proxy.js'
import { BOUNDED_MS } from '../support/meeting.js'
import { describeWith } from '../support/servers/programs.js'
import { type RedisServer, startRedis, until } from '../support/servers/redis-server.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { byIoredis, byNodeRedis, type Connected } from './helpers/redis-clients.js'

const CLIENTS = { redis: byNodeRedis, ioredis: byIoredis }
const SECRET = 'the-secret-of-all-secrets'

describeWith(['redis-server'], 'redisStore on a way that fails', () => {
  let server: RedisServer
  let proxy: FaultProxy
  const clients: Connected[] = []
  beforeEach(async () => {
    server = await startRedis({ persistence: 'always' })
    proxy = await faultProxy({ target: { port: server.port } })
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end()
    await proxy.close()
    await server.remove()
  })
  const open = async (connect: (port: number) => Promise<Connected>): Promise<Store> => {
    const connected = await connect(proxy.port)
    clients.push(connected)
    const store = redisStore({ client: connected.client })
    await claimState(store, 'warm up')
    await store.renew('warm up', 'owner', 10_000)
    return store
  }

  it('[FALSE-4549] a client that is to connect at its first command connects', async () => {
    const lazy = new Redis({ port: proxy.port, lazyConnect: true })
    const cluster = new Cluster([{ port: proxy.port }], { lazyConnect: true })
    for (const client of [lazy, cluster]) {
      clients.push({ client, end: () => client.disconnect() })
      const store = redisStore({ client })
      expect((await failure(store.epoch())).code).to.equal('ERR_POE_STORE_DOWN')
      await until(async () => client.status !== 'wait', 'the connection')
    }
    await back(redisStore({ client: lazy }))
  })

  it('[FALSE-4549] a client that nobody has connected is told so', async () => {
    const client = createClient({ url: server.url })
    const error = await failure(redisStore({ client }).epoch())
    expect(error.message).to.include('connect()')
  })

  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`killed: it rejects at once, and works again after a restart (${name})`, async () => {
      const store = await open(connect)
      await server.kill()
      await pause(50)
      for (const error of await failures(store)) {
        expect(error.code).to.equal('ERR_POE_STORE_DOWN')
        expect(JSON.stringify(plain(error))).not.to.include(SECRET)
      }
      await server.start()
      await back(store)
      expect((await store.read('warm up', null)).state).to.equal('running')
      expect(await claimState(store, 'key')).to.equal('claimed')
    })

    it(`frozen: it rejects within a second, and nothing runs late (${name})`, async () => {
      const store = await open(connect)
      const { nowMs } = await store.epoch()
      server.freeze()
      const claim = store.claim('key', makeClaim(nowMs, { claimByMs: nowMs + 900 }))
      const error = await failure(claim)
      expect(error.code).to.equal('ERR_POE_STORE_DOWN')
      for (const each of await failures(store)) expect(each.code).to.equal('ERR_POE_STORE_DOWN')
      server.thaw()
      await back(store)
      expect((await store.read('key', null)).state).to.equal('none')
      expect(await claimState(store, 'key')).to.equal('claimed')
    })

    it(`[STORE-01] cut anywhere in a claim: no key without a TTL (${name})`, async () => {
      const store = await open(connect)
      const { nowMs } = await store.epoch()
      for (let bytes = 1; bytes < 400; bytes += 57) {
        await proxy.set({ kind: 'cut', requestBytes: bytes })
        const claim = makeClaim(nowMs, { leaseMs: 100, onSilence: 'free' })
        await store.claim(`key-${bytes}`, claim).catch(() => {})
        await proxy.set('pass')
        await back(store)
      }
      await pause(120)
      for (let bytes = 1; bytes < 400; bytes += 57) {
        expect(await claimState(store, `key-${bytes}`)).to.be.oneOf(['claimed', 'running'])
      }
      expect(await server.ask('EVAL', WITHOUT_TTL, 0)).to.equal(64)
    })
  }

  it('[STORE-05] reply lost, sent again by the client: it knows its own claim', async () => {
    const store = await open(port => byIoredis(port, { autoResendUnfulfilledCommands: true }))
    const { nowMs } = await store.epoch()
    await proxy.set({ kind: 'drop-reply' })
    const claim = store.claim('key', makeClaim(nowMs))
    await until(async () => (await readAside(server, 'key')) === 'running', 'the claim')
    await proxy.set('pass')
    expect((await claim).state).to.equal('claimed')
    expect((await store.complete('key', 'owner', outcome())).state).to.equal('ok')
  })

  const once = (port: number) => byIoredis(port, { autoResendUnfulfilledCommands: false })
  for (const [name, connect] of Object.entries({ redis: byNodeRedis, ioredis: once })) {
    it(`[STORE-05] reply lost, not sent again: it rejects, the lease ends (${name})`, async () => {
      const store = await open(connect)
      const { nowMs } = await store.epoch()
      await proxy.set({ kind: 'drop-reply' })
      const wishes = { leaseMs: 300, onSilence: 'free', owner: 'lost' } as const
      const error = await failure(store.claim('key', makeClaim(nowMs, wishes)))
      expect(error.code).to.equal('ERR_POE_STORE_DOWN')
      await proxy.set('pass')
      await back(store)
      expect(await claimState(store, 'other')).to.equal('claimed')
      await until(async () => (await claimState(store, 'key')) === 'claimed', 'the lease')
    })
  }

  it('[FALSE-4338] dead without a word: a socketTimeout ends it (ioredis)', async () => {
    const store = await open(port => byIoredis(port, { socketTimeout: 300 }))
    await proxy.set('half-open')
    expect((await failure(store.epoch(200))).code).to.equal('ERR_POE_STORE_DOWN')
    await proxy.set('pass')
    await back(store)
    // One more where a busy machine is silent for 300 ms itself.
    expect(proxy.counts.connections).to.be.at.least(2)
  })

  it('asks a cluster that is just coming up again, but not for long', async () => {
    const node = await startRedis({ cluster: true })
    const connected = await byNodeRedis(node.port)
    clients.push(connected)
    const store = redisStore({ client: connected.client })
    const fromMs = performance.now()
    const error = await failure(store.read('key', null))
    expect(performance.now() - fromMs).to.be.within(300, BOUNDED_MS)
    expect(String(error.cause)).to.include('CLUSTERDOWN')
    const stats = String(await node.ask('INFO', 'errorstats'))
    expect(Number(/CLUSTERDOWN:count=(\d+)/.exec(stats)?.[1]), 'how often it asked').to.be.above(1)
    await node.remove()
  })

  it('refuses more than 10,000 unanswered commands, also those that were given up', async () => {
    const store = await open(byIoredis)
    server.freeze()
    const reads = Array.from({ length: 10_000 }, () => failure(store.read('key', null)))
    const error = await failure(store.read('key', null))
    expect(error.message).to.include('10000 answers')
    await Promise.all(reads)
    expect((await failure(store.read('key', null))).message).to.include('10000 answers')
    server.thaw()
    await back(store)
  })
})

const WITHOUT_TTL = `local count = 0
  for _, key in ipairs(redis.call('KEYS', '*')) do
    if redis.call('PTTL', key) == -1 then count = count + 1 end
  end
  return count`

/** What each call of a store without a server rejects with, in its time. */
async function failures(store: Store): Promise<PoeError[]> {
  const fromMs = performance.now()
  const errors = await Promise.all([
    failure(store.claim('key', makeClaim(0, { owner: SECRET }))),
    failure(store.read(SECRET, null)),
    failure(store.renew(SECRET, SECRET, 1)),
    failure(store.complete(SECRET, SECRET, outcome())),
    failure(store.release(SECRET, SECRET)),
    failure(store.epoch()),
    failure(store.rotateEpoch()),
    failure(store.secrets([{ id: 'abcd', key: SECRET }])),
  ])
  expect(performance.now() - fromMs).to.be.below(BOUNDED_MS)
  return errors
}

async function failure(work: Promise<unknown>): Promise<PoeError> {
  const error = await work.catch((reason: unknown) => reason)
  if (error instanceof PoeError) return error
  throw new Error(`it gave ${JSON.stringify(error)}`, { cause: error })
}

function plain(error: PoeError): unknown {
  const cause = error.cause instanceof Error ? { ...error.cause, text: error.cause.message } : null
  return { text: error.message, cause }
}

async function back(store: Store): Promise<void> {
  await until(async () => (await store.epoch()).epochs.length > 0, 'the store')
}

/** Looks at a key on a connection of its own. */
async function readAside(server: RedisServer, key: string): Promise<string> {
  const { client, end } = await byNodeRedis(server.port)
  const { state } = await redisStore({ client }).read(key, null)
  end()
  return state
}
