/**
 * A schema of version 2 that is in use is brought to this version: no record changes its state, and
 * what version 2 knew of a record's name, which was nothing, is learnt by whoever meets it.
 */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { hashKey, hashOwner, packTold } from '../../lib/stores/postgres/packing.js'
import { SCHEMA_VERSION } from '../../lib/stores/postgres/schema.js'
import type { PostgresStore } from '../../lib/stores/postgres.js'
import { hasOlderRelease, type OlderRelease, olderRelease } from '../support/older-release.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { claimState, outcome } from './helpers/claims.js'
import { PostgresStores } from './helpers/postgres-stores.js'

const VERSION_2 = new URL('helpers/postgres-schema-2.sql', import.meta.url)
const LEASE_MS = 600_000

describeWith(['postgres', 'initdb'], 'a schema of version 2 that is in use', () => {
  let stores: PostgresStores
  let store: PostgresStore
  let poe: string
  let epoch: string

  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  beforeEach(async () => {
    poe = `upgraded${process.pid}_${Date.now()}`
    await stores.admin.query(readFileSync(VERSION_2, 'utf8').replaceAll('version_2', poe))
    store = stores.open(poe)
    const { rows } = await stores.admin.query(`SELECT * FROM ${poe}.epoch('first', 400)`)
    epoch = String(rows[0]?.epoch)
    await claimBefore('running', LEASE_MS, true)
    await claimBefore('running transaction', LEASE_MS, false)
    await claimBefore('spent', LEASE_MS, true)
    const complete = `SELECT * FROM ${poe}.complete($1, $2, $3, $4, $5, 400)`
    const { head, body } = outcome('of before')
    await stores.admin.query(complete, [
      ...[hashKey('spent'), Buffer.from('old'), hashOwner('old'), Buffer.from(head), body],
    ])
    await claimBefore('undecided', -1, true)
    await claimBefore('lapsed', -1, false)
  })
  afterEach(() => store.close())
  after(() => stores.end())

  /** Claims as version 2 did. */
  const claimBefore = async (key: string, leaseMs: number, doubt: boolean): Promise<void> => {
    const far = Date.now() + 10 * LEASE_MS
    const told = packTold({ fingerprint: null, principal: 'somebody' })
    const { rows } = await stores.admin.query(
      `SELECT state FROM ${poe}.claim($1, $2, $3, $4, $5, $5, $5, $6, $7, NULL, 400)`,
      [hashKey(key), Buffer.from('old'), epoch, leaseMs, far, doubt, told],
    )
    expect(rows).to.deep.equal([{ state: 'claimed' }])
  }
  const listed = async (): Promise<string[]> => {
    const { records } = await store.list({ state: 'undecided' })
    return records.map(({ key }) => key).toSorted()
  }
  const stateOf = async (key: string): Promise<string> => (await store.read(key, epoch)).state

  it('[FALSE-411] is refused until it is migrated; then each record is what it was', async () => {
    expect(await store.epoch().catch(({ code }) => code)).to.equal('ERR_POE_STORE_SCHEMA')
    expect(await store.migrate()).to.deep.equal({ from: 2, to: SCHEMA_VERSION })
    expect((await store.epoch()).epochs).to.deep.equal([epoch])
    const keys = ['running', 'running transaction', 'spent', 'undecided', 'lapsed']
    const states = await Promise.all(keys.map(stateOf))
    expect(states).to.deep.equal(['running', 'running', 'spent', 'undecided', 'none'])
    const found = await store.read('spent', epoch)
    if (found.state !== 'spent') throw new Error(`it is ${found.state}`)
    expect(String(Buffer.from(found.outcome.body ?? []))).to.equal('of before')
    const claims = keys.map(key => claimState(store, key, { owner: 'new', epoch }))
    expect(await Promise.all(claims)).to.deep.equal([
      ...['running', 'running', 'spent', 'undecided', 'claimed'],
    ])
  })

  it('[FALSE-411] an undecided record of before is listed once a claim has met it', async () => {
    await store.migrate()
    // Its name is not known: only its hash was kept.
    expect(await listed()).to.deep.equal([])
    await claimState(store, 'undecided', { owner: 'new', epoch })
    expect(await listed()).to.deep.equal(['undecided'])
    expect((await store.settle('undecided', 'old', 'free')).state).to.equal('ok')
    expect(await listed()).to.deep.equal([])
    expect(await claimState(store, 'undecided', { owner: 'new', epoch })).to.equal('claimed')
  })

  it('[FALSE-411] it is settled by its name, even if no claim has met it', async () => {
    await store.migrate()
    expect((await store.settle('undecided', 'old', outcome())).state).to.equal('ok')
    expect(await stateOf('undecided')).to.equal('spent')
  })

  it('[FALSE-411] what was running ends as it would have: spent, free, or in doubt', async () => {
    await store.migrate()
    expect((await store.complete('running', 'old', outcome())).state).to.equal('ok')
    expect(await stateOf('running')).to.equal('spent')
    const transaction = store.transaction('running transaction', 'old')
    await transaction.handle.query('SELECT 1')
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    expect(await stateOf('running transaction')).to.equal('spent')
    expect(await listed()).to.deep.equal([])
  })

  it('[FALSE-411] what falls silent afterwards is met, and listed', async () => {
    await store.migrate()
    await store.renew('running', 'old', 0)
    expect(await claimState(store, 'running', { owner: 'new', epoch })).to.equal('undecided')
    expect(await listed()).to.deep.equal(['running'])
    expect((await store.mark('running transaction', 'old')).state).to.equal('ok')
    await store.renew('running transaction', 'old', 0)
    expect(await listed()).to.deep.equal(['running', 'running transaction'])
    expect((await store.complete('running', 'old', outcome())).state).to.equal('ok')
    expect(await listed()).to.deep.equal(['running transaction'])
  })
})

