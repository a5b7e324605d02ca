import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  type SqliteStore,
  type SqliteTransaction,
  sqliteStore,
} from 'post-once-exactly/stores/sqlite'
import type { Run } from '../../lib/engine/operation.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { type EngineBench, engineBench, gate } from '../support/engine-bench.js'

describe('a transactional resource on a real sqlite file', () => {
  let folder: string
  let store: SqliteStore
  let bench: EngineBench

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'poe-engine-'))
    store = sqliteStore({ file: join(folder, 'store.db'), txMaxMs: 1_000 })
    await store.write(db => {
      db.exec('CREATE TABLE customers (id INTEGER PRIMARY KEY)')
      db.exec(
        'CREATE TABLE orders (customer INTEGER REFERENCES customers DEFERRABLE INITIALLY DEFERRED)',
      )
      db.exec('INSERT INTO customers VALUES (1)')
    })
    bench = engineBench({ real: store, fakeClock: fakeClock(Date.now()) })
  })

  afterEach(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  const orders = () => store.database.prepare('SELECT customer FROM orders').all()

  const insert = (customer: number) => ({
    rules: { transactional: true },
    handler: async (run: Run) => {
      const tx = run.tx as SqliteTransaction
      await tx.run('INSERT INTO orders VALUES (?)', customer)
      return {}
    },
  })

  it('[POE-A-1] the order is there exactly when its link is spent', async () => {
    expect((await bench.post(insert(1))).kind).to.equal('done')
    expect((await bench.post(insert(1))).kind).to.equal('spent')
    expect(orders()).to.deep.equal([{ customer: 1 }])
  })

  it('a success that never used its transaction is told of, unless it may be empty', async () => {
    for (const [mayBeEmpty, verdict] of [
      [undefined, { kind: 'done', unused: true }],
      [false, { kind: 'done', unused: true }],
      [true, { kind: 'done' }],
    ] as const) {
      const key = `order:${mayBeEmpty}`
      const rules = { transactional: true, ...(mayBeEmpty !== undefined && { mayBeEmpty }) }
      expect(await bench.post({ operation: { key }, rules })).to.deep.equal(verdict)
      const told = bench.events.filter(({ type }) => type === 'transaction-unused')
      expect(told.some(event => 'key' in event && event.key === key)).to.equal(!mayBeEmpty)
    }
    const used = await bench.post(insert(1))
    expect(used).to.deep.equal({ kind: 'done' })
  })

  it("[FAIL-09] a constraint that breaks at the commit is the handler's error", async () => {
    const verdict = await bench.post(insert(7))
    expect(verdict).to.include({ kind: 'threw', free: true })
    expect(verdict).to.have.nested.property('error.code', 'SQLITE_CONSTRAINT_FOREIGNKEY')
    expect([orders(), await bench.stateOf(), bench.engine.guard.down]).to.deep.equal([
      [],
      'none',
      false,
    ])
    expect((await bench.post(insert(1))).kind).to.equal('done')
  })

  it('[OUT-09] a commit waits for its messages, tells of each, wakes workers once', async () => {
    let rings = 0
    bench.engine.bell.listen(() => {
      rings += 1
    })
    for (const [order, messages, kind, wakes] of [
      ['without', [], 'done', 0],
      ['with two', ['m', 'n'], 'done', 1],
      ['with one that is there', ['o', 'm'], 'threw', 1],
    ] as const) {
      const handler = (run: Run) => {
        for (const key of messages) {
          run.later({ key, name: 'mail', payload: '{}', delayMs: 0 }).catch(() => {})
        }
        return {}
      }
      const rules = { transactional: true, mayBeEmpty: true }
      const verdict = await bench.post({ operation: { key: order }, rules, handler })
      expect([verdict.kind, rings], order).to.deep.equal([kind, wakes])
    }
    const told = bench.events.filter(({ type }) => type === 'outbox-written')
    const written = { type: 'outbox-written', name: 'mail', by: 'with two' }
    expect(told).to.deep.equal([
      { ...written, key: 'm' },
      { ...written, key: 'n' },
    ])
  })

  it('[FALSE-4339] overdue while it waits for its turn: no error of its own', async () => {
    const [begun, turn, last] = [gate(), gate(), gate()]
    const post = bench.post({
      rules: { transactional: true, maxRunMs: 1_000 },
      handler: async run => {
        begun.open()
        await turn.promise
        return insert(1).handler(run)
      },
    })
    await begun.promise
    const ahead = bench.post({
      operation: { key: 'ahead' },
      rules: { transactional: true },
      handler: async run => {
        await insert(1).handler(run)
        turn.open()
        await last.promise
        return {}
      },
    })
    await turn.promise
    await bench.clock.advance(1_000 + 15_000 + 100)
    last.open()
    expect((await post).kind).to.equal('running')
    await ahead
  })

  it('a transaction that was open for too long is no outage either', async () => {
    const verdict = await bench.post({
      rules: { transactional: true },
      handler: async run => {
        const tx = run.tx as SqliteTransaction
        await tx.run('INSERT INTO orders VALUES (1)')
        const isOver = async () =>
          tx.get('SELECT 1').then(
            () => false,
            () => true,
          )
        while (!(await isOver())) await new Promise(resolve => setImmediate(resolve))
        return {}
      },
    })
    expect(verdict).to.have.nested.property('error.code', 'ERR_POE_TX_TIMEOUT')
    expect([orders(), await bench.stateOf(), bench.heard()]).to.deep.equal([
      [],
      'none',
      ['claimed', 'released', 'transaction-timeout'],
    ])
  })
})
