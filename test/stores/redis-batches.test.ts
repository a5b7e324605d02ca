/** Claims and completions that go to a Redis server as one script. */
import { expect } from 'chai'
import { bucketOf, type Store } from '../../lib/engine/store.js'
import { recordName } from '../../lib/stores/redis/packing.js'
import { redisStore } from '../../lib/stores/redis.js'
import { describeWith } from '../support/servers/programs.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { makeClaim, outcome } from './helpers/claims.js'
import { byIoredis, byNodeRedis } from './helpers/redis-clients.js'

const KEYS = Array.from({ length: 20 }, (_, at) => `key-${at}`)
const codeOf = (error: { code?: unknown }): string => String(error.code)

async function claimAll(store: Store): Promise<string[]> {
  const { nowMs } = await store.epoch()
  const claim = { ...makeClaim(nowMs), owner: 'a' }
  return Promise.all(KEYS.map(key => store.claim(key, claim).then(({ state }) => state, codeOf)))
}

function completeAll(store: Store): Promise<string[]> {
  return Promise.all(
    KEYS.map(key => store.complete(key, 'a', outcome(key)).then(({ state }) => state, codeOf)),
  )
}

async function scriptsRun(server: RedisServer): Promise<number> {
  const stats = String(await server.ask('INFO', 'commandstats'))
  const calls = (name: string) =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  return calls('evalsha') + calls('eval')
}

describeWith(['redis-server'], 'a batch on Redis', () => {
  let server: RedisServer
  afterEach(() => server.remove())

  for (const [name, connect] of Object.entries({ byIoredis, byNodeRedis })) {
    it(`${name}: is one command`, async () => {
      server = await startRedis()
      const connected = await connect(server.port)
      const store = redisStore({ client: connected.client })
      await claimAll(store)
      await completeAll(store)
      await server.ask('FLUSHALL')
      await store.epoch()
      const { nowMs } = await store.epoch()
      const before = await scriptsRun(server)
      const claim = { ...makeClaim(nowMs), owner: 'a' }
      const replies = await Promise.all(KEYS.map(key => store.claim(key, claim)))
      expect(new Set(replies.map(({ state }) => state))).to.deep.equal(new Set(['claimed']))
      expect(new Set(await completeAll(store))).to.deep.equal(new Set(['ok']))
      expect((await scriptsRun(server)) - before).to.equal(2)
      connected.end()
    })

    it(`${name}: one that fails takes nobody with it`, async () => {
      server = await startRedis()
      const connected = await connect(server.port)
      const store = redisStore({ client: connected.client })
      await store.epoch()
      const name = recordName('poe', bucketOf('key-3', 64), 'key-3')
      await server.ask('EVAL', "redis.call('LPUSH', KEYS[1], 'x')", 1, name as never)
      const wanted = KEYS.map(key => (key === 'key-3' ? 'ERR_POE_STORE_DOWN' : 'claimed'))
      expect(await claimAll(store)).to.deep.equal(wanted)
      expect(await completeAll(store)).to.deep.equal(
        wanted.map(state => (state === 'claimed' ? 'ok' : state)),
      )
      connected.end()
    })

    it(`[FALSE-4545] ${name}: in a MULTI of the application nothing is granted`, async () => {
      server = await startRedis()
      const { client, end } = await connect(server.port)
      const store = redisStore({ client })
      const send = (word: string) =>
        'callBuffer' in client ? client.callBuffer(word) : client.sendCommand([word] as never)
      const { nowMs } = await store.epoch()
      const claim = { ...makeClaim(nowMs), owner: 'a' }
      await send('MULTI')
      const together = KEYS.flatMap(key => [
        store.claim(key, claim),
        store.complete(key, 'a', outcome()),
      ])
      const alone = [store.renew('b', 'a', 9), store.read('b', null), store.secrets([])]
      const calls: Promise<unknown>[] = [...together, ...alone, store.epoch()]
      const codes = new Set(await Promise.all(calls.map(call => call.then(String, codeOf))))
      expect(codes).to.deep.equal(new Set(['ERR_POE_STORE_CONFIG']))
      await send('DISCARD')
      expect(new Set(await claimAll(store))).to.deep.equal(new Set(['claimed']))
      end()
    })

    it(`${name}: a server of a cluster takes each by itself`, async () => {
      server = await startRedis({ cluster: true })
      await server.ask('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
      let info = ''
      while (!info.includes('cluster_state:ok')) info = String(await server.ask('CLUSTER', 'INFO'))
      const connected = await connect(server.port)
      const store = redisStore({ client: connected.client })
      expect(new Set(await claimAll(store))).to.deep.equal(new Set(['claimed']))
      expect(new Set(await completeAll(store))).to.deep.equal(new Set(['ok']))
      connected.end()
    })
  }
})
