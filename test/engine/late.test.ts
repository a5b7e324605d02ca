import { expect } from 'chai'
import {
  type EngineBench,
  engineBench,
  gate,
  hang,
  held,
  loseReply,
  only,
  pass,
  refuse,
  reportedError,
  settle,
  times,
} from '../support/engine-bench.js'

async function takeOver(bench: EngineBench, onSilence: 'free' | 'undecided' = 'undecided') {
  const reply = await bench.real.claim('order:1', {
    ...bench.operation(),
    owner: 'rival',
    leaseMs: 15_000,
    claimByMs: bench.clock.now(),
    tokenExpiresMs: null,
    onSilence,
    principal: 'alice',
  })
  expect(reply.state).to.equal('claimed')
}

describe('a completion that comes late', () => {
  it('[LOCK-01] a slow handler keeps its claim by renewal', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    const twin = bench.post()
    await bench.clock.advance(60_000)
    expect((await twin).kind).to.equal('running')
    end.open()
    expect((await post).kind).to.equal('done')
    expect(bench.events.at(-1)).to.deep.equal({ type: 'spent', key: 'order:1', late: false })
    expect(bench.runs).to.equal(1)
  })

  it('[LOCK-01] without renewal: no take-over, and the late success is recorded', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    bench.faulty.fault = only(['renew'], refuse)
    await bench.clock.advance(20_000)
    expect(bench.heard()).to.include('lease-lost')
    expect((await bench.post()).kind).to.equal('undecided')
    end.open()
    expect((await post).kind).to.equal('done')
    expect(bench.events.at(-1)).to.deep.equal({ type: 'spent', key: 'order:1', late: true })
    expect((await bench.post()).kind).to.equal('spent')
    expect(bench.runs).to.equal(1)
  })

  it('[LOCK-01] the handler is told by its signal', async () => {
    const bench = engineBench()
    const signal = gate<AbortSignal>()
    const end = gate()
    const post = bench.post({
      handler: async run => {
        signal.open(run.signal)
        await end.promise
        return {}
      },
    })
    const { aborted } = await signal.promise
    expect(aborted).to.equal(false)
    await bench.real.release('order:1', 'owner-1')
    await bench.clock.advance(5_000)
    expect((await signal.promise).reason).to.have.property('code', 'ERR_POE_LEASE_LOST')
    end.open()
    await post
  })

  it('[LOCK-01] of a stale owner is refused: it is told what the record says', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    await bench.real.release('order:1', 'owner-1')
    await takeOver(bench)
    end.open()
    expect(await post).to.deep.equal({ kind: 'running', retryAfterMs: 15_000 })
    expect(bench.heard()).to.deep.equal(['claimed', 'stale-completion'])
    expect(await bench.stateOf()).to.equal('running')
  })

  it("[LOCK-01] a stale failure never frees the new owner's claim", async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    await bench.real.release('order:1', 'owner-1')
    await takeOver(bench)
    end.fail(reportedError(500))
    await post
    expect(await bench.stateOf()).to.equal('running')
  })

  it('of a stale owner whose key was freed is no go-ahead: the effect is there', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    await bench.real.release('order:1', 'owner-1')
    end.open()
    expect(await post).to.deep.equal({ kind: 'undecided', sinceMs: bench.clock.now() })
  })

  it('of an owner whose record was lost is no "it did not happen" either', async () => {
    const bench = engineBench()
    const { epochs } = await bench.real.epoch()
    const expiresAtMs = bench.clock.now() + 1_000
    const operation = { ...bench.operation(), epoch: epochs[0] ?? '', expiresAtMs }
    const end = gate()
    const handler = async () => {
      await end.promise
      return {}
    }
    const lost = bench.post({ operation, handler })
    const expired = bench.post({
      operation: { ...operation, key: 'order:2', epoch: null },
      handler,
    })
    await settle()
    await bench.real.release('order:1', 'owner-1')
    await bench.real.release('order:2', 'owner-2')
    await bench.real.rotateEpoch()
    await bench.clock.advance(1_001)
    expect((await bench.engine.look(operation)).kind).to.equal('forgotten')
    end.open()
    expect((await lost).kind).to.equal('undecided')
    expect((await expired).kind).to.equal('undecided')
  })

  it('a reply that was lost: told again, and the repeat counts', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['complete'], times(1, loseReply))
    const post = bench.post()
    await settle()
    await bench.clock.advance(100)
    expect((await post).kind).to.equal('done')
    expect(bench.heard().filter(type => type === 'spent')).to.have.lengthOf(1)
  })

  it('a renewal that meets the recorded outcome is no loss', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    const reply = gate()
    bench.faulty.fault = only(['complete'], async call => {
      const done = await call.arrive()
      await reply.promise
      return done
    })
    await bench.clock.advance(4_900)
    end.open()
    await bench.clock.advance(200)
    reply.open()
    expect((await post).kind).to.equal('done')
    expect(bench.heard()).to.deep.equal(['claimed', 'spent'])
    expect(bench.faulty.calls).to.deep.equal(['claim', 'complete', 'renew'])
  })
})

