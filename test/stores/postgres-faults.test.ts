/**
 * What PostgreSQL can do to the store: locks that are held, servers that die, hang, recover, are
 * behind or have another history, and schemas that are not ours.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type pg from 'pg'
import { SCHEMA_VERSION } from '../../lib/stores/postgres/schema.js'
import type { PostgresStore } from '../../lib/stores/postgres.js'
import { postgresMigrationSql, postgresStore } from '../../lib/stores/postgres.js'
import { BOUNDED_MS, until } from '../support/meeting.js'
import {
  type PostgresServer,
  sharedPostgres,
  startPostgres,
  startStandby,
} from '../support/servers/postgres-server.js'
import { describeWith, findProgram } from '../support/servers/programs.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { PostgresStores } from './helpers/postgres-stores.js'

/** Longer than a call may take, shorter than a user would call hanging; milliseconds. */

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    error => String(error.message),
  )
}

describeWith(['postgres', 'initdb'], 'PostgreSQL and its locks', () => {
  let stores: PostgresStores
  let store: PostgresStore
  let poe: string
  let other: pg.PoolClient
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  beforeEach(async () => {
    store = await stores.fresh()
    poe = stores.schemaOf(store)
    other = await stores.admin.connect()
  })
  afterEach(async () => {
    other.release(true)
    await store.close()
  })
  after(() => stores.end())

  /** Claims a key in a transaction that somebody else holds open. */
  const claimHeld = async (key: string): Promise<void> => {
    const { hashKey, packTold } = await import('../../lib/stores/postgres/packing.js')
    const { nowMs } = await store.epoch()
    const told = packTold({ fingerprint: null, principal: 'somebody' })
    await other.query('BEGIN')
    await other.query(
      `SELECT * FROM ${poe}.claim($1, $2, NULL, 30000, $3, NULL, NULL, true, $4, NULL, $5,
        400)`,
      [hashKey(key), Buffer.from('held'), nowMs + 60_000, told, Buffer.from(key)],
    )
  }

  it('replaces: a spent record that somebody holds for a moment is waited for', async () => {
    const claim = makeClaim((await store.epoch()).nowMs)
    await store.claim('key', { ...claim, owner: 'a' })
    await store.complete('key', 'a', { head: '[200,[],"n"]', body: null })
    const seen = await store.read('key', null)
    if (seen.state !== 'spent') throw new Error(`it is ${seen.state}`)
    const { hashKey } = await import('../../lib/stores/postgres/packing.js')
    await other.query('BEGIN')
    const lock = `SELECT 1 FROM ${poe}.record WHERE key = $1 FOR UPDATE`
    await other.query(lock, [hashKey('key')])
    const claimed = store.claim('key', { ...claim, owner: 'b', replaces: seen.mark })
    await pause(60)
    await other.query('COMMIT')
    expect(await claimed).to.include({ state: 'claimed' })
  })

  it('[STORE-11] a rival’s claim is being committed: running, after that', async () => {
    await claimHeld('key')
    const state = claimState(store, 'key', { owner: 'b' })
    await pause(150)
    await other.query('COMMIT')
    expect(await state).to.equal('running')
  })

  it('[STORE-11] a rival’s claim is rolled back: the other one wins', async () => {
    await claimHeld('key')
    const state = claimState(store, 'key', { owner: 'b' })
    await pause(150)
    await other.query('ROLLBACK')
    expect(await state).to.equal('claimed')
  })

  it('[STORE-11, FALSE-1402] a rival’s claim hangs: busy within a second, no claim', async () => {
    await claimHeld('key')
    const startedMs = performance.now()
    expect(await codeOf(claimState(store, 'key', { owner: 'b' }))).to.equal('ERR_POE_STORE_BUSY')
    expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
    await other.query('ROLLBACK')
    expect((await store.read('key', null)).state).to.equal('none')
  })

  it('[STORE-11] records that vanish between two looks: claimed or running, no error', async () => {
    let stop = false
    const sweeping = (async () => {
      while (!stop) await other.query(`DELETE FROM ${poe}.record`)
    })()
    const told = new Set<string>()
    for (let round = 0; round < 60; round += 1) {
      const owners = ['a', 'b', 'c', 'd']
      const states = owners.map(owner =>
        claimState(store, 'key', { owner, onSilence: 'free', leaseMs: 1 }),
      )
      for (const state of await Promise.all(states)) told.add(state)
    }
    stop = true
    await sweeping
    expect([...told].filter(state => state !== 'claimed' && state !== 'running')).to.deep.equal([])
  })

  it('a lapsed claim whose owner is just completing it is running, at once', async () => {
    await claimState(store, 'key', { owner: 'a', onSilence: 'free', leaseMs: 1 })
    await other.query('BEGIN')
    await other.query(`SELECT 1 FROM ${poe}.record FOR UPDATE`)
    // Waiting for the lock would end as busy.
    expect(await claimState(store, 'key', { owner: 'b' })).to.equal('running')
    await other.query('ROLLBACK')
    expect(await claimState(store, 'key', { owner: 'b' })).to.equal('claimed')
  })

  it('a release waits for a claim of its own that is under way', async () => {
    await claimHeld('key')
    const released = store.release('key', 'held')
    await pause(150)
    await other.query('COMMIT')
    expect((await released).state).to.equal('ok')
    expect((await store.read('key', null)).state).to.equal('none')
  })

  it('a purge passes over what somebody holds, and no claim waits for it', async () => {
    const { nowMs } = await store.epoch()
    for (const key of ['held', 'gone']) {
      await claimState(store, key, { owner: 'a', leaseMs: 1, keepUntilMs: nowMs + 1 })
    }
    await new Promise(resolve => setTimeout(resolve, 20))
    const { hashKey } = await import('../../lib/stores/postgres/packing.js')
    await other.query('BEGIN')
    const held = `SELECT 1 FROM ${poe}.record WHERE key = $1 FOR UPDATE`
    await other.query(held, [hashKey('held')])
    expect(await store.purge(10)).to.deep.equal({ removed: 1, more: false })
    expect(await claimState(store, 'another')).to.equal('claimed')
    await other.query('ROLLBACK')
    expect(await store.purge(10)).to.deep.equal({ removed: 1, more: false })
  })

  it('a purge may take longer than a call that somebody waits for', async () => {
    const { nowMs } = await store.epoch()
    await claimState(store, 'old', { owner: 'a', onSilence: 'free', keepUntilMs: nowMs - 1 })
    await other.query(`
      CREATE FUNCTION ${poe}.slowly() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN OLD; END $$;
      CREATE TRIGGER slowly BEFORE DELETE ON ${poe}.record
        FOR EACH ROW EXECUTE FUNCTION ${poe}.slowly()`)
    await store.complete('old', 'a', outcome())
    const purged = store.purge(10)
    expect(await claimState(store, 'another')).to.equal('claimed')
    expect(await purged).to.deep.equal({ removed: 1, more: false })
    await other.query(`DROP TRIGGER slowly ON ${poe}.record; DROP FUNCTION ${poe}.slowly()`)
  })

  it('[FALSE-4559] what nobody waits for any more does not stay in the server', async () => {
    await store.epoch()
    // As VACUUM FULL, CLUSTER or REINDEX do, for as long as they take.
    await other.query(`BEGIN; LOCK TABLE ${poe}.record`)
    const text = 'SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::regclass'
    const waiting = async () => (await other.query(text, [`${poe}.record`])).rowCount
    for (let round = 0; round < 3; round += 1) {
      const asked = [
        ...[store.read('key', null, 300), store.claim('key', makeClaim(Date.now()), 300)],
        ...[store.confirm('key', 'a', 300), store.list({ state: 'undecided', limit: 9 }, 300)],
      ]
      for (const code of await Promise.all(asked.map(codeOf))) expect(code).to.match(/DOWN|BUSY/)
      await until(async () => (await waiting()) === 0, 'nobody waits in the server', 10_000)
    }
    await other.query('ROLLBACK')
    expect((await store.read('key', null)).state).to.equal('none')
  })

  it('[STORE-11] a table that was emptied and made anew by a dump voids every link', async () => {
    const [epoch = ''] = (await store.epoch()).epochs
    await claimState(store, 'spent', { owner: 'a', epoch })
    await store.complete('spent', 'a', outcome())
    const { url } = await sharedPostgres()
    const [dump, load] = [findProgram('pg_dump') ?? '', findProgram('psql') ?? '']
    const sql = execFileSync(dump, ['-n', poe, url])
    await claimState(store, 'lost', { owner: 'b', epoch })
    await store.complete('lost', 'b', outcome())
    await other.query(`DROP SCHEMA ${poe} CASCADE`)
    execFileSync(load, ['-q', '-v', 'ON_ERROR_STOP=1', url], { input: sql })
    // What the dump had is still told; what it had not must not run again.
    expect((await store.read('spent', epoch)).state).to.equal('spent')
    expect(await claimState(store, 'lost', { owner: 'c', epoch })).to.equal('wrong-epoch')
    const [fresh = ''] = (await store.epoch()).epochs
    expect(fresh).not.to.equal(epoch)
    expect(await claimState(store, 'new', { epoch: fresh })).to.equal('claimed')
  })

  /** Restores a dump in a new server, and a dump of that in another new one. */
  async function restoreAnew(format: string, load: readonly string[]): Promise<void> {
    const dump = findProgram('pg_dump') ?? ''
    const [program = '', ...rest] = load
    let made = execFileSync(dump, [format, '-n', poe, (await sharedPostgres()).url])
    const file = join(mkdtempSync(join(tmpdir(), 'poe-dump-')), 'dump')
    const epochs: string[] = []
    for (let count = 0; count < 2; count += 1) {
      // In each of them the tables get the same oids.
      const server = await startPostgres()
      const restored = new PostgresStores(server.url)
      const its = restored.open(poe)
      try {
        writeFileSync(file, made)
        execFileSync(findProgram(program) ?? '', [...rest, file, '-d', server.url])
        const before = await claimState(its, 'lost', { epoch: epochs[0] ?? 'none' })
        expect(before).to.equal('wrong-epoch')
        const [epoch = ''] = (await its.epoch()).epochs
        expect(epochs).not.to.include(epoch)
        epochs.push(epoch)
        made = execFileSync(dump, [format, server.url])
        expect(await claimState(its, 'lost', { epoch })).to.equal('claimed')
      } finally {
        await its.close()
        await restored.end()
        await server.remove()
      }
    }
    rmSync(dirname(file), { recursive: true })
  }

  it('[FALSE-4550] so does each dump of servers that are made anew in one way', () =>
    restoreAnew('-Fp', ['psql', '-q', '-v', 'ON_ERROR_STOP=1', '-f']))

  it('[FALSE-4543] so does one whose tables pg_restore empties first, for several jobs', () =>
    restoreAnew('-Fc', ['pg_restore', '-j', '2']))

  for (const role of ['origin', 'replica']) {
    it(`[FALSE-4535] so does a row of another server's that comes as ${role}`, async () => {
      const [epoch = ''] = (await store.epoch()).epochs
      // What a dump of the data alone does, or logical replication, into tables with the same oids.
      await other.query(`SET session_replication_role = ${role};
        CREATE TEMP TABLE kept AS SELECT * FROM ${poe}.memory; DELETE FROM ${poe}.memory;
        INSERT INTO ${poe}.memory SELECT * FROM kept; DROP TABLE kept;
        UPDATE ${poe}.memory SET epoch = epoch; RESET session_replication_role`)
      expect(await claimState(store, 'lost', { epoch })).to.equal('wrong-epoch')
      const [fresh = ''] = (await store.epoch()).epochs
      expect(fresh).not.to.equal(epoch)
      await store.rotateEpoch()
      const [last = ''] = (await store.epoch()).epochs
      expect(await claimState(store, 'new', { epoch: last })).to.equal('claimed')
    })
  }

  it('[FALSE-4544] so does a row that `pg_restore --disable-triggers` brings back', async () => {
    const [epoch = ''] = (await store.epoch()).epochs
    await other.query(`CREATE TEMP TABLE kept AS SELECT * FROM ${poe}.memory;
      TRUNCATE ${poe}.memory; ALTER TABLE ${poe}.memory DISABLE TRIGGER ALL;
      INSERT INTO ${poe}.memory SELECT * FROM kept; DROP TABLE kept;
      ALTER TABLE ${poe}.memory ENABLE TRIGGER ALL`)
    expect(await claimState(store, 'lost', { epoch })).to.equal('wrong-epoch')
  })

  it('[FALSE-4550] an epoch outlives VACUUM FULL and another migration', async () => {
    const { epochs } = await store.epoch()
    await other.query(`VACUUM FULL ${poe}.memory`)
    expect((await store.epoch()).epochs).to.deep.equal(epochs)
    await store.migrate()
    expect((await store.epoch()).epochs).to.deep.equal(epochs)
  })
})

