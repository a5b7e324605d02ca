/**
 * The redis store: the contract with one client, its options, and what a record costs.
 */
import { expect } from 'chai'
import { createClientPool } from 'redis'
import { bucketOf, type Store } from '../../lib/engine/store.js'
import { BUCKETS } from '../../lib/stores/redis/epochs.js'
import { type RedisStoreOptions, redisStore } from '../../lib/stores/redis.js'
import { until } from '../support/meeting.js'
import { describeWith } from '../support/servers/programs.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { describeContract } from './helpers/contract-places.js'
import {
  byIoredis,
  byNodeRedis,
  byNodeRedis5,
  type Connected,
  freshPrefix,
  redisPlace,
} from './helpers/redis-clients.js'

describeContract(['redis-server'], redisPlace('the redis client'))

describeWith(['redis-server'], 'redisStore', () => {
  let server: RedisServer
  let connected: Connected
  const stores: Store[] = []
  const open = (wishes: Partial<RedisStoreOptions> = {}): Store => {
    const options = { client: connected.client, prefix: freshPrefix(), ...wishes }
    const store = redisStore(options)
    stores.push(store)
    return store
  }

  before(async () => {
    server = await startRedis()
    connected = await byNodeRedis(server.port)
  })
  after(async () => {
    for (const store of stores) await store.close()
    connected.end()
    await server.remove()
  })

  describe('options', () => {
    const refused: [given: unknown, kind: typeof Error, text: string][] = [
      [undefined, TypeError, 'options must be an object'],
      [{}, TypeError, "a client of 'redis' 5"],
      [{ client: 'redis://127.0.0.1' }, TypeError, "a client of 'redis' 5"],
      [{ client: {} }, TypeError, "a client of 'redis' 5"],
      [{ client: createClientPool() }, TypeError, 'no pool'],
      [{ client: {}, url: 'x' }, TypeError, "no option 'url'"],
      [{ client: {}, prefix: '' }, TypeError, 'prefix must be text'],
      [{ client: {}, prefix: 'a{b}' }, TypeError, 'without braces'],
      [{ client: {}, replicas: -1 }, RangeError, 'at least 0'],
      [{ client: {}, replicaWaitMs: 0 }, RangeError, 'at least 1'],
    ]
    for (const [given, kind, text] of refused) {
      it(`refuses ${JSON.stringify(given)}`, () => {
        expect(() => redisStore(given as RedisStoreOptions)).to.throw(kind, text)
      })
    }

    it('takes undefined as absent, and tells how long a call may take', () => {
      const { client } = connected
      const wishes = { prefix: undefined, replicas: undefined, replicaWaitMs: undefined }
      expect(redisStore({ client, ...wishes }).timeoutMs).to.equal(900)
      expect(open({ replicas: 1, replicaWaitMs: 500 }).timeoutMs).to.equal(1_400)
    })
  })

  it('[LOCK-09] 1 s of lease is live until 1 s by the server’s clock, over after it', async () => {
    const store = open()
    const { nowMs } = await store.epoch()
    const claimed = await store.claim('key', makeClaim(nowMs, { leaseMs: 1_000 }))
    const states: Record<string, number> = {}
    let state = 'running'
    while (state === 'running') {
      const reply = await store.read('key', null)
      state = reply.state
      states[state] = reply.nowMs - claimed.nowMs
    }
    expect(states.running ?? 0).to.be.below(1_000)
    expect(states.undecided).to.be.at.least(1_000)
    const reply = await store.read('key', null)
    if (reply.state !== 'undecided') throw new Error(`it is ${reply.state}`)
    expect(reply.sinceMs - claimed.nowMs).to.equal(1_000)
  })

  it('[FALSE-4376] reads what it has written through a client of redis 5', async () => {
    const own = await byNodeRedis5(server.port)
    const store = open({ client: own.client })
    expect(await claimState(store, 'key')).to.equal('claimed')
    expect(await claimState(store, 'key', { owner: 'another' })).to.equal('running')
    await store.complete('key', 'owner', outcome('tea'))
    const reply = await store.read('key', null)
    expect(reply).to.have.deep.nested.property('outcome.body', Buffer.from('tea'))
    own.end()
  })

  it('an index stays as long as the longest of its records', async () => {
    const prefix = freshPrefix()
    const store = open({ prefix })
    const { nowMs } = await store.epoch()
    const names = Array.from({ length: 1_000 }, (_, index) => `key-${index}-${index}`)
    const [short = '', long = '', ever = '', late = ''] = names.filter(
      name => bucketOf(name, BUCKETS) === 0,
    )
    const claim = async (key: string, keepUntilMs: number | null) => {
      await store.claim(key, makeClaim(nowMs, { onSilence: 'undecided', keepUntilMs }))
      return Number(await server.ask('PEXPIRETIME', `${prefix}{0}:u`))
    }
    expect(await claim(short, nowMs + 60_000)).to.be.at.least(nowMs + 60_000)
    expect(await claim(long, nowMs + 36_000_000)).to.be.at.least(nowMs + 36_000_000)
    expect(await claim(ever, null)).to.equal(-1)
    expect(await claim(late, nowMs + 72_000_000)).to.equal(-1)
  })

  it('rejects what comes after close, and leaves the client connected', async () => {
    const store = open()
    await store.close()
    const error = await store.read('key', null).catch((reason: unknown) => reason)
    expect(error).to.have.property('code', 'ERR_POE_STORE_CLOSED')
    expect(await claimState(open(), 'key')).to.equal('claimed')
  })

  it('hears errors of the client while it is open, and no longer', async () => {
    const own = await byIoredis(server.port)
    const emitter = own.client as unknown as NodeJS.EventEmitter
    const before = emitter.listenerCount('error')
    const store = open({ client: own.client })
    expect(emitter.listenerCount('error')).to.equal(before + 1)
    await store.close()
    await store.close()
    expect(emitter.listenerCount('error')).to.equal(before)
    own.end()
  })

  it('sends one command for a claim and one for its completion', async () => {
    const store = open()
    await claimState(store, 'warm')
    await store.complete('warm', 'owner', outcome())
    const { nowMs } = await store.epoch()
    const calls = async () => {
      const stats = String(await server.ask('INFO', 'commandstats'))
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1])
    }
    const before = await calls()
    await store.claim('key', makeClaim(nowMs))
    await store.complete('key', 'owner', outcome())
    expect((await calls()) - before).to.equal(2)
  })

  it('[STORE-01] every key but epochs and secrets has a TTL', async () => {
    const prefix = freshPrefix()
    const store = open({ prefix })
    await store.secrets([{ id: 'abcd', key: 'k'.repeat(43) }])
    await claimState(store, 'running')
    await claimState(store, 'spent')
    await store.complete('spent', 'owner', outcome())
    await store.attachBody('spent', 'owner', outcome('more'))
    await claimState(store, 'marked', { keepUntilMs: 1 })
    await store.mark('marked', 'owner')
    expect(await keysWithoutTtl(server, prefix)).to.equal(65)
    await claimState(store, 'for ever', { keepUntilMs: null })
    // Itself, and the index of its bucket.
    expect(await keysWithoutTtl(server, prefix)).to.equal(67)
  })

  it('a spent record with an answer of 150 bytes takes less than 300', async () => {
    const own = await startRedis()
    try {
      const records = 9_999
      const spendFrom = async (...starts: number[]) => {
        const { client, end } = await byIoredis(own.port, { enableAutoPipelining: true })
        const store = open({ client, prefix: undefined })
        const { nowMs } = await store.epoch()
        for (const start of starts) {
          const indexes = Array.from({ length: 101 }, (_, index) => start + index)
          await Promise.all(indexes.map(index => spend(store, nowMs, index)))
        }
        await store.close()
        end()
      }
      // What the server needs once, for scripts and buffers, is no record's.
      await spendFrom(records)
      const before = await usedMemory(own)
      await spendFrom(...Array.from({ length: records / 101 }, (_, index) => index * 101))
      const each = async () => ((await usedMemory(own)) - before) / records
      // With the entry and the place in the table of times to live: 360 to 372 where the allocator
      // is Debian's, which rounds entries of 24 bytes up to 32, and up further where it gives again
      // what was larger. By the size classes of Redis's own allocator it would be 338; that is
      // reckoned, not measured. What the server holds for a moment goes again.
      await until(async () => (await each()) < 390, 'a record needs no more, and its entries')
      const mean = await own.ask('EVAL', MEAN_RECORD, 0)
      expect(Number(mean), 'what MEMORY USAGE says of them').to.be.below(300)
    } finally {
      await own.remove()
    }
  })
})

