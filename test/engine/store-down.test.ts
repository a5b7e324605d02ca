import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Store } from '../../lib/engine/store.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import {
  engineBench,
  type Fault,
  gate,
  hang,
  held,
  loseReply,
  only,
  pass,
  refuse,
  settle,
  times,
} from '../support/engine-bench.js'
import { tinyDatabase } from '../support/tiny-transactions.js'

const DOWN = { kind: 'store-down', retryAfterMs: 1_000 }

describe('a POST while the store is down', () => {
  it('[FAIL-07] is refused, and the handler is not entered', async () => {
    const bench = engineBench()
    bench.faulty.fault = refuse
    expect(await bench.post()).to.deep.equal(DOWN)
    expect(await bench.engine.look(bench.operation())).to.deep.equal(DOWN)
    expect(bench.runs).to.equal(0)
    expect(bench.heard()).to.deep.equal(['store-down'])
    bench.faulty.fault = pass
    await bench.clock.advance(2_000)
    expect((await bench.post()).kind).to.equal('done')
    expect(bench.runs).to.equal(1)
  })

  it('[FAIL-07] is refused within the time-out, and nothing runs late', async () => {
    const bench = engineBench()
    const wire = gate()
    bench.faulty.fault = only(['claim'], async call => {
      await wire.promise
      return call.arrive()
    })
    const post = bench.post()
    await bench.clock.advance(900)
    expect(await post).to.deep.equal(DOWN)
    await bench.clock.advance(60_000)
    wire.open()
    await settle()
    expect(await bench.stateOf()).to.equal('none')
    expect(bench.runs).to.equal(0)
    expect(bench.engine.pendingWrites).to.equal(0)
  })

  it('a claim that was granted after all is taken back in the background', async () => {
    const bench = engineBench()
    bench.faulty.fault = times(1, loseReply)
    expect(await bench.post()).to.deep.equal(DOWN)
    expect(await bench.stateOf()).to.equal('running')
    expect(bench.engine.pendingWrites).to.equal(1)
    await bench.clock.advance(2_000)
    expect(await bench.stateOf()).to.equal('none')
    expect(bench.engine.pendingWrites).to.equal(0)
    expect(bench.runs).to.equal(0)
  })

  it('taking back counts only once the claim cannot arrive any more', async () => {
    const bench = engineBench()
    const wire = gate()
    let lateReply: unknown
    const slowClaim: Fault = async call => {
      // The connection reports a failure at once, but the command sits in a queue on the way.
      wire.promise.then(
        async () => {
          lateReply = await call.arrive()
        },
        () => {},
      )
      throw new Error('connection reset')
    }
    bench.faulty.fault = only(['claim'], slowClaim)
    expect(await bench.post()).to.deep.equal(DOWN)
    await bench.clock.advance(750)
    expect(bench.faulty.calls.filter(method => method === 'release').length).to.be.above(0)
    wire.open()
    await settle()
    expect(lateReply).to.have.property('state', 'claimed')
    expect(bench.engine.pendingWrites).to.equal(1)
    await bench.clock.advance(2_000)
    expect(await bench.stateOf()).to.equal('none')
    expect(bench.engine.pendingWrites).to.equal(0)
  })

  it('taking back goes by the time that the claim itself named', async () => {
    // The store's clock is believed to be a minute ahead when the claim is sent, and is not.
    const clock = fakeClock()
    const real = memoryStore({ now: clock.now }) as Store<unknown>
    const bench = engineBench({ real, fakeClock: clock })
    const ahead: Fault = async call => {
      const reply = (await call.arrive()) as { nowMs: number }
      return { ...reply, nowMs: reply.nowMs + 60_000 }
    }
    bench.faulty.fault = ahead
    await bench.engine.look(bench.operation())
    const wire = gate()
    bench.faulty.fault = only(['claim'], async call => {
      await wire.promise
      return call.arrive()
    })
    const post = bench.post()
    await clock.advance(900)
    await post
    await bench.engine.look(bench.operation())
    await clock.advance(30_000)
    wire.open()
    await settle()
    expect(await bench.stateOf()).to.equal('running')
    await clock.advance(5_000)
    expect(await bench.stateOf()).to.equal('none')
    await clock.advance(60_000)
    expect(bench.engine.pendingWrites).to.equal(0)
  })

  it('[EXP-03] a claim that is late by a wrong clock is sent again by the right one', async () => {
    const clock = fakeClock()
    const real = memoryStore({ now: () => clock.now() + 90_000 }) as Store<unknown>
    const bench = engineBench({ real, fakeClock: clock })
    expect((await bench.post({ operation: { expiresAtMs: null } })).kind).to.equal('done')
    expect(bench.faulty.calls).to.deep.equal(['claim', 'claim', 'complete'])
  })

  it('[EXP-03] what is left of a lease is told by the store, whatever the clocks', async () => {
    const clock = fakeClock()
    const real = memoryStore({ now: clock.now }) as Store<unknown>
    const ahead = fakeClock(clock.now() + 90_000)
    const one = engineBench({ real, fakeClock: clock })
    const other = engineBench({ real, fakeClock: ahead, makeId: () => 'other' })
    const { end, post: first } = await held(one)
    const twin = await other.post({ rules: { waitMs: 0 } })
    expect(twin).to.deep.equal({ kind: 'running', retryAfterMs: 15_000 })
    end.open()
    await first
  })

  it('a claim that is late twice is refused; nothing has to be taken back', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['claim'], async () => ({ nowMs: bench.clock.now(), state: 'late' }))
    expect(await bench.post()).to.deep.equal(DOWN)
    expect([bench.runs, bench.engine.pendingWrites]).to.deep.equal([0, 0])
    expect(bench.faulty.calls).to.deep.equal(['claim', 'claim'])
  })

  it('a second sending that fails is taken back too', async () => {
    const bench = engineBench()
    let sent = 0
    bench.faulty.fault = only(['claim'], async call => {
      sent += 1
      return sent === 1 ? { nowMs: bench.clock.now(), state: 'late' } : loseReply(call)
    })
    expect(await bench.post()).to.deep.equal(DOWN)
    expect(await bench.stateOf()).to.equal('running')
    await bench.clock.advance(2_000)
    expect(await bench.stateOf()).to.equal('none')
  })

  it('an outage full of requests leaves room for outcomes that are pending', async function () {
    this.timeout(240_000)
    const bench = engineBench({ recordForMs: 0 })
    const { end, post: first } = await held(bench)
    bench.faulty.fault = refuse
    for (let index = 0; index < 10_001; index += 1) {
      await bench.post({ operation: { key: `flood:${index}` } })
    }
    expect(bench.heard().filter(type => type === 'pending-write-dropped')).to.have.lengthOf(1)
    end.open()
    expect((await first).kind).to.equal('done')
    bench.faulty.fault = only(['complete'], pass)
    expect(bench.engine.pendingWrites).to.equal(10_001)
    await bench.clock.advance(100)
    expect(await bench.stateOf()).to.equal('spent')
    bench.faulty.fault = pass
    await bench.engine.close()
  })

  it('[FALSE-1301] close tries them once more, names the rest, ends all loops', async () => {
    const bench = engineBench()
    bench.faulty.fault = refuse
    await bench.post()
    expect(await bench.engine.close()).to.deep.equal({ running: [], unwritten: ['order:1'] })
    await bench.clock.advance(50)
    expect(bench.engine.pendingWrites).to.equal(0)
    expect(bench.clock.sleeping).to.equal(0)
  })
})