describeWith(['postgres', 'initdb'], 'a schema that cannot be used', () => {
  let stores: PostgresStores
  before(async () => {
    stores = new PostgresStores((await sharedPostgres()).url)
  })
  after(() => stores.end())

  it('is absent: the error names the command', async () => {
    const store = stores.open('not_there')
    expect(await codeOf(store.epoch())).to.equal('ERR_POE_STORE_SCHEMA')
    expect(await messageOf(store.epoch())).to.include('npx poe migrate')
    await store.close()
  })

  for (const [version, advice] of [
    [0, 'npx poe migrate'],
    [1, 'npx poe migrate'],
    [2, 'npx poe migrate'],
    [3, 'npx poe migrate'],
    [99, 'Update post-once-exactly'],
  ] as const) {
    it(`has version ${version}: the error says what to do`, async () => {
      const store = await stores.fresh()
      const poe = stores.schemaOf(store)
      const made = `CREATE OR REPLACE FUNCTION ${poe}.version() RETURNS int LANGUAGE sql`
      await stores.admin.query(`${made} IMMUTABLE AS 'SELECT ${version}'`)
      expect(await codeOf(store.epoch())).to.equal('ERR_POE_STORE_SCHEMA')
      expect(await messageOf(store.epoch())).to.include(advice)
      const migrated = store.migrate()
      if (version === 99) expect(await codeOf(migrated)).to.equal('ERR_POE_STORE_SCHEMA')
      else {
        expect(await migrated).to.deep.equal({ from: version, to: SCHEMA_VERSION })
        expect((await store.epoch()).epochs).to.have.lengthOf(1)
      }
      await store.close()
    })
  }

  it('has the functions of version 1: migrated, the old claim is gone', async () => {
    const store = await stores.fresh()
    const poe = stores.schemaOf(store)
    await stores.admin.query(`
      CREATE FUNCTION ${poe}.claim(uuid, bytea, text, bigint, bigint, bigint, bigint, boolean,
        bytea, integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
      CREATE OR REPLACE FUNCTION ${poe}.version() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`)
    expect(await store.migrate()).to.deep.equal({ from: 1, to: SCHEMA_VERSION })
    const name = `'${poe}.claim'::regproc`
    const { rows } = await stores.admin.query(`SELECT pronargs FROM pg_proc WHERE oid = ${name}`)
    expect(rows).to.deep.equal([{ pronargs: 12 }])
    expect(await claimState(store, 'key')).to.equal('claimed')
    await store.close()
  })

  it('is UNLOGGED: refused, since a crash would empty it', async () => {
    const store = await stores.fresh()
    await stores.admin.query(`ALTER TABLE ${stores.schemaOf(store)}.record SET UNLOGGED`)
    expect(await codeOf(store.epoch())).to.equal('ERR_POE_STORE_CONFIG')
    expect(await messageOf(store.epoch())).to.include('SET LOGGED')
    await store.close()
  })

  it('is made by several at once, and again, and by hand', async () => {
    const all = [1, 2, 3, 4].map(() => stores.open('made_at_once'))
    const from = (await Promise.all(all.map(store => store.migrate()))).map(done => done.from)
    expect(from.filter(version => version === null)).to.have.lengthOf(1)
    await Promise.all(all.map(store => store.close()))
    await stores.admin.query(postgresMigrationSql('by_hand'))
    const store = stores.open('by_hand')
    expect(await store.migrate()).to.deep.equal({ from: SCHEMA_VERSION, to: SCHEMA_VERSION })
    expect(await claimState(store, 'key')).to.equal('claimed')
    await store.close()
  })

  it('[FALSE-4340] is migrated again beside a handler, and waits for none', async () => {
    const store = await stores.fresh()
    await claimState(store, 'key', { onSilence: 'free' })
    const transaction = store.transaction('key', 'owner')
    await transaction.later?.({ key: 'm', name: 'mail', payload: '1', delayMs: 0 })
    await store.migrate()
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    await store.close()
  })

  it('is out of bounds for the role: the error says so', async () => {
    const store = await stores.fresh()
    await stores.admin.query('CREATE ROLE visitor LOGIN')
    const url = new URL((await sharedPostgres()).url)
    url.username = 'visitor'
    const visitors = new PostgresStores(url.href)
    const visitor = visitors.open(stores.schemaOf(store))
    expect(await codeOf(visitor.epoch())).to.equal('ERR_POE_STORE_CONFIG')
    await visitor.close()
    await visitors.end()
    await store.close()
  })

  for (const [options, message] of [
    [undefined, /options must be an object/],
    [{}, /give a Pool of pg/],
    [{ pool: 'postgres://' }, /give a Pool of pg/],
    [{ schema: 'Robert"; DROP' }, /schema must be/],
    [{ isolation: 'read uncommitted' }, /isolation must be one of/],
    [{ direct: 1 }, /direct must be true or false/],
    [{ connections: 0 }, /connections must be at least 1/],
    [{ txMaxMs: 1.5 }, /txMaxMs must be a whole number/],
    [{ retries: 3 }, /no option 'retries'/],
  ] as const) {
    it(`options ${JSON.stringify(options)} are refused`, () => {
      const pool = options !== undefined && !('pool' in options) && Object.keys(options).length > 0
      const given = pool ? { ...options, pool: stores.admin } : options
      expect(() => postgresStore(given as never)).to.throw(message)
    })
  }
})

