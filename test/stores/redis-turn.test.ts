/** What leaves a Redis client together. */
import type { Duplex } from 'node:stream'
import { expect } from 'chai'
import { redisStore } from '../../lib/stores/redis.js'
import { describeWith } from '../support/servers/programs.js'
import { startRedis } from '../support/servers/redis-server.js'
import { byIoredis } from './helpers/redis-clients.js'

describeWith(['redis-server'], 'an ioredis client', () => {
  it('[COST-05] commands of one turn of the event loop leave in one write', async () => {
    const server = await startRedis()
    const connected = await byIoredis(server.port)
    const store = redisStore({ client: connected.client })
    await store.read('warm up', null)
    const { stream } = connected.client as unknown as { stream: Duplex }
    let writes = 0
    for (const name of ['_write', '_writev'] as const) {
      const write = stream[name] as (...args: unknown[]) => void
      Object.assign(stream, {
        [name]: (...args: unknown[]) => {
          writes += 1
          write.apply(stream, args)
        },
      })
    }
    const reads = Array.from({ length: 20 }, (_, index) => store.read(`key ${index}`, null))
    const states = (await Promise.all(reads)).map(({ state }) => state)
    expect(new Set(states)).to.deep.equal(new Set(['none']))
    expect(writes).to.equal(1)
    connected.end()
    await server.remove()
  })
})