describeWith(['postgres', 'initdb'], 'a schema of version 3 that is in use', () => {
  let stores: PostgresStores
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  after(() => stores.end())

  it('[OUT-01] gets its outbox; records stay, and messages too when it is repeated', async () => {
    const store = await stores.fresh()
    const poe = stores.schemaOf(store)
    await stores.admin.query(`
      DROP TABLE ${poe}.outbox CASCADE;
      CREATE OR REPLACE FUNCTION ${poe}.version() RETURNS integer LANGUAGE sql IMMUTABLE
        AS 'SELECT 3'`)
    const older = stores.open(poe)
    expect(await older.epoch().catch(({ code }) => code)).to.equal('ERR_POE_STORE_SCHEMA')
    expect(await older.migrate()).to.deep.equal({ from: 3, to: SCHEMA_VERSION })
    expect(await claimState(older, 'link', { owner: 'o' })).to.equal('claimed')
    const transaction = older.transaction('link', 'o')
    await transaction.later?.({ key: 'm', name: 'mail', payload: '1', delayMs: 0 })
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    await older.migrate()
    const query = { names: ['mail'], owner: 'w', leaseMs: 1_000, limit: 1 }
    const { messages } = await older.outbox.take(query)
    expect(messages.map(({ key }) => key)).to.deep.equal(['m'])
    expect((await older.read('link', null)).state).to.equal('spent')
    await Promise.all([store.close(), older.close()])
  })
})

const describeOlder = hasOlderRelease() ? describeWith : () => {}

describeOlder(['postgres', 'initdb'], 'an older release that migrates as it starts', () => {
  let stores: PostgresStores
  let older: OlderRelease
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
    older = olderRelease()
  })
  after(async () => {
    older.remove()
    await stores.end()
  })

  it('[FALSE-4674] after the newer has: both have an epoch that holds', async () => {
    const newer = await stores.fresh()
    const { epochs: before } = await newer.epoch()
    const { postgresStore } = await older.load('lib/stores/postgres.ts')
    const open = postgresStore as (options: object) => PostgresStore
    const elder = open({ pool: stores.admin, schema: stores.schemaOf(newer) })
    await elder.migrate()
    const epochs = await Promise.all(
      [elder.epoch(), newer.epoch()].map(async found => {
        return (await found).epochs[0] ?? 'none'
      }),
    )
    expect(epochs[0])
      .to.match(/^[-\w]{12}$/)
      .and.equal(epochs[1])
    expect((await newer.epoch()).epochs)
      .to.deep.equal([epochs[0]])
      .and.not.deep.equal(before)
    for (const [key, store] of Object.entries({ elder, newer })) {
      expect(await claimState(store, key, { owner: 'o', epoch: epochs[0] ?? null })).to.equal(
        'claimed',
      )
    }
    await newer.migrate()
    expect((await newer.epoch()).epochs, 'migrated again').to.deep.equal([epochs[0]])
    await Promise.all([elder.close(), newer.close()])
  })
})
