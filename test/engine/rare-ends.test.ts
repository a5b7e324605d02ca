/** What seldom comes to pass: errors where none are expected, and clients that leave in between. */
import diagnosticsChannel from 'node:diagnostics_channel'
import { assert, expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Run } from '../../lib/engine/operation.js'
import { EVENTS_CHANNEL, publishAnswered } from '../../lib/engine/ports.js'
import { resourceOf } from '../../lib/engine/resource-of.js'
import type { Store } from '../../lib/engine/store.js'
import { Underway } from '../../lib/engine/underway.js'
import { PoeError } from '../../lib/errors.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { CREATED, engineBench, only, PLAIN_RULES, refuse } from '../support/engine-bench.js'

const MESSAGE = { key: 'm', name: 'mail', payload: '{}', delayMs: 0 }

describe('rare ends of a POST', () => {
  for (const [does, perform, verdict] of [
    ['throws', () => assert.fail('at once'), { kind: 'threw', free: false }],
    ['is done', () => CREATED, { kind: 'done' }],
  ] as const) {
    it(`work that ${does} at once`, async () => {
      const { engine, operation } = engineBench()
      const work = { perform, isReported: () => false }
      const { signal } = new AbortController()
      expect(await engine.post(operation(), PLAIN_RULES, work, signal)).to.include(verdict)
    })
  }

  it('a tool’s own error in the place of the store’s: the store’s decides', async () => {
    const real = Object.assign(memoryStore() as Store<unknown>, {
      transaction: () => ({
        handle: {},
        commit: async () => ({ state: 'ok' as const, nowMs: 0 }),
        rollback: async () => {},
        failure: new PoeError('ERR_POE_STORE_BUSY'),
      }),
    })
    const bench = engineBench({ real, fakeClock: fakeClock(Date.now()) })
    const error = new Error('the tool says so')
    const verdict = await bench.post({
      rules: { transactional: true },
      handler: () => {
        throw error
      },
    })
    expect(verdict).to.include({ kind: 'store-down', error })
  })

  it('a rule that throws while it is asked of an error is told to the caller', async () => {
    const bench = engineBench()
    const posted = bench.post({
      handler: () => {
        throw new Error('boom')
      },
      isReported: () => {
        throw new Error('a broken rule')
      },
    })
    expect(String(await posted.catch(error => error))).to.equal('Error: a broken rule')
    await bench.clock.advance(15_001)
    expect(await bench.stateOf(), 'nothing was reported').to.equal('undecided')
  })

  it('a rule that throws while it is asked of a refusal is an error of the handler', async () => {
    const bench = engineBench()
    const keepsRefusal = () => {
      throw new Error('a broken rule')
    }
    const verdict = await bench.post({ rules: { keepsRefusal }, handler: () => ({ status: 422 }) })
    expect(verdict).to.include({ kind: 'threw', free: false })
  })

  it('a client that leaves while the application is asked runs nothing', async () => {
    const bench = engineBench()
    await bench.post({
      handler: () => {
        throw new Error('boom')
      },
    })
    const client = new AbortController()
    const reconcile = () => {
      client.abort()
      return { verdict: 'did-not-happen' } as const
    }
    const verdict = await bench.post({ rules: { reconcile }, gone: client.signal })
    expect(verdict).to.deep.equal({ kind: 'gone' })
    expect(bench.runs).to.equal(1)
  })

  it('[OUT-09] a message where nothing guards: an error', async () => {
    const bench = engineBench({ dangerouslyRunUnprotected: true })
    bench.faulty.fault = refuse
    const later = (run: Run) => run.later(MESSAGE).then(() => ({}))
    expect(await bench.post({ handler: later })).to.have.property('kind', 'threw')
  })

  it('a record that cannot be read is no answer: the store is as good as down', async () => {
    const bench = engineBench()
    await bench.post()
    const broken = { state: 'spent', nowMs: bench.clock.now(), fingerprint: null, principal: null }
    // Cut off, and in a form that nobody knows.
    for (const head of ['[201,', '{']) {
      const outcome = { head, body: null }
      bench.faulty.fault = only(['read'], async () => ({ ...broken, outcome }))
      expect(await bench.engine.look(bench.operation())).to.have.property('kind', 'store-down')
    }
    expect(bench.heard()).to.include('record-unreadable')
  })
})

describe('rare ends besides', () => {
  it('tells of an answer that came of no verdict', () => {
    const seen: unknown[] = []
    const listener = (event: unknown) => void seen.push(event)
    diagnosticsChannel.subscribe(EVENTS_CHANNEL, listener)
    publishAnswered('order:1', 'o', null)
    diagnosticsChannel.unsubscribe(EVENTS_CHANNEL, listener)
    expect(seen).to.deep.equal([{ type: 'answered', key: 'order:1', owner: 'o', verdict: 'lost' }])
  })

  for (const [key, name] of [
    ['order:abc', 'order'],
    ['order=mine', 'order'],
    ['key:payment:abc', 'payment'],
    ['or%20der:abc', 'or der'],
    ['%:abc', null],
    ['no mark', null],
  ] as const) {
    it(`the resource of ${key} is ${name}`, () => {
      expect(resourceOf(key)).to.equal(name)
    })
  }

  it('counts what is under way', () => {
    const underway = new Underway()
    const [one] = [underway.begin('a'), underway.begin('b')]
    expect(underway.count).to.equal(2)
    underway.end(one)
    expect(underway.count).to.equal(1)
  })
})
