/**
 * A Redis server that forgets, or could have: emptied, restarted, restored, full, failed over, set
 * up as a cache. What was spent never runs again, and what is claimed never by half.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { bucketOf, type Claim, type Store } from '../../lib/engine/store.js'
import { redisStore } from '../../lib/stores/redis.js'
import { describeWith } from '../support/servers/programs.js'
import {
  type RedisServer,
  type RedisServerOptions,
  startRedis,
  until,
} from '../support/servers/redis-server.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { movingAddress } from './helpers/moving-address.js'
import { byIoredis, byNodeRedis, type Connected } from './helpers/redis-clients.js'

const CLIENTS = { redis: byNodeRedis, ioredis: byIoredis }

describeWith(['redis-server'], 'redisStore on a server that forgets', () => {
  const servers: RedisServer[] = []
  const clients: Connected[] = []
  const serve = async (options?: RedisServerOptions): Promise<RedisServer> => {
    const server = await startRedis(options)
    servers.push(server)
    return server
  }
  const open = async (server: Pick<RedisServer, 'port'>, connect = byNodeRedis): Promise<Store> => {
    const connected = await connect(server.port)
    clients.push(connected)
    return redisStore({ client: connected.client })
  }
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end()
    for (const server of servers.splice(0)) await server.remove()
  })

  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`FLUSHALL under a running store: nothing of before runs (${name})`, async () => {
      const server = await serve()
      const store = await open(server, connect)
      const spent = await spend(store, 'spent')
      const unspent = await tokenFor(store, 'unspent')
      await server.ask('FLUSHALL')
      await expectVoid(store, { spent, unspent })
      expect(await claimState(store, 'new')).to.equal('claimed')
    })

    it(`[STORE-03] SCRIPT FLUSH between all steps: one more exchange (${name})`, async () => {
      const server = await serve()
      const store = await open(server, connect)
      const claim = await tokenFor(store, 'key')
      const flush = () => server.ask('SCRIPT', 'FLUSH')
      await flush()
      const before = await scriptCalls(server)
      expect((await store.claim('key', claim)).state).to.equal('claimed')
      expect((await scriptCalls(server)) - before, 'EVALSHA and EVAL').to.equal(2)
      for (const step of [
        () => store.renew('key', claim.owner, 1_000),
        () => store.mark('key', claim.owner),
        () => store.complete('key', claim.owner, outcome()),
        () => store.attachBody('key', claim.owner, outcome('more')),
      ]) {
        await flush()
        expect((await step()).state).to.equal('ok')
      }
      await flush()
      expect((await store.read('key', claim.epoch)).state).to.equal('spent')
      await flush()
      expect((await tokenFor(store, 'key')).epoch).to.equal(claim.epoch)
    })

    it(`a restart without persistence: nothing of before runs (${name})`, async () => {
      const server = await serve()
      const store = await open(server, connect)
      const spent = await spend(store, 'spent')
      const unspent = await tokenFor(store, 'unspent')
      await server.kill()
      await server.start()
      await expectVoid(store, { spent, unspent })
    })

    it(`a restart with appendfsync everysec: the epochs are new (${name})`, async () => {
      const server = await serve({ persistence: 'everysec' })
      const store = await open(server, connect)
      const spent = await spend(store, 'spent')
      const unspent = await tokenFor(store, 'unspent')
      await server.stop()
      await server.start()
      await expectVoid(store, { unspent })
      expect((await store.claim('spent', { ...spent, owner: 'b' })).state).to.equal('spent')
    })

    it(`a restart with appendfsync always: all stays, kill -9 or not (${name})`, async () => {
      const server = await serve({ persistence: 'always' })
      const store = await open(server, connect)
      const spent = await spend(store, 'spent')
      const unspent = await tokenFor(store, 'unspent')
      for (let restarts = 0; restarts < 2; restarts += 1) {
        await server.kill()
        await server.start()
        await back(store)
        expect((await store.claim('spent', { ...spent, owner: 'b' })).state).to.equal('spent')
        expect((await tokenFor(store, 'unspent')).epoch).to.equal(unspent.epoch)
      }
      expect((await store.claim('unspent', unspent)).state).to.equal('claimed')
    })
  }

  it('an old dump that was put back: what was spent since then never runs', async () => {
    const server = await serve({ persistence: 'dump' })
    const store = await open(server)
    const before = await spend(store, 'before')
    const since = await tokenFor(store, 'since')
    await server.ask('SAVE')
    const dump = join(server.folder, 'dump.rdb')
    copyFileSync(dump, `${dump}.old`)
    await store.claim('since', since)
    await store.complete('since', since.owner, outcome())
    await server.stop()
    copyFileSync(`${dump}.old`, dump)
    await server.start()
    await expectVoid(store, { since })
    expect((await store.claim('before', { ...before, owner: 'b' })).state).to.equal('spent')
  })

  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`[FALSE-4561] an answer that is too large for it is no outage (${name})`, async () => {
      const server = await serve({ settings: ['--proto-max-bulk-len', '1mb'] })
      const store = await open(server, connect)
      await store.claim('key', { ...(await tokenFor(store, 'key')), owner: 'a' })
      const send = () => failure(store.complete('key', 'a', outcome('x'.repeat(2 ** 20 + 1))))
      let error = await send()
      // The connection may end before the server's word comes; pending writes are sent again, too.
      for (let tries = 0; tries < 20 && /connection/.test(error.message); tries += 1) {
        await back(store)
        error = await send()
      }
      expect(error).to.have.property('code', 'ERR_POE_STORE_FULL')
      expect(error.message).to.include('proto-max-bulk-len')
      await back(store)
      expect((await store.complete('key', 'a', outcome())).state).to.equal('ok')
    })
  }

  it('[STORE-07] a server that may evict keys is refused, and the way out is named', async () => {
    const server = await serve()
    for (const policy of ['allkeys-lru', 'volatile-ttl', 'allkeys-random']) {
      await server.ask('CONFIG', 'SET', 'maxmemory-policy', policy)
      const error = await failure((await open(server)).epoch())
      expect(error).to.have.property('code', 'ERR_POE_STORE_CONFIG')
      expect(error.message).to.include(policy)
      expect(error.message).to.include('CONFIG SET maxmemory-policy noeviction')
    }
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    expect(await claimState(await open(server), 'key')).to.equal('claimed')
  })

  it('[FALSE-4645] so is one that is told to evict in use, and what it had is void', async () => {
    const server = await serve()
    const store = await open(server)
    const spent = await spend(store, 'spent')
    const unspent = await tokenFor(store, 'unspent')
    const meanwhile = await tokenFor(store, 'meanwhile')
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
    await server.ask('CONFIG', 'SET', 'maxmemory', '1mb')
    // Nobody asks for the epochs.
    await inTenSeconds(() =>
      until(async () => {
        const error = await failure(store.claim('meanwhile', meanwhile))
        return 'code' in error && error.code === 'ERR_POE_STORE_CONFIG'
      }, 'the refusal'),
    )
    await server.ask('CONFIG', 'SET', 'maxmemory', '0')
    await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await back(store)
    await expectVoid(store, { spent, unspent })
    expect(await claimState(store, 'new')).to.equal('claimed')
  })

  for (const [name, ask] of Object.entries({
    'a claim': (store: Store, claim: Claim) => store.claim('spent', { ...claim, owner: 'b' }),
    'a read': (store: Store, claim: Claim) => store.read('spent', claim.epoch),
  })) {
    it(`[FALSE-4668] ${name} after a silence is refused, not answered without it`, async () => {
      const server = await serve()
      const store = await open(server)
      const spent = await spend(store, 'spent')
      await server.ask('CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
      await server.ask('CONFIG', 'SET', 'maxmemory', '1mb')
      await server.ask('SET', 'another', 'one').catch(() => {})
      expect(await server.ask('DBSIZE'), 'the epochs alone').to.equal(64)
      await inTenSeconds(async () => {
        const both = [ask(store, spent), ask(store, spent)]
        for (const error of await Promise.all(both.map(failure))) {
          expect(error).to.have.property('code', 'ERR_POE_STORE_CONFIG')
        }
      })
    })
  }

  for (const setting of ['appendonly no', 'appendfsync everysec']) {
    it(`[FALSE-4547] one that is set to "${setting}" in use may forget later`, async () => {
      const server = await serve({ persistence: 'always' })
      const store = await open(server)
      const unspent = await tokenFor(store, 'unspent')
      await server.ask('CONFIG', 'SET', ...setting.split(' '))
      await inTenSeconds(() =>
        until(async () => {
          await store.claim('any', unspent)
          return (await tokenFor(store, 'unspent')).epoch !== unspent.epoch
        }, 'another epoch'),
      )
      expect((await store.claim('unspent', unspent)).state).to.equal('wrong-epoch')
      const later = await spend(store, 'later')
      await server.kill()
      // It reads its configuration again, which says nothing of the change.
      await server.start()
      await back(store)
      const again = (await store.claim('later', { ...later, owner: 'b' })).state
      // While a slow disk is at `fsync`, a server by the second holds back its file for up to 2 s:
      // the completion may be lost, and the claim as well. It is granted to nobody.
      expect(again).to.be.oneOf(['wrong-epoch', 'spent', 'running'])
    })
  }

  it('[FALSE-4669] what comes first after that is refused, not granted and lost', async () => {
    const server = await serve({ persistence: 'always' })
    const store = await open(server)
    const unspent = await tokenFor(store, 'unspent')
    await server.ask('CONFIG', 'SET', 'appendonly', 'no')
    await inTenSeconds(async () => {
      const error = await failure(store.claim('unspent', unspent))
      expect(error).to.have.property('code', 'ERR_POE_STORE_BUSY')
    })
    await store.release('unspent', unspent.owner)
    expect((await store.claim('unspent', unspent)).state).to.equal('wrong-epoch')
  })

  it('[FALSE-3915] at maxmemory a process that starts reads its secrets', async () => {
    const server = await serve()
    const secrets = [{ id: 'abcd', key: 'k'.repeat(43) }]
    await (await open(server)).secrets(secrets)
    await server.ask('CONFIG', 'SET', 'maxmemory', '1mb')
    for (const connect of Object.values(CLIENTS)) {
      const started = await open(server, connect)
      expect(await started.secrets([{ id: 'efgh', key: 'l'.repeat(43) }])).to.deep.equal(secrets)
      expect((await started.epoch()).epochs).to.have.lengthOf(64)
    }
  })

  it('[STORE-07] at maxmemory claims are full, and nothing is forgotten', async () => {
    const server = await serve()
    const store = await open(server)
    const spent = await spend(store, 'spent')
    const running = await tokenFor(store, 'running')
    await store.claim('running', running)
    const more = await tokenFor(store, 'more')
    await server.ask('CONFIG', 'SET', 'maxmemory', '1mb')
    expect((await store.claim('more', more)).state).to.equal('full')
    expect((await store.claim('spent', { ...spent, owner: 'b' })).state).to.equal('spent')
    expect((await store.claim('running', running)).state, 'its own, again').to.equal('claimed')
    expect((await store.renew('running', running.owner, 5_000)).state).to.equal('ok')
    expect((await store.complete('running', running.owner, outcome())).state).to.equal('ok')
    expect((await store.read('running', null)).state).to.equal('spent')
    const error = await failure(store.secrets([{ id: 'abcd', key: 'k' }]))
    expect(error).to.have.property('code', 'ERR_POE_STORE_FULL')
    await server.ask('CONFIG', 'SET', 'maxmemory', '0')
    expect((await store.claim('more', more)).state).to.equal('claimed')
  })

  it('[FALSE-4566] one that became a replica says so in the way that clients know', async () => {
    const [former, later] = [await serve(), await serve()]
    const front = await movingAddress(former.port)
    // What ioredis says to do for a failover that cuts no connection.
    const reconnectOnError = (error: Error) => error.message.startsWith('READONLY')
    const store = await open(front, there => byIoredis(there, { reconnectOnError }))
    await store.epoch()
    await former.ask('REPLICAOF', '127.0.0.1', later.port)
    front.moveTo(later.port)
    const isThere = () =>
      store.epoch().then(
        () => true,
        () => false,
      )
    await until(isThere, 'the store')
    front.close()
  })

  it('a replica is refused', async () => {
    const master = await serve()
    const replica = await serve({ replicaOf: master.port })
    const store = await open(replica)
    const error = await failure(store.epoch())
    expect(error).to.have.property('code', 'ERR_POE_STORE_CONFIG')
    expect(error.message).to.include('replica')
  })

  it('also with appendfsync always: a copy that was a replica is not the memory', async () => {
    const master = await serve({ persistence: 'always' })
    const replica = await serve({ persistence: 'always', replicaOf: master.port })
    const first = await open(master)
    const unspent = await tokenFor(first, 'unspent')
    await caughtUp(replica)
    await master.kill()
    await replica.ask('REPLICAOF', 'NO', 'ONE')
    const second = await open(replica)
    expect((await second.claim('unspent', unspent)).state).to.equal('wrong-epoch')
  })

  it('[FALSE-4546] nor is one that was a replica, and starts as a server of its own', async () => {
    const old = await serve({ persistence: 'always' })
    const moved = await serve({ persistence: 'always' })
    const first = await open(old)
    const unspent = await tokenFor(first, 'unspent')
    await moved.ask('REPLICAOF', '127.0.0.1', old.port)
    await caughtUp(moved)
    const written = /aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0/
    await until(
      async () => written.test(String(await moved.ask('INFO', 'persistence'))),
      'its file',
    )
    await moved.kill()
    await moved.start()
    // The old one takes what comes until its applications are told of the new one.
    expect((await first.claim('unspent', unspent)).state).to.equal('wrong-epoch')
    const second = await open(moved)
    expect((await second.claim('unspent', unspent)).state).to.equal('claimed')
  })
})

/** A claim as a token minted now would make it. */
async function tokenFor(store: Store, key: string): Promise<Claim> {
  const { nowMs, epochs } = await store.epoch()
  const epoch = epochs[bucketOf(key, epochs.length)] ?? null
  return makeClaim(nowMs, { epoch, owner: `owner of ${key}` })
}

