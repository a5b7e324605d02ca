import { expect } from 'chai'
import { Engine } from '../../lib/engine/engine.js'
import { engineBench, gate, held, reportedError, settle } from '../support/engine-bench.js'

/** A bench with a POST at work that a test ends. */
async function withRunning() {
  const bench = engineBench()
  const { end, post: first } = await held(bench)
  expect(bench.runs).to.equal(1)
  return { bench, first, end }
}

const kindOf = (verdict: { readonly kind: string }) => verdict.kind

describe('a POST whose twin is running', () => {
  it('[POE-2-15] is held, woken at once, and told the outcome', async () => {
    const { bench, first, end } = await withRunning()
    const twins = [bench.post(), bench.post()]
    await settle()
    end.open()
    const nowMs = bench.clock.now()
    expect((await Promise.all(twins)).map(kindOf)).to.deep.equal(['spent', 'spent'])
    expect(bench.clock.now()).to.equal(nowMs)
    expect((await first).kind).to.equal('done')
    expect(bench.runs).to.equal(1)
  })

  it('[POE-2-15] gets the time that is left of the lease when its wait is over', async () => {
    const { bench, first, end } = await withRunning()
    const twin = bench.post({ rules: { waitMs: 2_000 } })
    await bench.clock.advance(2_000)
    expect(await twin).to.deep.equal({ kind: 'running', retryAfterMs: 13_000 })
    const impatient = await bench.post({ rules: { waitMs: 0 } })
    expect(impatient).to.deep.equal({ kind: 'running', retryAfterMs: 13_000 })
    end.open()
    await first
  })

  it('when the first one fails, one of the waiting takes its place', async () => {
    const { bench, first, end } = await withRunning()
    const again = gate()
    let entered = 0
    const twin = {
      handler: async () => {
        entered += 1
        await again.promise
        return {}
      },
    }
    const twins = [bench.post(twin), bench.post(twin), bench.post(twin), bench.post(twin)]
    await settle()
    end.fail(reportedError(422))
    expect(await first).to.include({ kind: 'threw', free: true })
    await bench.clock.advance(100)
    expect(entered).to.equal(1)
    again.open()
    const kinds = (await Promise.all(twins)).map(kindOf)
    expect(kinds.sort()).to.deep.equal(['done', 'spent', 'spent', 'spent'])
    expect(entered).to.equal(1)
  })

  it('[POE-2-20] when the first one falls silent, the waiting are told at once', async () => {
    const { bench, first, end } = await withRunning()
    const twin = bench.post()
    await settle()
    end.fail(new Error('boom'))
    expect((await twin).kind).to.equal('undecided')
    expect(await first).to.include({ kind: 'threw', free: false })
  })

  it('[POE-2-22] never claims once its client has left', async () => {
    const { bench, first, end } = await withRunning()
    const client = new AbortController()
    const twin = bench.post({ gone: client.signal })
    await settle()
    client.abort()
    expect(await twin).to.deep.equal({ kind: 'gone' })
    end.fail(reportedError(422))
    await first
    await bench.clock.advance(10_000)
    expect(bench.runs).to.equal(1)
    expect(await bench.stateOf()).to.equal('none')
  })

  it('a fifth one is not held', async () => {
    const { bench, first, end } = await withRunning()
    const held = [1, 2, 3, 4].map(() => bench.post())
    await settle()
    expect((await bench.post()).kind).to.equal('running')
    end.open()
    await first
    expect((await Promise.all(held)).map(kindOf)).to.deep.equal(Array(4).fill('spent'))
  })

  it('[RACE-07] in another process it finds out by asking', async () => {
    const { bench, first, end } = await withRunning()
    const other = engineBench({
      real: bench.real,
      fakeClock: bench.clock,
      makeId: () => `other-${Math.random()}`,
    })
    const twin = other.post()
    await bench.clock.advance(1_000)
    end.open()
    await first
    await bench.clock.advance(500)
    expect((await twin).kind).to.equal('spent')
    expect(other.runs).to.equal(0)
    expect(other.engine).to.be.instanceOf(Engine)
  })

  it('[RACE-01] of many at the same instant one runs', async () => {
    for (let round = 0; round < 50; round += 1) {
      const bench = engineBench()
      const posts = Array.from({ length: 5 }, () => bench.post({ handler: async () => ({}) }))
      const kinds = (await Promise.all(posts)).map(kindOf)
      expect(kinds.sort()).to.deep.equal(['done', 'spent', 'spent', 'spent', 'spent'])
      expect(bench.runs).to.equal(1)
    }
  })
})
