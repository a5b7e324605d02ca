/** A pool whose connections are all at work is waited for; one that cannot make any is not. */

import { expect } from 'chai'
import pg from 'pg'
import { type PostgresStore, postgresStore } from '../../lib/stores/postgres.js'
import { faultProxy } from '../../lib/testing/fault-proxy.js'
import { BOUNDED_MS } from '../support/meeting.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { claimState, outcome } from './helpers/claims.js'
import { PostgresStores } from './helpers/postgres-stores.js'

const CALL_MS = 150

describeWith(['postgres', 'initdb'], 'a pool that is busy', () => {
  let stores: PostgresStores
  let store: PostgresStore
  let pool: pg.Pool
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  afterEach(async () => {
    await store.close()
    await pool.end()
  })
  after(() => stores.end())

  const open = async (settings: pg.PoolConfig, txMaxMs: number): Promise<void> => {
    const made = await stores.fresh()
    const schema = stores.schemaOf(made)
    await made.close()
    pool = new pg.Pool({ connectionString: (await sharedPostgres()).url, ...settings })
    store = postgresStore({ pool, schema, txMaxMs })
  }
  const run = async (key: string, forMs: number, callMs = CALL_MS): Promise<string> => {
    expect(await claimState(store, key, { owner: key, onSilence: 'free' })).to.equal('claimed')
    const transaction = store.transaction(key, key, callMs)
    try {
      await transaction.handle.query(`SELECT pg_sleep(${forMs / 1_000})`)
      return (await transaction.commit(outcome())).state
    } catch (error) {
      await transaction.rollback()
      return String((error as { code?: unknown }).code)
    }
  }

  it('is waited for, longer than a call has', async () => {
    await open({ max: 2 }, 50_000)
    const keys = Array.from({ length: 8 }, (_, at) => `key ${at}`)
    const ends = await Promise.all(keys.map(key => run(key, 500, 1_000)))
    expect(new Set(ends)).to.deep.equal(new Set(['ok']))
  })

  it('is not waited for without end: busy, and not down', async () => {
    await open({ max: 1 }, 400)
    const held = await pool.connect()
    const end = await run('key', 0)
    held.release()
    expect(end).to.equal('ERR_POE_STORE_BUSY')
    expect(await run('other', 0)).to.equal('ok')
  })

  it('is waited for no longer than its own settings say', async () => {
    await open({ max: 1, connectionTimeoutMillis: 300 }, 50_000)
    const held = await pool.connect()
    const startedMs = performance.now()
    const end = await run('key', 0)
    held.release()
    expect(end).to.equal('ERR_POE_STORE_BUSY')
    expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
  })

  it('one that cannot make connections is down after a call’s time', async () => {
    await open({ max: 1 }, 50_000)
    const url = new URL((await sharedPostgres()).url)
    const proxy = await faultProxy({ target: { port: Number(url.port) } })
    url.port = String(proxy.port)
    const gone = new pg.Pool({ connectionString: url.href, max: 1 })
    const through = postgresStore({ pool: gone, txMaxMs: 50_000 })
    await proxy.set('half-open')
    const transaction = through.transaction('key', 'key', CALL_MS)
    const startedMs = performance.now()
    const error = await transaction.handle.query('SELECT 1').then(
      () => null,
      (cause: unknown) => cause,
    )
    expect(error).to.include({ code: 'ERR_POE_STORE_DOWN' })
    expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
    await proxy.close()
    await through.close()
    await gone.end().catch(() => {})
  })
})
