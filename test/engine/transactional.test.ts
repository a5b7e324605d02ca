import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Run } from '../../lib/engine/operation.js'
import type { Store } from '../../lib/engine/store.js'
import { PoeError } from '../../lib/errors.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import {
  engineBench,
  gate,
  hang,
  held,
  only,
  refuse,
  reportedError,
  settle,
} from '../support/engine-bench.js'
import { type TinyTransaction, tinyDatabase } from '../support/tiny-transactions.js'

const rules = { transactional: true }

function setUp() {
  const clock = fakeClock()
  const database = tinyDatabase(memoryStore({ now: clock.now }) as Store<unknown>)
  const bench = engineBench({ real: database.store, fakeClock: clock })
  return { bench, database, clock }
}

const write = (run: Run, row: string) => (run.tx as TinyTransaction).write(row)

const order = {
  rules,
  handler: (run: Run) => {
    write(run, 'order')
    return {}
  },
}

describe('a transactional resource', () => {
  it('[POE-A-1] effect and mark are one', async () => {
    const { bench, database } = setUp()
    expect((await bench.post(order)).kind).to.equal('done')
    expect(database.rows).to.deep.equal(['order'])
    expect((await bench.post(order)).kind).to.equal('spent')
    expect(bench.faulty.calls).to.deep.equal(['claim', 'commit', 'claim'])
    expect(bench.heard()).to.deep.equal(['claimed', 'spent'])
  })

  it('[POE-2-20] whatever the handler throws: rolled back, and free', async () => {
    for (const error of [new Error('boom'), reportedError(422)]) {
      const { bench, database } = setUp()
      const verdict = await bench.post({
        rules,
        handler: run => {
          write(run, 'order')
          throw error
        },
      })
      expect(verdict).to.deep.equal({ kind: 'threw', error, free: true })
      expect([database.rows, database.rollbacks]).to.deep.equal([[], 1])
      expect(await bench.stateOf()).to.equal('none')
      expect((await bench.post(order)).kind).to.equal('done')
    }
  })

  it('an error of the store that it lets pass is no failure of its own', async () => {
    const answers = {
      ERR_POE_STORE_DOWN: { kind: 'store-down', retryAfterMs: 1_000, undone: true },
      ERR_POE_STORE_FULL: { kind: 'store-full', retryAfterMs: 1_000, undone: true },
      ERR_POE_LEASE_LOST: { kind: 'running', retryAfterMs: 1_000 },
    } as const
    for (const [code, answer] of Object.entries(answers)) {
      const { bench, database } = setUp()
      const error = new PoeError(code as keyof typeof answers)
      const verdict = await bench.post({
        rules,
        handler: run => {
          write(run, 'order')
          throw error
        },
      })
      const told = 'undone' in answer ? { ...answer, error } : answer
      expect(verdict, code).to.deep.equal(told)
      expect(database.rows, code).to.deep.equal([])
      expect((await bench.post(order)).kind, code).to.equal('done')
    }
  })

  it('any other error of ours is for the author to read', async () => {
    const { bench } = setUp()
    const error = new PoeError('ERR_POE_TX_OVER')
    const verdict = await bench.post({
      rules,
      handler: () => {
        throw error
      },
    })
    expect(verdict).to.deep.equal({ kind: 'threw', error, free: true })
  })

  it('[FAIL-01] a failure that it reports is rolled back too', async () => {
    const { bench, database } = setUp()
    const verdict = await bench.post({
      rules,
      handler: run => {
        write(run, 'order')
        return { status: 422 }
      },
    })
    expect(verdict.kind).to.equal('refused')
    expect(database.rows).to.deep.equal([])
    expect((await bench.post(order)).kind).to.equal('done')
  })

  it('[LOCK-01] a stale owner: nothing is written, and the record answers', async () => {
    const { bench, database } = setUp()
    const freed = await bench.post({
      rules,
      handler: async run => {
        write(run, 'order')
        await bench.real.release('order:1', 'owner-1')
        return {}
      },
    })
    expect(freed).to.deep.equal({ kind: 'running', retryAfterMs: 1_000 })
    const taken = await bench.post({
      rules,
      handler: async run => {
        write(run, 'order')
        await bench.real.release('order:1', 'owner-2')
        await bench.post(order)
        return {}
      },
    })
    expect(taken.kind).to.equal('spent')
    expect(database.rows).to.deep.equal(['order'])
  })

  it('[STORE-13, FALSE-603] the reply to a commit that took place is lost: done', async () => {
    const { bench, database } = setUp()
    database.afterCommit = async () => {
      throw new PoeError('ERR_POE_STORE_DOWN')
    }
    expect((await bench.post(order)).kind).to.equal('done')
    expect(database.rows).to.deep.equal(['order'])
    expect([bench.runs, bench.heard()]).to.deep.equal([
      1,
      ['claimed', 'store-down', 'store-back', 'spent'],
    ])
  })

  it('[STORE-13, FALSE-4534] a commit that never got there: undone, free, told so', async () => {
    const { bench, database } = setUp()
    const error = new PoeError('ERR_POE_STORE_DOWN')
    database.beforeCommit = () => Promise.reject(error)
    const told = { kind: 'store-down', retryAfterMs: 1_000, undone: true, error }
    expect(await bench.post(order)).to.deep.equal(told)
    expect([database.rows, await bench.stateOf()]).to.deep.equal([[], 'none'])
  })

  it('[STORE-13] a commit without an answer, then no store at all: cannot be told', async () => {
    const { bench, database, clock } = setUp()
    database.afterCommit = () => new Promise(() => {})
    const post = bench.post(order)
    await settle()
    bench.faulty.fault = refuse
    await clock.advance(5_900)
    expect((await post).kind).to.equal('store-down')
    bench.faulty.fault = call => call.arrive()
    await clock.advance(5_000)
    expect((await bench.post(order)).kind).to.equal('spent')
    expect([database.rows, bench.engine.pendingWrites]).to.deep.equal([['order'], 0])
  })

  it('a commit that the handler spoilt is its error, and no outage', async () => {
    const errors = [new Error('FOREIGN KEY constraint failed'), new PoeError('ERR_POE_TX_STOLEN')]
    for (const error of errors) {
      const { bench, database } = setUp()
      database.beforeCommit = () => Promise.reject(error)
      expect(await bench.post(order)).to.deep.equal({ kind: 'threw', error, free: true })
      expect(bench.heard()).to.deep.equal(['claimed', 'released'])
      expect(bench.engine.guard.down).to.equal(false)
      expect([database.rows, await bench.stateOf()]).to.deep.equal([[], 'none'])
    }
  })

  it('a transaction that took too long is told as such', async () => {
    const { bench, database } = setUp()
    const error = new PoeError('ERR_POE_TX_TIMEOUT')
    database.beforeCommit = () => Promise.reject(error)
    const verdict = { kind: 'transaction-timeout', retryAfterMs: 1_000, error }
    expect(await bench.post(order)).to.deep.equal(verdict)
    expect(bench.heard()).to.deep.equal(['claimed', 'released', 'transaction-timeout'])
    expect([database.rows, await bench.stateOf()]).to.deep.equal([[], 'none'])
  })

  it('a spoilt commit of an owner that is stale anyway is told from the record', async () => {
    const { bench, database } = setUp()
    database.beforeCommit = async () => {
      await bench.real.release('order:1', 'owner-1')
      throw new Error('spoilt')
    }
    expect((await bench.post(order)).kind).to.equal('running')
  })

  it('a rollback that fails or hangs does not keep the key', async () => {
    const { database, clock } = setUp()
    const rollbacks = [() => Promise.reject(new Error('no')), () => new Promise<void>(() => {})]
    for (const rollback of rollbacks) {
      const store = new Proxy(database.store, {
        get(target, member) {
          if (member !== 'transaction') return Reflect.get(target, member)
          return () => ({ handle: {}, rollback })
        },
      })
      const bench = engineBench({ real: store, fakeClock: clock })
      const post = bench.post({ rules, handler: () => ({ status: 422 }) })
      await clock.advance(900)
      expect([(await post).kind, await bench.stateOf()]).to.deep.equal(['refused', 'none'])
    }
  })

  it('[POE-2-20] a death frees the key when the lease is over', async () => {
    const { bench, database, clock } = setUp()
    bench.post({ rules, handler: () => new Promise(() => {}) }).catch(() => {})
    await settle()
    bench.faulty.fault = hang
    await clock.advance(15_000)
    expect(await bench.stateOf()).to.equal('none')
    const second = engineBench({ real: database.store, fakeClock: clock, makeId: () => 'second' })
    expect((await second.post(order)).kind).to.equal('done')
    expect(database.rows).to.deep.equal(['order'])
  })

  it('one that runs too long is rolled back, and cannot commit any more', async () => {
    const { bench, database, clock } = setUp()
    const end = gate()
    const post = bench.post({
      rules: { ...rules, maxRunMs: 1_000 },
      handler: async run => {
        write(run, 'order')
        await end.promise
        write(run, 'late')
        return {}
      },
    })
    await clock.advance(16_000)
    expect(await post).to.deep.equal({ kind: 'running', retryAfterMs: 1_000 })
    expect(await bench.stateOf()).to.equal('none')
    end.open()
    await settle()
    expect([database.rows, await bench.stateOf()]).to.deep.equal([[], 'none'])
    expect((await bench.post(order)).kind).to.equal('done')
  })

  it('needs a store with transactions, and runs nothing without one', async () => {
    const bench = engineBench()
    const error = await bench.post(order).catch(cause => cause)
    expect(error).to.be.instanceOf(TypeError)
    expect(bench.runs).to.equal(0)
    await bench.clock.advance(15_000)
    expect(await bench.stateOf()).to.equal('none')
  })

  it('[OUT-09] a message where the store keeps none is an error, and nothing is done', async () => {
    const { bench, database } = setUp()
    const handler = async (run: Run) => {
      write(run, 'order')
      await run.later({ key: 'm', name: 'mail', payload: '{}', delayMs: 0 })
      return {}
    }
    const verdict = await bench.post({ rules, handler })
    expect(verdict).to.include({ kind: 'threw', free: true })
    expect(verdict).to.have.property('error').that.is.instanceOf(TypeError)
    expect([database.rows, await bench.stateOf()]).to.deep.equal([[], 'none'])
  })

  it('[FALSE-4548] once it is told that it was not used, nothing is done any more', async () => {
    for (const ask of ['look', 'post'] as const) {
      const { bench, database, clock } = setUp()
      const operation = bench.operation({ expiresAtMs: clock.now() + 10_000 })
      bench.faulty.fault = only(['renew'], refuse)
      const { end, post } = await held(bench, { ...order, operation })
      await clock.advance(20_000)
      const told = ask === 'look' ? bench.engine.look(operation) : bench.post({ operation, rules })
      expect((await told).kind).to.equal('expired')
      end.open()
      expect((await post).kind).to.equal('expired')
      expect([database.rows, await bench.stateOf()]).to.deep.equal([[], 'none'])
    }
  })

  it('a late commit says that it is late', async () => {
    const { bench, clock } = setUp()
    bench.faulty.fault = only(['renew'], refuse)
    const { end, post } = await held(bench, { rules })
    await clock.advance(20_000)
    end.open()
    expect((await post).kind).to.equal('done')
    expect(bench.events.at(-1)).to.deep.equal({ type: 'spent', key: 'order:1', late: true })
  })
})