describeWith(['postgres', 'initdb'], 'a PostgreSQL server that goes away', () => {
  let server: PostgresServer
  let stores: PostgresStores
  let store: PostgresStore
  beforeEach(async () => {
    server = await startPostgres({ settings: { fsync: 'on' } })
    stores = new PostgresStores(server.url)
    store = await stores.fresh()
  })
  afterEach(async () => {
    await store.close()
    await stores.end()
    await server.remove()
  })

  for (const how of ['SIGKILL', 'SIGSTOP'] as const) {
    it(`by ${how}: refused within a second; back, it works, and nothing was lost`, async () => {
      const [epoch = ''] = (await store.epoch()).epochs
      await claimState(store, 'spent', { owner: 'a', epoch })
      await store.complete('spent', 'a', outcome())
      await claimState(store, 'running', { owner: 'a', epoch })
      const { nowMs } = await store.epoch()
      if (how === 'SIGKILL') await server.kill()
      else server.freeze()
      const startedMs = performance.now()
      const claim = makeClaim(nowMs, { claimByMs: nowMs + 900, epoch, owner: 'late' })
      const calls = [store.claim('queued', claim), store.read('spent', epoch), store.epoch()]
      const codes = await Promise.all(calls.map(codeOf))
      expect(codes).to.deep.equal(calls.map(() => 'ERR_POE_STORE_DOWN'))
      expect(performance.now() - startedMs).to.be.below(BOUNDED_MS)
      await new Promise(resolve => setTimeout(resolve, 300))
      if (how === 'SIGKILL') await server.start()
      else server.thaw()
      await until(async () => (await codeOf(store.epoch())) === 'none', 'it is back')
      expect((await store.epoch()).epochs).to.deep.equal([epoch])
      expect((await store.read('spent', epoch)).state).to.equal('spent')
      expect((await store.complete('running', 'a', outcome())).state).to.equal('ok')
      expect((await store.read('queued', epoch)).state).to.equal('none')
    })
  }

  it('with a transaction open: the process lives, nothing of it is kept', async () => {
    await stores.admin.query('CREATE TABLE effect (text text)')
    await claimState(store, 'key', { owner: 'a', onSilence: 'free' })
    const transaction = store.transaction('key', 'a')
    await transaction.handle.query("INSERT INTO effect VALUES ('one')")
    await server.kill()
    expect(await codeOf(transaction.handle.query('SELECT 1'))).to.equal('ERR_POE_STORE_DOWN')
    expect(await codeOf(transaction.commit(outcome()))).to.equal('ERR_POE_STORE_DOWN')
    await server.start()
    await until(async () => (await codeOf(store.epoch())) === 'none', 'it is back')
    expect((await stores.poolOf(store).query('SELECT * FROM effect')).rows).to.deep.equal([])
    expect((await store.release('key', 'a')).state).to.equal('ok')
  })

  it('a standby is refused, and one that is promoted voids the links of before', async () => {
    const [epoch = ''] = (await store.epoch()).epochs
    await claimState(store, 'known', { owner: 'a', epoch })
    await store.complete('known', 'a', outcome())
    const standby = await startStandby(server)
    const there = new PostgresStores(standby.url)
    const replica = there.open(stores.schemaOf(store))
    try {
      await until(async () => (await standby.query('SELECT 1')).rowCount === 1, 'it answers')
      for (const call of [() => replica.epoch(), () => replica.read('known', epoch)]) {
        expect(await codeOf(call())).to.equal('ERR_POE_STORE_CONFIG')
        expect(await messageOf(call())).to.include('primary')
      }
      expect(await codeOf(claimState(replica, 'key', { epoch }))).to.equal('ERR_POE_STORE_CONFIG')
      await server.kill()
      await standby.query('SELECT pg_promote()')
      await until(async () => (await codeOf(replica.epoch())) === 'none', 'it is promoted')
      expect((await replica.read('known', epoch)).state).to.equal('spent')
      expect(await claimState(replica, 'lost', { epoch })).to.equal('wrong-epoch')
      const [fresh = ''] = (await replica.epoch()).epochs
      expect(fresh).not.to.equal(epoch)
    } finally {
      await replica.close()
      await there.end()
      await standby.remove()
    }
  })
})
