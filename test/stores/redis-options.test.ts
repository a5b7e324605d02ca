/** Options of a client that change what the store sends or reads. */
import { expect } from 'chai'
import { Cluster, Redis } from 'ioredis'
import { redisStore } from '../../lib/stores/redis.js'
import { storeContract } from '../../lib/testing/store-contract.js'
import { describeWith } from '../support/servers/programs.js'
import { startRedis } from '../support/servers/redis-server.js'
import { byIoredis, redisContract, type Setup } from './helpers/redis-clients.js'

describeWith(['redis-server'], 'a client of ioredis that puts a prefix before each key', () => {
  let setup: Setup
  before(async () => {
    const server = await startRedis()
    const connected = await byIoredis(server.port, { keyPrefix: '{app}:*' })
    setup = { ...connected, servers: [server], remove: () => server.remove() }
  })
  after(async () => {
    setup.end()
    await setup.remove()
  })

  for (const { title, run } of storeContract(redisContract(() => setup))) {
    if (title.startsWith('admin:')) it(`[FALSE-3918] ${title}`, run)
  }
})

describe('a client of ioredis that gives numbers as text', () => {
  it('[FALSE-3919] is refused, alone and in a cluster', () => {
    const wishes = { lazyConnect: true, stringNumbers: true }
    const clients = [
      new Redis(wishes),
      new Cluster([], { redisOptions: wishes, lazyConnect: true }),
    ]
    for (const client of clients) {
      expect(() => redisStore({ client })).to.throw(TypeError, 'without stringNumbers')
      client.disconnect()
    }
  })
})
