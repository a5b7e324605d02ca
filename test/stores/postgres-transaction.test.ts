/**
 * Handlers' transactions on PostgreSQL: how they begin and end, what the database may do to them,
 * and that a lost answer to `COMMIT` is resolved, not repeated.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import knex from 'knex'
import pg from 'pg'
import type { StoreTransaction } from '../../lib/engine/store.js'
import { PoeError } from '../../lib/errors.js'
import {
  type PostgresStore,
  type PostgresTransaction,
  postgresStore,
} from '../../lib/stores/postgres.js'
import { type FaultProxy, faultProxy } from '../../lib/testing/fault-proxy.js'
import { BOUNDED_MS } from '../support/meeting.js'
import { sharedPostgres, startBouncer } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { claimState, outcome } from './helpers/claims.js'
import { PostgresStores } from './helpers/postgres-stores.js'

describeWith(['postgres', 'initdb'], 'transactions on PostgreSQL', () => {
  let stores: PostgresStores
  let store: PostgresStore
  let poe: string
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  beforeEach(async () => {
    store = await stores.fresh()
    poe = stores.schemaOf(store)
    await stores.admin.query(`CREATE TABLE ${poe}.effect (text text PRIMARY KEY)`)
  })
  afterEach(() => store.close())
  after(() => stores.end())

  const begin = async (key: string): Promise<StoreTransaction<PostgresTransaction>> => {
    expect(await claimState(store, key, { owner: key, onSilence: 'free' })).to.equal('claimed')
    return store.transaction(key, key)
  }
  const insert = (tx: PostgresTransaction, text: string) =>
    tx.query(`INSERT INTO ${poe}.effect (text) VALUES ($1)`, [text])
  const effects = async (): Promise<string[]> => {
    const { rows } = await stores.admin.query(`SELECT text FROM ${poe}.effect ORDER BY text`)
    return rows.map(row => String(row.text))
  }
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise
      return 'none'
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  }
  const locked = async (isSo: boolean): Promise<void> => {
    const free = `SELECT count(*)::int AS count FROM (
      SELECT 1 FROM ${poe}.record WHERE head IS NULL FOR UPDATE SKIP LOCKED) AS seen`
    while (isSo && (await stores.admin.query(free)).rows[0].count > 0) await pause(5)
  }
  const stateOf = async (key: string) => (await store.read(key, null)).state

  for (const sql of ['COMMIT', 'rollback', 'select 1; /* x */ end', 'START TRANSACTION', 'begin']) {
    it(`refuses ${JSON.stringify(sql)}, and keeps nothing`, async () => {
      const transaction = await begin('key')
      await insert(transaction.handle, 'one')
      expect(await codeOf(transaction.handle.query(sql))).to.equal('ERR_POE_TX_STOLEN')
      expect(await codeOf(transaction.commit(outcome()))).to.equal('ERR_POE_TX_STOLEN')
      expect(await effects()).to.deep.equal([])
      expect(await stateOf('key')).to.equal('running')
    })
  }

  it('[FALSE-4548] a commit under way is waited for, also when its link is over', async () => {
    await stores.admin.query(`
      CREATE FUNCTION ${poe}.slow() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(1); RETURN NULL; END';
      CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON ${poe}.effect
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${poe}.slow()`)
    for (const key of ['committing', 'at work']) {
      const transaction = await begin(key)
      await insert(transaction.handle, key)
      await store.renew(key, key, 0)
      const early = key === 'committing' ? transaction.commit(outcome(), 5_000) : null
      await locked(early !== null)
      const late = await claimState(store, key, { owner: 'b', tokenExpiresMs: 1 })
      expect(late).to.equal(early === null ? 'expired' : 'running')
      const end = await (early ?? transaction.commit(outcome(), 5_000))
      expect(end.state).to.equal(early === null ? 'stale' : 'ok')
    }
    expect(await effects()).to.deep.equal(['committing'])
  })

  it('lets savepoints, functions and quoted words pass', async () => {
    const transaction = await begin('key')
    const { handle } = transaction
    await handle.query('SAVEPOINT a')
    await insert(handle, 'undone')
    await handle.query('ROLLBACK TO SAVEPOINT a')
    await handle.query(`DO $body$ BEGIN PERFORM 1; END $body$`)
    await handle.query(`SELECT 'it''s; COMMIT', E'\\'; COMMIT', "text" FROM ${poe}.effect -- ; END`)
    await insert(handle, 'kept')
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    expect(await effects()).to.deep.equal(['kept'])
  })

  it('notices that its transaction was ended by a connection that it did not guard', async () => {
    const transaction = await begin('key')
    await insert(transaction.handle, 'one')
    // A function cannot end it, but settings that were local to it are gone with it.
    await transaction.handle.query("SELECT set_config('poe.transaction', 'another', true)")
    expect(await codeOf(transaction.commit(outcome()))).to.equal('ERR_POE_TX_STOLEN')
    expect(await effects()).to.deep.equal([])
  })

  it('gives a broken constraint to the handler as it is, and keeps nothing', async () => {
    const transaction = await begin('key')
    await insert(transaction.handle, 'one')
    expect(await codeOf(insert(transaction.handle, 'one'))).to.equal('23505')
    expect(await codeOf(transaction.commit(outcome()))).to.equal('25P02')
    await transaction.rollback()
    expect(await effects()).to.deep.equal([])
    expect((await store.release('key', 'key')).state).to.equal('ok')
  })

  it('[FALSE-4533] a statement that cannot be sent, or read, is no lost connection', async () => {
    const unsendable = { toPostgres: () => JSON.stringify({ cents: 1n }) }
    const unreadable = { getTypeParser: () => () => BigInt('no number') }
    const transaction = await begin('key')
    const { handle } = transaction
    const asked = {
      'a value that is no JSON': () => handle.query('SELECT $1::jsonb', [unsendable]),
      'values that are no array': () => handle.query('SELECT $1', 'x' as unknown as unknown[]),
      'a type parser': () => handle.query({ text: 'SELECT 1', types: unreadable }),
    }
    for (const [what, ask] of Object.entries(asked)) {
      const error: unknown = await ask().catch((thrown: unknown) => thrown)
      expect(error, what).to.be.instanceOf(Error)
      expect(error, what).to.not.be.instanceOf(PoeError)
    }
    await handle.query('SAVEPOINT a')
    expect(await codeOf(handle.query('SELECT $1', ['one', 'too many']))).to.equal('08P01')
    await handle.query('ROLLBACK TO a')
    expect(transaction.failure).to.equal(null)
    await insert(handle, 'one')
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    expect(await effects()).to.deep.equal(['one'])
  })

  it('a constraint that is checked at the commit undoes effect and mark', async () => {
    await stores.admin.query(
      `CREATE TABLE ${poe}.child (
        text text REFERENCES ${poe}.effect DEFERRABLE INITIALLY DEFERRED)`,
    )
    const transaction = await begin('key')
    await transaction.handle.query(`INSERT INTO ${poe}.child VALUES ('nobody')`)
    expect(await codeOf(transaction.commit(outcome()))).to.equal('23503')
    expect(await stateOf('key')).to.equal('running')
  })

  it('a serialization failure is a conflict: undone, and the claim stays', async () => {
    const strict = stores.open(poe, { isolation: 'serializable' })
    await stores.admin.query(`INSERT INTO ${poe}.effect VALUES ('a'), ('b')`)
    expect(await claimState(store, 'key', { owner: 'key' })).to.equal('claimed')
    const transaction = strict.transaction('key', 'key')
    await transaction.handle.query(`SELECT * FROM ${poe}.effect`)
    await stores.admin.query(`UPDATE ${poe}.effect SET text = 'c' WHERE text = 'a'`)
    const sql = `UPDATE ${poe}.effect SET text = 'd' WHERE text = 'a'`
    const update = transaction.handle.query(sql)
    expect(await codeOf(update)).to.equal('ERR_POE_TX_CONFLICT')
    await transaction.rollback()
    expect(await effects()).to.deep.equal(['b', 'c'])
    expect(await stateOf('key')).to.equal('running')
    await strict.close()
  })

  for (const isolation of ['repeatable read', 'serializable'] as const) {
    it(`[FALSE-3902] ${isolation}: a lease that is renewed meanwhile is no conflict`, async () => {
      const strict = stores.open(poe, { isolation })
      expect(await claimState(strict, 'key', { owner: 'key', leaseMs: 300 })).to.equal('claimed')
      const transaction = strict.transaction('key', 'key')
      await insert(transaction.handle, 'one')
      expect((await strict.renew('key', 'key', 300)).state).to.equal('ok')
      const found = await store.read('key', null)
      expect(found.state === 'running' && found.leaseLeftMs, 'as long as it may last').to.be.above(
        30_000,
      )
      expect((await transaction.commit(outcome())).state).to.equal('ok')
      expect([await effects(), await stateOf('key')]).to.deep.equal([['one'], 'spent'])
      await strict.close()
    })

    it(`[FALSE-4646] ${isolation} by a handler's own SET TRANSACTION: nor is it then`, async () => {
      expect(await claimState(store, 'key', { owner: 'key', leaseMs: 300 })).to.equal('claimed')
      const transaction = store.transaction('key', 'key')
      await transaction.handle.query(`SET TRANSACTION ISOLATION LEVEL ${isolation}`)
      await insert(transaction.handle, 'one')
      expect((await store.renew('key', 'key', 300)).state).to.equal('ok')
      expect((await transaction.commit(outcome())).state).to.equal('ok')
      expect([await effects(), await stateOf('key')]).to.deep.equal([['one'], 'spent'])
      const lost = store.transaction('key', 'key')
      const raised = lost.handle.query(`SET TRANSACTION ISOLATION LEVEL ${isolation}`)
      expect(await codeOf(raised)).to.equal('ERR_POE_LEASE_LOST')
      expect(lost.failure).to.have.property('code', 'ERR_POE_LEASE_LOST')
    })

    it(`[FALSE-3902] ${isolation}: undone, it is renewed as any; lost, it is stale`, async () => {
      const strict = stores.open(poe, { isolation })
      expect(await claimState(strict, 'key', { owner: 'key' })).to.equal('claimed')
      const undone = strict.transaction('key', 'key')
      await insert(undone.handle, 'one')
      await undone.rollback()
      expect((await strict.renew('key', 'key', 500)).state).to.equal('ok')
      const found = await store.read('key', null)
      expect(found.state === 'running' && found.leaseLeftMs).to.be.within(1, 500)
      const lost = strict.transaction('key', 'key')
      await insert(lost.handle, 'two')
      expect((await store.release('key', 'key')).state).to.equal('ok')
      expect((await strict.renew('key', 'key', 500)).state).to.equal('stale')
      expect(await codeOf(lost.commit(outcome()))).to.equal('ERR_POE_TX_CONFLICT')
      const late = strict.transaction('key', 'key')
      expect(await codeOf(insert(late.handle, 'three'))).to.equal('ERR_POE_LEASE_LOST')
      expect(await effects()).to.deep.equal([])
      await strict.close()
    })
  }

  it('a deadlock is a conflict for one of the two', async () => {
    await stores.admin.query(`INSERT INTO ${poe}.effect VALUES ('a'), ('b')`)
    const [one, two] = [await begin('one'), await begin('two')]
    const lock = (tx: PostgresTransaction, text: string) =>
      tx.query(`SELECT 1 FROM ${poe}.effect WHERE text = $1 FOR UPDATE`, [text])
    await Promise.all([lock(one.handle, 'a'), lock(two.handle, 'b')])
    const ends = await Promise.all([codeOf(lock(one.handle, 'b')), codeOf(lock(two.handle, 'a'))])
    expect(ends.toSorted()).to.deep.equal(['ERR_POE_TX_CONFLICT', 'none'])
    await Promise.all([one.rollback(), two.rollback()])
  })

  it('[FALSE-3911] a record that is held while it is completed: undone, and busy', async () => {
    const hasty = stores.open(poe, { lockWaitMs: 50 })
    expect(await claimState(store, 'key', { owner: 'key' })).to.equal('claimed')
    const transaction = hasty.transaction('key', 'key')
    await insert(transaction.handle, 'one')
    const other = await stores.admin.connect()
    await other.query('BEGIN')
    await other.query(`SELECT 1 FROM ${poe}.record FOR UPDATE`)
    expect(await codeOf(transaction.commit(outcome()))).to.equal('55P03')
    await other.query('ROLLBACK')
    other.release()
    expect(transaction.failure?.code).to.equal('ERR_POE_STORE_BUSY')
    expect([await effects(), await stateOf('key')]).to.deep.equal([[], 'running'])
    await hasty.close()
  })

  it('is over after txMaxMs, and gives the connection back', async () => {
    const short = stores.open(poe, { txMaxMs: 100 })
    expect(await claimState(store, 'key', { owner: 'key' })).to.equal('claimed')
    const transaction = short.transaction('key', 'key')
    await insert(transaction.handle, 'one')
    expect(await codeOf(transaction.handle.query('SELECT pg_sleep(5)'))).to.equal(
      'ERR_POE_TX_TIMEOUT',
    )
    expect(await codeOf(transaction.commit(outcome()))).to.equal('ERR_POE_TX_TIMEOUT')
    expect(await effects()).to.deep.equal([])
    expect(stores.poolOf(short).waitingCount).to.equal(0)
    await short.close()
  })

  for (const end of ['after txMaxMs', 'by a rollback'] as const) {
    it(`[FALSE-3912] over ${end} in the middle of a statement, it holds no row`, async () => {
      const short = stores.open(poe, { txMaxMs: end === 'by a rollback' ? 30_000 : 200 })
      await stores.admin.query(`INSERT INTO ${poe}.effect VALUES ('before')`)
      expect(await claimState(store, 'key', { owner: 'key' })).to.equal('claimed')
      const transaction = short.transaction('key', 'key')
      await transaction.handle.query(`UPDATE ${poe}.effect SET text = 'undone'`)
      const asleep = codeOf(transaction.handle.query('SELECT pg_sleep(600)'))
      if (end === 'by a rollback') await transaction.rollback(200)
      const change = `SET LOCAL lock_timeout = 10000; UPDATE ${poe}.effect SET text = 'after'`
      await stores.admin.query(`BEGIN; ${change}; COMMIT`)
      expect(await effects()).to.deep.equal(['after'])
      expect(await asleep).to.equal(
        end === 'by a rollback' ? 'ERR_POE_TX_OVER' : 'ERR_POE_TX_TIMEOUT',
      )
      await short.close()
    })
  }

  it('[FALSE-3923] a connection that the server ends by a time of its own is lost', async () => {
    const transaction = await begin('key')
    const { handle } = transaction
    await handle.query('SET LOCAL idle_in_transaction_session_timeout = 50')
    // This process stands still: the server's last word is read as the answer to what follows.
    for (const endMs = performance.now() + 400; performance.now() < endMs; );
    expect(await codeOf(handle.query('SELECT 1'))).to.equal('ERR_POE_STORE_DOWN')
    expect(transaction.failure?.code).to.equal('ERR_POE_STORE_DOWN')
    await transaction.rollback()
    expect((await store.release('key', 'key')).state).to.equal('ok')
  })

  it('left open in a closed store: its end ends nothing else', async () => {
    const short = stores.open(poe, { txMaxMs: 100 })
    expect(await claimState(store, 'key', { owner: 'key' })).to.equal('claimed')
    await insert(short.transaction('key', 'key').handle, 'one')
    await short.close()
    // An error that nobody hears would end the process, and this test with it.
    await stores.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE state = 'idle in transaction' AND datname = current_database()`,
    )
    await new Promise(resolve => setTimeout(resolve, 300))
    expect(await effects()).to.deep.equal([])
  })

  it('has no connection: busy after its time, and its renewal does not wait', async () => {
    await store.close()
    store = stores.open(poe, { txMaxMs: 300 })
    const pool = stores.poolOf(store)
    const taken = await Promise.all(Array.from({ length: 8 }, () => pool.connect()))
    const transaction = await begin('key')
    const startedMs = performance.now()
    const code = await codeOf(insert(transaction.handle, 'one'))
    const tookMs = performance.now() - startedMs
    const renewed = (await store.renew('key', 'key', 30_000)).state
    await transaction.rollback()
    for (const client of taken) client.release()
    expect(code).to.equal('ERR_POE_STORE_BUSY')
    expect(tookMs).to.be.below(BOUNDED_MS)
    expect(renewed).to.equal('ok')
    // The one that came too late went back at once.
    expect((await pool.query('SELECT 1 AS one')).rows).to.deep.equal([{ one: 1 }])
    expect(pool.idleCount).to.equal(pool.totalCount)
  })

  it('takes a callback, a configuration, and a query that nobody awaited', async () => {
    const transaction = await begin('key')
    const { handle } = transaction
    const rows = await new Promise((resolve, reject) => {
      handle.query('SELECT $1::int AS n', [7], (error, result) =>
        error ? reject(error) : resolve(result?.rows),
      )
    })
    expect(rows).to.deep.equal([{ n: 7 }])
    const failed = await new Promise(resolve => {
      void handle.query('SELECT 1; COMMIT', error => resolve(error))
    })
    expect(failed).to.have.property('code', 'ERR_POE_TX_STOLEN')
    const second = await begin('second')
    await second.handle.query({ text: 'SELECT 1', values: [] })
    insert(second.handle, 'not awaited').catch(() => {})
    expect((await second.commit(outcome())).state).to.equal('ok')
    expect(await effects()).to.deep.equal(['not awaited'])
  })

  it('a value that is no query is the caller’s mistake', async () => {
    const transaction = await begin('key')
    const query = transaction.handle.query as (value: unknown) => Promise<unknown>
    expect(String(await query(7).catch(error => error))).to.include('takes SQL')
    expect((await transaction.commit(outcome())).state).to.equal('ok')
  })

  it('Drizzle and Knex take it for a connection', async () => {
    const transaction = await begin('key')
    const { drizzle, sql } = await loadDrizzle()
    const db = drizzle(transaction.handle)
    await db.execute(sql`INSERT INTO ${sql.identifier(poe)}.effect VALUES (${'drizzle'})`)
    const builder = knex({ client: 'pg' })
    await builder
      .withSchema(poe)
      .insert({ text: 'knex' })
      .into('effect')
      .connection(transaction.handle)
    expect(await effects()).to.deep.equal([])
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    expect(await effects()).to.deep.equal(['drizzle', 'knex'])
    await builder.destroy()
  })

  describe('whose COMMIT is lost', () => {
    let proxy: FaultProxy
    let pool: pg.Pool
    let far: PostgresStore
    let begun: StoreTransaction<PostgresTransaction> | null
    beforeEach(async () => {
      const { port, url } = await sharedPostgres()
      const database = new URL(url).pathname.slice(1)
      proxy = await faultProxy({ target: { port } })
      // Handlers' connections go through the proxy; the store's own do not.
      pool = new pg.Pool({ host: '127.0.0.1', port, user: 'postgres', database })
      far = postgresStore({ pool, schema: poe })
      pool.options.port = proxy.port
      begun = null
    })
    afterEach(async () => {
      // Whatever a failed test has left open would be waited for.
      await begun?.rollback()
      await far.close()
      await pool.end()
      await proxy.close()
    })
    const beginFar = async () => {
      expect(await claimState(store, 'key', { owner: 'key', onSilence: 'free' })).to.equal(
        'claimed',
      )
      const transaction = far.transaction('key', 'key')
      begun = transaction
      await insert(transaction.handle, 'one')
      return transaction
    }

    it('[STORE-13] on its way back: it is resolved, and the effect is one', async () => {
      const transaction = await beginFar()
      await proxy.set('drop-reply')
      expect((await transaction.commit(outcome('told'))).state).to.equal('ok')
      expect(await effects()).to.deep.equal(['one'])
      expect(await stateOf('key')).to.equal('spent')
      expect(await codeOf(transaction.handle.query('SELECT 1'))).to.equal('ERR_POE_TX_OVER')
    })

    it('[STORE-13] on its way there: nothing happened, and the key can be freed', async () => {
      const transaction = await beginFar()
      await proxy.set({ kind: 'drop-request', reset: true })
      expect(await codeOf(transaction.commit(outcome()))).to.equal('ERR_POE_STORE_BUSY')
      await transaction.rollback()
      expect((await store.release('key', 'key')).state).to.equal('ok')
      expect(await effects()).to.deep.equal([])
      expect(await claimState(store, 'key')).to.equal('claimed')
    })

    it('[STORE-13] on a connection that says nothing: in doubt, nothing is repeated', async () => {
      const transaction = await beginFar()
      await proxy.set('half-open')
      const startedMs = performance.now()
      expect(await codeOf(transaction.commit(outcome()))).to.equal('ERR_POE_STORE_BUSY')
      expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
      expect(await effects()).to.deep.equal([])
    })

    it('[STORE-13] before it: no connection is had, and the key stays unspent', async () => {
      expect(await claimState(store, 'key', { owner: 'key', onSilence: 'free' })).to.equal(
        'claimed',
      )
      await proxy.set('refuse')
      const transaction = far.transaction('key', 'key')
      expect(await codeOf(insert(transaction.handle, 'one'))).to.equal('ERR_POE_STORE_DOWN')
      await transaction.rollback()
      expect((await store.release('key', 'key')).state).to.equal('ok')
    })

    it('while it is still under way: the resolution waits for it, whoever asks', async () => {
      const transaction = await beginFar()
      // The commit arrives 300 ms late; its answer never does.
      await proxy.set({ kind: 'delay', requestMs: 300, replyMs: 60_000 })
      const ended = transaction.commit(outcome()).then(
        reply => reply.state,
        error => String(error.code),
      )
      expect(await ended).to.equal('ok')
      expect(await effects()).to.deep.equal(['one'])
    })
  })
})

describeWith(['postgres', 'initdb', 'pgbouncer'], 'transactions through PgBouncer', () => {
  it('[FALSE-3912] over in the middle of a statement, one holds no row', async () => {
    const bouncer = await startBouncer(await sharedPostgres())
    const stores = new PostgresStores(bouncer.url, { txMaxMs: 200 })
    const store = await stores.fresh()
    const poe = stores.schemaOf(store)
    try {
      await stores.admin.query(`CREATE TABLE ${poe}.effect (text text)`)
      await stores.admin.query(`INSERT INTO ${poe}.effect VALUES ('before')`)
      await claimState(store, 'key', { owner: 'key' })
      const { handle } = store.transaction('key', 'key')
      await handle.query(`UPDATE ${poe}.effect SET text = 'undone'`)
      const asleep = handle.query('SELECT pg_sleep(600)').catch(error => error.code)
      expect(await asleep).to.equal('ERR_POE_TX_TIMEOUT')
      const change = `SET LOCAL lock_timeout = 10000; UPDATE ${poe}.effect SET text = 'after'`
      await stores.admin.query(`BEGIN; ${change}; COMMIT`)
    } finally {
      await store.close()
      await stores.end()
      await bouncer.remove()
    }
  })
})

/** Loaded without its types: they need other packages, and looser rules than ours. */
async function loadDrizzle(): Promise<Drizzle> {
  const names: readonly string[] = ['drizzle-orm', 'drizzle-orm/node-postgres']
  const modules = await Promise.all(names.map(name => import(name) as Promise<object>))
  return Object.assign({}, ...modules) as Drizzle
}

interface Drizzle {
  drizzle(client: unknown): { execute(query: unknown): Promise<unknown> }
  readonly sql: ((text: TemplateStringsArray, ...values: unknown[]) => unknown) & {
    identifier(name: string): unknown
  }
}