describe('a success that cannot be recorded', () => {
  it('is tried for recordForMs, then answered, then recorded in the background', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['complete'], refuse)
    const post = bench.post()
    await bench.clock.advance(4_899)
    expect(bench.heard()).not.to.include('unrecorded')
    // The next try would come when the time is up.
    await bench.clock.advance(1)
    expect(bench.heard()).to.include('unrecorded')
    expect(await post).to.deep.equal({ kind: 'done' })
    expect(bench.engine.pendingWrites).to.equal(1)
    await bench.clock.advance(60_000)
    expect((await bench.post()).kind).to.equal('undecided')
    bench.faulty.fault = pass
    await bench.clock.advance(5_000)
    expect(bench.events.at(-1)).to.deep.equal({ type: 'spent', key: 'order:1', late: true })
    expect((await bench.post()).kind).to.equal('spent')
    expect([bench.runs, bench.engine.pendingWrites]).to.deep.equal([1, 0])
  })

  it('and that the store has given to another meanwhile: told to the operator', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['complete'], refuse)
    const post = bench.post()
    await bench.clock.advance(5_000)
    await post
    await bench.real.release('order:1', 'owner-1')
    bench.faulty.fault = pass
    await bench.clock.advance(5_000)
    expect(bench.events.at(-1)).to.deep.equal({ type: 'stale-completion', key: 'order:1' })
    expect(bench.engine.pendingWrites).to.equal(0)
  })

  it('[POE-2-1] and without the mark that it needed, is no success', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['complete'], refuse)
    const post = bench.post({ rules: { marks: true } })
    await bench.clock.advance(5_000)
    expect((await post).kind).not.to.equal('done')
    expect((await post).kind).to.equal('running')
    const marked = bench.post({
      operation: { key: 'order:2' },
      rules: { marks: true },
      handler: async run => {
        await run.pointOfNoReturn()
        return {}
      },
    })
    await bench.clock.advance(5_000)
    expect((await marked).kind).to.equal('done')
  })
})

describe('a handler that runs longer than maxRunMs', () => {
  it('is told by its signal; its client gets an answer; its late success is recorded', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench, { rules: { maxRunMs: 20_000 } })
    await bench.clock.advance(20_000)
    expect(bench.events.at(-1)).to.have.nested.property('cause.code', 'ERR_POE_RUN_TOO_LONG')
    await bench.clock.advance(15_000)
    expect(await post).to.include({ kind: 'undecided' })
    expect((await bench.post()).kind).to.equal('undecided')
    end.open()
    await settle()
    expect(bench.events.at(-1)).to.deep.equal({ type: 'spent', key: 'order:1', late: true })
    expect((await bench.post()).kind).to.equal('spent')
    expect(bench.runs).to.equal(1)
  })

  it('and then reports a failure: believed, also late', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench, { rules: { maxRunMs: 1_000 } })
    await bench.clock.advance(16_000)
    expect((await post).kind).to.equal('undecided')
    end.fail(reportedError(422))
    await settle()
    expect(await bench.stateOf()).to.equal('none')
  })

  it('without a store that answers, is answered all the same', async () => {
    const bench = engineBench()
    const { post } = await held(bench, { rules: { maxRunMs: 1_000 } })
    bench.faulty.fault = hang
    await bench.clock.advance(16_000)
    expect((await post).kind).to.equal('undecided')
  })
})
