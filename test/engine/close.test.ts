/**
 * `close()`: an orderly end waits, bounded, for work that is under way, and keeps its claims alive.
 */
import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import {
  CREATED,
  engineBench,
  gate,
  hang,
  held,
  only,
  refuse,
  settle,
} from '../support/engine-bench.js'

describe('close()', () => {
  it('[FALSE-1302] waits for a handler, whose lease is kept meanwhile', async () => {
    const bench = engineBench({ leaseMs: 1_500 })
    const { end, post } = await held(bench)
    const closed = bench.engine.close(20_000)
    await bench.clock.advance(15_000)
    expect(await bench.stateOf()).to.equal('running')
    end.open()
    expect(await closed).to.deep.equal({ running: [], unwritten: [] })
    expect([(await post).kind, await bench.stateOf()]).to.deep.equal(['done', 'spent'])
    await bench.clock.advance(50)
    expect(bench.clock.sleeping, 'no loop is left').to.equal(0)
  })

  it('[FALSE-1303] when the grace is over it names what is at work, which goes on', async () => {
    const bench = engineBench()
    const { end, post } = await held(bench)
    const closed = bench.engine.close(2_000)
    expect(bench.engine.close(0), 'called again').to.equal(closed)
    await bench.clock.advance(2_000)
    expect(await closed).to.deep.equal({ running: ['order:1'], unwritten: [] })
    expect(bench.heard()).to.deep.equal(['claimed', 'unfinished'])
    await bench.clock.advance(20_000)
    expect(await bench.stateOf(), 'its lease is not kept any more').to.equal('undecided')
    end.open()
    expect([(await post).kind, await bench.stateOf()]).to.deep.equal(['done', 'spent'])
  })

  it('[FALSE-1304] waits for a claim that is on its way, and for what it then runs', async () => {
    const bench = engineBench()
    const door = gate()
    bench.faulty.fault = only(['claim'], async call => {
      await door.promise
      return await call.arrive()
    })
    const post = bench.post()
    await settle()
    let isClosed = false
    const closed = bench.engine.close().then(() => {
      isClosed = true
    })
    await settle()
    expect(isClosed).to.equal(false)
    door.open()
    await closed
    expect([(await post).kind, await bench.stateOf()]).to.deep.equal(['done', 'spent'])
  })

  it('[FALSE-1305] a call of a store that falls silent ends in time, also after it', async () => {
    const bench = engineBench()
    await bench.engine.close(0)
    const post = bench.post({
      handler: () => {
        bench.faulty.fault = hang
        return {}
      },
    })
    await bench.clock.advance(10_000)
    expect((await post).kind).to.equal('done')
    expect(bench.heard()).to.include.members(['unrecorded', 'pending-write-dropped'])
  })

  it('[FALSE-1306] waits for a body that is being recorded', async () => {
    const bench = engineBench()
    const source = new PassThrough()
    source.write('a')
    const handler = () => ({ ...CREATED, body: { kind: 'stream' as const, source } })
    expect((await bench.post({ handler })).kind).to.equal('done')
    const closed = bench.engine.close()
    await settle()
    source.end('b')
    expect(await closed).to.deep.equal({ running: [], unwritten: [] })
    const look = await bench.engine.look(bench.operation())
    expect(look.kind === 'spent' && look.outcome.body.kind).to.equal('kept')
  })

  it('[FALSE-1301] an outcome that is pending reaches a store that is back', async () => {
    const bench = engineBench({ recordForMs: 0 })
    const handler = () => {
      bench.faulty.fault = refuse
      return {}
    }
    expect((await bench.post({ handler })).kind).to.equal('done')
    expect(bench.engine.pendingWrites).to.equal(1)
    bench.faulty.fault = call => call.arrive()
    expect(await bench.engine.close()).to.deep.equal({ running: [], unwritten: [] })
    expect(await bench.stateOf()).to.equal('spent')
  })
})
