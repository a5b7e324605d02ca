/**
 * What an application tells `pg` of types (a boolean as its letter, numbers as text) changes
 * nothing of what the store reads.
 */
import { expect } from 'chai'
import pg from 'pg'
import { addMessage } from '../../lib/stores/postgres/outbox.js'
import { type PostgresStore, postgresStore } from '../../lib/stores/postgres.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { claimState, outcome } from './helpers/claims.js'
import { PostgresStores } from './helpers/postgres-stores.js'

/** By their oids: boolean, bytea, bigint, integer, text, jsonb, uuid. */
const OIDS = [16, 17, 20, 23, 25, 3802, 2950]

describeWith(['postgres', 'initdb'], 'a PostgreSQL store and the types of its application', () => {
  const before = OIDS.map(oid => [oid, pg.types.getTypeParser(oid, 'text')] as const)
  let stores: PostgresStores
  let store: PostgresStore
  beforeEach(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
    store = await stores.fresh()
  })
  afterEach(async () => {
    for (const [oid, parser] of before) pg.types.setTypeParser(oid, parser)
    await store.close()
    await stores.end()
  })

  for (const oids of [[16], OIDS]) {
    it(`[FALSE-3903] as text, of the oids ${oids}: a lost claim is told as lost`, async () => {
      for (const oid of oids) pg.types.setTypeParser(oid, text => text)
      expect((await store.migrate()).from).to.equal(4)
      expect(await claimState(store, 'key', { owner: 'a' })).to.equal('claimed')
      expect((await store.complete('key', 'b', outcome())).state).to.equal('stale')
      expect((await store.renew('key', 'b', 1_000)).state).to.equal('stale')
      expect((await store.release('key', 'b')).state).to.equal('stale')
      const transaction = store.transaction('key', 'a')
      await transaction.handle.query('SELECT 1')
      await transaction.later?.({ key: 'm', name: 'mail', payload: '1', delayMs: 0 })
      expect((await transaction.commit(outcome())).state).to.equal('ok')
      expect((await store.confirm('key', 'b')).state).to.equal('stale')
      expect((await store.read('key', null)).state).to.equal('spent')
      expect((await store.secrets([{ id: 'a', key: 'b' }]))[0]).to.deep.equal({ id: 'a', key: 'b' })
      const query = { names: ['mail'], owner: 'w', leaseMs: 1_000, limit: 1 }
      expect((await store.outbox.take(query)).messages[0]).to.include({ key: 'm', payload: '1' })
      expect((await store.outbox.end('m', 'x', { verdict: 'delivered' })).state).to.equal('stale')
      expect(await store.purge(10)).to.deep.equal({ removed: 0, more: false })
      expect((await store.list({ state: 'undecided' })).records).to.deep.equal([])
      expect(await store.admin.count()).to.include({ spent: 1, running: 0 })
    })
  }

  it('[FALSE-3903] bytes that the server spells with escapes are what was given', async () => {
    const url = new URL((await sharedPostgres()).url)
    url.searchParams.set('options', '-c bytea_output=escape')
    const escaping = new PostgresStores(url.href)
    const there = escaping.open(stores.schemaOf(store))
    pg.types.setTypeParser(17, text => text)
    const body = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256))
    await claimState(there, 'key', { owner: 'a', principal: 'Ä\\000' })
    await there.complete('key', 'a', { head: '[201,[],"k"]', body })
    const found = await there.read('key', null)
    expect(found).to.include({ state: 'spent', principal: 'Ä\\000' })
    expect(found.state === 'spent' && found.outcome.body).to.deep.equal(body)
    await there.close()
    await escaping.end()
  })

  it('[FALSE-3926] where arrays know no NULL, answers without a body have none', async () => {
    const url = new URL((await sharedPostgres()).url)
    url.searchParams.set('options', '-c array_nulls=off')
    const old = new PostgresStores(url.href)
    const there = old.open(stores.schemaOf(store))
    // As every process does before its first claim.
    await there.epoch()
    const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`)
    const claims = keys.map(key => claimState(there, key, { owner: key, epoch: null }))
    expect(new Set(await Promise.all(claims))).to.deep.equal(new Set(['claimed']))
    const empty = { head: '[204,[],"k"]', body: null }
    await Promise.all(keys.map(key => there.complete(key, key, empty)))
    for (const key of keys) {
      const found = await there.read(key, null)
      expect(found.state === 'spent' && found.outcome.body, key).to.equal(null)
    }
    await there.close()
    await old.end()
  })

  it('[FALSE-4538] a message is sent as text, which a pool on libpq can send, too', async () => {
    const payload = JSON.stringify({ text: 'a \\n "b"\n' })
    const message = { key: 'm', name: 'mail', payload, delayMs: 0 }
    const { values } = addMessage('poe', message)
    expect(values.map(value => typeof value)).to.deep.equal([
      'string',
      'string',
      'string',
      'number',
    ])
    await claimState(store, 'key', { owner: 'a' })
    const transaction = store.transaction('key', 'a')
    await transaction.later?.(message)
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    const query = { names: ['mail'], owner: 'w', leaseMs: 1_000, limit: 1 }
    expect((await store.outbox.take(query)).messages[0]).to.include({ payload })
  })

  it('[FALSE-4539] libpq for its own connections is refused, and it is said why', async () => {
    class Native extends pg.Client {
      readonly native = {}
    }
    const { url } = await sharedPostgres()
    const pool = new pg.Pool({ connectionString: url, Client: Native } as pg.PoolConfig)
    const there = postgresStore({ pool, schema: stores.schemaOf(store) })
    const error = await there.epoch().catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'ERR_POE_STORE_CONFIG' })
    expect(String(error)).to.include('NODE_PG_FORCE_NATIVE')
    await there.close()
    await pool.end()
  })

  it('[FALSE-3920] a pool whose replies are binary serves a store as any other', async () => {
    const { url } = await sharedPostgres()
    const pool = new pg.Pool({ connectionString: url, binary: true } as pg.PoolConfig)
    const there = postgresStore({ pool, schema: stores.schemaOf(store) })
    expect((await there.migrate()).from).to.equal(4)
    expect(await claimState(there, 'key', { owner: 'a' })).to.equal('claimed')
    const transaction = there.transaction('key', 'a')
    await transaction.handle.query('SELECT $1::int', [1])
    await transaction.later?.({ key: 'm', name: 'mail', payload: '1', delayMs: 0 })
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    expect((await there.confirm('key', 'b')).state).to.equal('stale')
    expect((await there.read('key', null)).state).to.equal('spent')
    await there.close()
    await pool.end()
  })
})