describe('dangerouslyRunUnprotected', () => {
  const unprotected = () => {
    const bench = engineBench({ dangerouslyRunUnprotected: true })
    bench.faulty.fault = hang
    return bench
  }

  it('runs the handler although the store is down, and says so', async () => {
    const bench = unprotected()
    const posts = [bench.post(), bench.post()]
    await bench.clock.advance(900)
    expect(await Promise.all(posts)).to.deep.equal([{ kind: 'done' }, { kind: 'done' }])
    expect(bench.runs).to.equal(2)
    expect(bench.heard()).to.include('unprotected')
    expect(bench.heard()).not.to.include('spent')
  })

  it('a handler that never ends is waited for as long as anywhere else', async () => {
    const bench = unprotected()
    bench.faulty.fault = refuse
    let told: string | null = null
    const rules = { maxRunMs: 60_000 }
    const post = bench.post({ rules, handler: () => new Promise(() => {}) })
    post.then(
      ({ kind }) => {
        told = kind
      },
      () => {},
    )
    await bench.clock.advance(74_900)
    expect(told).to.equal(null)
    await bench.clock.advance(200)
    expect(told).to.equal('undecided')
  })

  it('a handler that fails, throws, marks or streams is served all the same', async () => {
    const bench = unprotected()
    bench.faulty.fault = refuse
    expect((await bench.post({ handler: () => ({ status: 422 }) })).kind).to.equal('refused')
    const thrown = await bench.post({
      handler: () => {
        throw new Error('boom')
      },
    })
    expect(thrown).to.include({ kind: 'threw', free: false })
    expect(bench.heard()).not.to.include('undecided')
    const marks = await bench.post({
      rules: { marks: true },
      handler: async run => {
        expect([run.signal.aborted, run.tx]).to.deep.equal([false, null])
        await run.pointOfNoReturn()
        return {}
      },
    })
    expect(marks.kind).to.equal('done')
    const source = (async function* () {
      yield 'x'
    })()
    const streamed = await bench.post({ handler: () => ({ body: { kind: 'stream', source } }) })
    expect(streamed.kind).to.equal('done')
    await settle()
  })

  it('never runs a transactional resource: there is no transaction', async () => {
    const { store } = tinyDatabase(memoryStore() as Store<unknown>)
    const bench = engineBench({ real: store, dangerouslyRunUnprotected: true })
    bench.faulty.fault = refuse
    expect(await bench.post({ rules: { transactional: true } })).to.deep.equal(DOWN)
    expect(bench.runs).to.equal(0)
  })
})
