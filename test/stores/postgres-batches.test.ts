/**
 * Claims and completions that go to PostgreSQL together: what happens to one of them does not
 * happen to its neighbours.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { hashKey } from '../../lib/stores/postgres/packing.js'
import type { PostgresStore } from '../../lib/stores/postgres.js'
import { BOUNDED_MS } from '../support/meeting.js'
import {
  type PostgresServer,
  sharedPostgres,
  startPostgres,
} from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { makeClaim, outcome } from './helpers/claims.js'
import { PostgresStores } from './helpers/postgres-stores.js'

const codeOf = (error: { code?: unknown }): string => String(error.code)
const KEYS = Array.from({ length: 12 }, (_, at) => `key-${at}`)

describeWith(['postgres', 'initdb'], 'a batch on PostgreSQL', () => {
  let stores: PostgresStores
  let store: PostgresStore
  let poe: string
  let nowMs: number
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  beforeEach(async () => {
    store = await stores.fresh()
    poe = stores.schemaOf(store)
    nowMs = (await store.epoch()).nowMs
  })
  afterEach(() => store.close())
  after(() => stores.end())

  const claimAll = (keys: readonly string[], epoch: (key: string) => string | null = () => null) =>
    Promise.all(
      keys.map(key =>
        store
          .claim(key, { ...makeClaim(nowMs), owner: 'a', epoch: epoch(key) })
          .then(({ state }) => state, codeOf),
      ),
    )
  const completeAll = (keys: readonly string[]) =>
    Promise.all(
      keys.map(key => store.complete(key, 'a', outcome()).then(({ state }) => state, codeOf)),
    )

  it('is one statement and one commit', async () => {
    await stores.admin.query(`
      CREATE TABLE ${poe}.seen (transaction bigint);
      CREATE FUNCTION ${poe}.see() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO ${poe}.seen VALUES (txid_current()); RETURN NULL; END $$;
      CREATE TRIGGER see AFTER INSERT OR UPDATE ON ${poe}.record
        FOR EACH STATEMENT EXECUTE FUNCTION ${poe}.see()`)
    expect(new Set(await claimAll(KEYS))).to.deep.equal(new Set(['claimed']))
    expect(new Set(await completeAll(KEYS))).to.deep.equal(new Set(['ok']))
    const count = `SELECT count(DISTINCT transaction)::int AS count FROM ${poe}.seen`
    expect((await stores.admin.query(count)).rows).to.deep.equal([{ count: 2 }])
  })

  it('one that the server refuses takes nobody with it', async () => {
    const states = await claimAll(KEYS, key => (key === 'key-3' ? 'not\0text' : null))
    expect(states.filter(state => state === 'claimed')).to.have.lengthOf(KEYS.length - 1)
    expect(states[3]).to.match(/^ERR_POE_STORE/)
    await stores.admin.query(`
      CREATE FUNCTION ${poe}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'not this one'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON ${poe}.record FOR EACH ROW
        WHEN (NEW.key = '${hashKey('key-5')}') EXECUTE FUNCTION ${poe}.refuse()`)
    const done = await completeAll(KEYS)
    expect(done.filter(state => state === 'ok')).to.have.lengthOf(KEYS.length - 2)
    expect([done[3], done[5]]).to.deep.equal(['stale', 'ERR_POE_STORE_DOWN'])
  })

  it('one whose record or line is held waits alone', async () => {
    await claimAll(KEYS)
    const holder = await stores.poolOf(store).connect()
    const key = hashKey('key-7')
    await holder.query(`BEGIN; SELECT 1 FROM ${poe}.record WHERE key = '${key}' FOR UPDATE`)
    const startedMs = performance.now()
    const others = KEYS.filter(one => one !== 'key-7')
    const held = store.complete('key-7', 'a', outcome(), 50_000)
    expect(new Set(await completeAll(others))).to.deep.equal(new Set(['ok']))
    expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
    await holder.query('COMMIT')
    expect((await held).state).to.equal('ok')
    await holder.query(`BEGIN; SELECT ${poe}.line_up('${hashKey('lined up')}')`)
    const rival = store.claim('lined up', { ...makeClaim(nowMs), owner: 'b' }, 50_000)
    expect(new Set(await claimAll(['new 1', 'new 2']))).to.deep.equal(new Set(['claimed']))
    await holder.query('ROLLBACK')
    expect((await rival).state).to.equal('claimed')
    holder.release()
  })

  it('works with one connection, and under defaults that are too strict', async () => {
    await stores.admin.query(`ALTER DATABASE ${(await databaseName(stores)).name}
      SET default_transaction_isolation = 'serializable'`)
    const strict = stores.open(poe, { connections: 1 })
    try {
      const claims = KEYS.map(key => strict.claim(key, { ...makeClaim(nowMs), owner: 'a' }))
      const states = (await Promise.all(claims)).map(({ state }) => state)
      expect(new Set(states)).to.deep.equal(new Set(['claimed']))
    } finally {
      await stores.admin.query(`ALTER DATABASE ${(await databaseName(stores)).name}
        RESET default_transaction_isolation`)
      await strict.close()
    }
  })

  it('completions of two processes in any order, at once: no deadlock', async () => {
    const other = stores.open(poe)
    for (let round = 0; round < 10; round += 1) {
      const keys = KEYS.map(key => `${round} ${key}`)
      await claimAll(keys)
      const replies = await Promise.all([
        ...keys.map(key => store.complete(key, 'a', outcome())),
        ...keys.toReversed().map(key => other.complete(key, 'a', outcome())),
      ])
      expect(new Set(replies.map(({ state }) => state))).to.deep.equal(new Set(['ok']))
    }
    await other.close()
  })
})

async function databaseName({ admin }: PostgresStores): Promise<{ name: string }> {
  const { rows } = await admin.query('SELECT current_database() AS name')
  return rows[0]
}

describeWith(['postgres', 'initdb'], 'a batch whose server goes away', () => {
  it('each is told that it is down, and none is claimed late', async () => {
    const server: PostgresServer = await startPostgres()
    const stores = new PostgresStores(server.url)
    const store = await stores.fresh()
    const { nowMs } = await store.epoch()
    server.freeze()
    const startedMs = performance.now()
    const claims = KEYS.map(key =>
      store.claim(key, makeClaim(nowMs, { claimByMs: nowMs + 500 })).then(() => 'none', codeOf),
    )
    expect(new Set(await Promise.all(claims))).to.deep.equal(new Set(['ERR_POE_STORE_DOWN']))
    expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
    server.thaw()
    await pause(300)
    for (const key of KEYS) expect((await store.read(key, null, 5_000)).state).to.equal('none')
    await store.close()
    await stores.end()
    await server.remove()
  })
})
