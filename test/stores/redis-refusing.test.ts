/**
 * A Redis that takes no writes (too few replicas, a disk that is full) tells what there is.
 */
import { expect } from 'chai'
import type { ListReply, Store } from '../../lib/engine/store.js'
import { redisStore } from '../../lib/stores/redis.js'
import { describeWith } from '../support/servers/programs.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'
import { claimState } from './helpers/claims.js'
import { byIoredis, byNodeRedis } from './helpers/redis-clients.js'

/** A page ends after 250 ms, too, which a busy machine needs for a few of its 64 buckets. */
async function keysInDoubt(store: Store): Promise<readonly string[]> {
  const keys: string[] = []
  let cursor: string | null = null
  do {
    const page: ListReply = await store.list({ state: 'undecided', cursor })
    keys.push(...page.records.map(({ key }) => key))
    cursor = page.cursor
  } while (cursor !== null)
  return keys
}

describeWith(['redis-server'], 'a Redis that takes no writes', () => {
  let server: RedisServer
  before(async () => {
    server = await startRedis()
  })
  after(() => server.remove())

  for (const [name, connect] of Object.entries({ redis: byNodeRedis, ioredis: byIoredis })) {
    it(`[FALSE-4675] tells what is undecided, and its settings (${name})`, async () => {
      const connected = await connect(server.port)
      const store = redisStore({ client: connected.client, prefix: name })
      await claimState(store, 'key', { onSilence: 'undecided', owner: 'owner' })
      await store.renew('key', 'owner', 0)
      await server.ask('CONFIG', 'SET', 'min-replicas-to-write', 1)
      try {
        const refused = await claimState(store, 'other').catch(({ cause }) => String(cause))
        expect(refused).to.include('NOREPLICAS')
        expect(await keysInDoubt(store)).to.deep.equal(['key'])
        expect((await store.admin?.count())?.undecided).to.equal(1)
        expect(await store.admin?.settings()).to.have.length.above(3)
      } finally {
        await server.ask('CONFIG', 'SET', 'min-replicas-to-write', 0)
        connected.end()
      }
    })
  }
})