// Of all: those whose id has a digit more may take the allocator's next step of 32 bytes.
const MEAN_RECORD = `local bytes, records = 0, 0
for _, key in ipairs(redis.call('KEYS', 'poe*')) do
  if redis.call('PTTL', key) > 0 then
    bytes, records = bytes + redis.call('MEMORY', 'USAGE', key), records + 1
  end
end
return math.ceil(bytes / records)`

/** Once the only client is the one that asks: what the server holds for others varies. */
async function usedMemory(server: RedisServer): Promise<number> {
  const isAlone = async () =>
    /^connected_clients:1\r/m.test(`${await server.ask('INFO', 'clients')}`)
  await until(isAlone, 'the others are gone')
  return Number(/^used_memory:(\d+)/m.exec(String(await server.ask('INFO', 'memory')))?.[1])
}

async function keysWithoutTtl(server: RedisServer, prefix: string): Promise<number> {
  const count = `local count = 0
    for _, key in ipairs(redis.call('KEYS', '${prefix}[{:]*')) do
      if redis.call('PTTL', key) == -1 then count = count + 1 end
    end
    return count`
  return Number(await server.ask('EVAL', count, 0))
}

async function spend(store: Store, nowMs: number, index: number): Promise<void> {
  const digest = Buffer.from(`${index}`.padStart(16)).toString('base64url')
  const who = {
    owner: `owner-${index}`.padEnd(21, '-'),
    principal: digest,
    fingerprint: Buffer.from(`${index}`.padStart(32)).toString('base64url'),
  }
  await store.claim(
    `order\n${digest}`,
    makeClaim(nowMs, { ...who, keepUntilMs: nowMs + 3_600_000 }),
  )
  const type = '["content-type","application/json; charset=utf-8"]'
  const head = `[201,[${type},["location","/orders/${index}"]],"k"]`
  await store.complete(`order\n${digest}`, who.owner, { head, body: Buffer.alloc(150, 'x') })
}
