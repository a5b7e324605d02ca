/**
 * What a newer release may have written, met by this one: it is neither run nor guessed at, the
 * error says what to do, and other links go on.
 *
 * @see decision 0036
 */
import { expect } from 'chai'
import { Redis } from 'ioredis'
import pg from 'pg'
import { bucketOf, type Store } from '../../lib/engine/store.js'
import { hashKey } from '../../lib/stores/postgres/packing.js'
import { postgresStore } from '../../lib/stores/postgres.js'
import { BUCKETS } from '../../lib/stores/redis/epochs.js'
import { hashOwner, packWho, recordName } from '../../lib/stores/redis/packing.js'
import { redisStore } from '../../lib/stores/redis.js'
import { sqliteStore } from '../../lib/stores/sqlite.js'
import { expectProblem } from '../support/answers.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { sharedRedis } from '../support/servers/redis-server.js'
import { startWorld } from '../support/world.js'
import { Files } from './helpers/sqlite-files.js'

/** A store whose records a test writes past it. */
interface Open {
  readonly store: Store<unknown>
  /** Writes a spent record anew. */
  rewrite(key: string, form: string): Promise<unknown>
  end(): unknown
}

/** A head whose shortened form has a phrase of a later table, and one that is no array. */
const HEADS = ['\u000b"n"]', '{"status":201}']

async function expectUnread(open: () => Promise<Open>, form: string): Promise<void> {
  const { store, rewrite, end } = await open()
  const world = await startWorld(
    { store: 'memory', koa: 3, at: 'root' },
    { poe: { store, dangerouslyRunUnprotected: true } },
  )
  try {
    const [link, other] = [await world.link(), await world.link()]
    expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    await rewrite(String(world.effects[0]), form)
    for (const method of ['POST', 'GET', 'POST']) {
      const refused = await world.send(method, link, method === 'POST' ? { json: {} } : {})
      await expectProblem(refused, 503, 'store-down')
    }
    expect(world.runs).to.equal(1)
    const told = world.events.filter(({ type }) => type === 'record-unreadable')
    expect(told).to.have.lengthOf(3)
    expect(told[0]).to.have.nested.property('cause.code', 'ERR_POE_STORE_RECORD')
    expect(world.events.map(({ type }) => type)).to.not.include('store-down')
    expect((await world.send('POST', other, { json: {} })).status).to.equal(201)
  } finally {
    await world.close()
    await end()
  }
}

describe('a record of a newer release in a sqlite file', () => {
  const files = new Files()
  after(() => files.remove())
  const open = async (): Promise<Open> => {
    const store = sqliteStore(files.fresh())
    return {
      store: store as Store<unknown>,
      rewrite: (_key, head) =>
        store.write(db => db.prepare('UPDATE poe_spent SET head = ?').run(head)),
      end: () => {},
    }
  }
  for (const head of HEADS) {
    it(`[UPG-03] ${JSON.stringify(head)}: 503, an event, nothing runs`, () =>
      expectUnread(open, head))
  }
})

describeWith(['postgres', 'initdb'], 'a record of a newer release in PostgreSQL', () => {
  let schemas = 0
  const open = async (): Promise<Open> => {
    schemas += 1
    const schema = `newer${process.pid}_${schemas}`
    const pool = new pg.Pool({ connectionString: (await sharedPostgres()).url })
    const store = postgresStore({ pool, schema })
    await store.migrate()
    return {
      store: store as Store<unknown>,
      rewrite: (key, form) => {
        const [column, text] = form.split('=')
        const sql = `UPDATE ${schema}.record SET ${column} = $1 WHERE key = $2`
        return pool.query(sql, [Buffer.from(text ?? ''), hashKey(key)])
      },
      end: () => pool.end(),
    }
  }
  for (const form of [...HEADS.map(head => `head=${head}`), 'told=\u0009\u0000\u0000']) {
    it(`[UPG-03] ${JSON.stringify(form)}: 503, an event, nothing runs`, () =>
      expectUnread(open, form))
  }
})

describeWith(['redis-server'], 'a record of a newer release in Redis', () => {
  let prefixes = 0
  const open = async (): Promise<Open & { readonly client: Redis; readonly prefix: string }> => {
    prefixes += 1
    const prefix = `newer${process.pid}_${prefixes}`
    const client = new Redis((await sharedRedis()).url)
    await client.ping()
    const name = (key: string): Buffer => recordName(prefix, bucketOf(key, 64), key)
    return {
      store: redisStore({ client, prefix }) as Store<unknown>,
      rewrite: (key, form) => client.set(name(key), Buffer.from(form, 'latin1'), 'KEEPTTL'),
      end: () => client.disconnect(),
      client,
      prefix,
    }
  }
  const spent = (head: string): string => {
    const who = packWho({ fingerprint: null, principal: 'guest' })
    const parts = [who, hashOwner('owner'), Buffer.of(head.length * 2), Buffer.from(head)]
    return Buffer.concat(parts).toString('latin1')
  }
  const rest = 'x'.repeat(60)
  const forms = [`\u0003${rest}`, `V${rest}`, ...HEADS.map(spent)]
  for (const form of forms) {
    it(`[UPG-03] ${JSON.stringify(form)}: 503, an event, nothing runs`, () =>
      expectUnread(open, form))
  }

  it('[UPG-03] a newer release has begun to write there: no claim, no link, and why', async () => {
    const { store, client, prefix, end } = await open()
    const world = await startWorld({ store: 'memory', koa: 3, at: 'root' }, { poe: { store } })
    const [before, link] = [await world.link(), await world.link()]
    expect((await world.send('POST', before, { json: {} })).status).to.equal(201)
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      const name = `${prefix}{${bucket}}:e`
      const value = String(await client.get(name))
      await client.set(name, `${value.slice(0, 12)}2${value.slice(13)}`)
    }
    await expectProblem(await world.send('POST', link, { json: {} }), 503, 'store-down')
    expect(world.runs).to.equal(1)
    const [down] = world.events.filter(({ type }) => type === 'store-down')
    expect(down).to.have.nested.property('cause.code', 'ERR_POE_STORE_SCHEMA')
    const names = await client.keys(`${prefix}{*:e`)
    const values = (await client.mget(names)).map(value => value?.charAt(12))
    expect(values, 'none is replaced').to.deep.equal(Array(BUCKETS).fill('2'))
    await world.close()
    await end()
  })
})