async function spend(store: Store, key: string): Promise<Claim> {
  const claim = await tokenFor(store, key)
  expect((await store.claim(key, claim)).state).to.equal('claimed')
  expect((await store.complete(key, claim.owner, outcome())).state).to.equal('ok')
  return claim
}

/** None of these tokens runs: at the first try, and when the epochs have been read anew. */
async function expectVoid(store: Store, claims: Readonly<Record<string, Claim>>): Promise<void> {
  await until(async () => {
    await store.secrets([])
    return true
  }, 'the connection')
  for (let tries = 0; tries < 2; tries += 1) {
    for (const [key, claim] of Object.entries(claims)) {
      const reply = await store.claim(key, { ...claim, owner: 'somebody else' })
      expect(reply.state, `a claim of '${key}'`).to.equal('wrong-epoch')
      expect((await store.read(key, claim.epoch)).state, 'a read').to.equal('wrong-epoch')
      expect((await tokenFor(store, key)).epoch).not.to.equal(claim.epoch)
    }
  }
}

/** What is done by a clock that is eleven seconds ahead. */
async function inTenSeconds(work: () => Promise<void>): Promise<void> {
  const { now } = performance
  performance.now = () => now.call(performance) + 11_000
  try {
    await work()
  } finally {
    performance.now = now
  }
}

async function back(store: Store): Promise<void> {
  await until(async () => (await store.epoch()).epochs.length > 0, 'the store')
}

async function caughtUp(replica: RedisServer): Promise<void> {
  await until(
    async () => String(await replica.ask('INFO', 'replication')).includes('master_link_status:up'),
    'the replica',
  )
}

async function scriptCalls(server: RedisServer): Promise<number> {
  const stats = String(await server.ask('INFO', 'commandstats'))
  const calls = (name: string) =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  return calls('evalsha') + calls('eval')
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const error = await work.catch((reason: unknown) => reason)
  if (error instanceof Error) return error
  throw new Error('it did not fail')
}
