/** Many stores in one process that share a client or a pool: one for each tenant, for example. */
import { expect } from 'chai'
import { Redis } from 'ioredis'
import pg from 'pg'
import { postgresStore } from '../../lib/stores/postgres.js'
import { redisStore } from '../../lib/stores/redis.js'

const TENANTS = Array.from({ length: 20 }, (_, index) => `t${index}`)

describe('many stores on one client', () => {
  it('[FALSE-3913] listen to errors of a Redis client once, until the last is closed', async () => {
    const client = new Redis({ lazyConnect: true })
    const stores = TENANTS.map(prefix => redisStore({ client, prefix }))
    expect(client.listenerCount('error')).to.equal(1)
    const [last, ...others] = stores
    for (const store of others) await store.close()
    expect(client.listenerCount('error')).to.equal(1)
    await last?.close()
    expect(client.listenerCount('error')).to.equal(0)
    client.disconnect()
  })

  it('[FALSE-3913] listen to errors of a pool of pg once', async () => {
    const pool = new pg.Pool()
    const stores = TENANTS.map(schema => postgresStore({ pool, schema }))
    expect(pool.listenerCount('error')).to.equal(1)
    for (const store of stores) await store.close()
    await pool.end()
  })
})
