/**
 * A store that is full for an answer's body still records the outcome; and what is pending while a
 * store is away does not fill the memory.
 */
import diagnostics from 'node:diagnostics_channel'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { EVENTS_CHANNEL } from '../../lib/engine/ports.js'
import type { StoredOutcome } from '../../lib/engine/store.js'
import { PoeError } from '../../lib/errors.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { CREATED, engineBench, type Fault, only, refuse, settle } from '../support/engine-bench.js'
import { tinyDatabase } from '../support/tiny-transactions.js'

const full: Fault = async () => {
  throw new PoeError('ERR_POE_STORE_FULL')
}

/** Full for outcomes with a body. */
const fullForBodies: Fault = call => {
  const stored = call.args.find(
    (arg): arg is StoredOutcome => typeof arg === 'object' && arg !== null && 'body' in arg,
  )
  return (stored?.body?.byteLength ?? 0) > 0 ? full(call) : call.arrive()
}

describe('a store that is full', () => {
  it('[FALSE-1601] for the body: the outcome is recorded without it, at once', async () => {
    const bench = engineBench()
    bench.faulty.fault = fullForBodies
    expect((await bench.post()).kind).to.equal('done')
    expect(bench.heard()).to.deep.equal(['claimed', 'body-not-kept', 'spent'])
    expect([bench.engine.pendingWrites, bench.engine.guard.down]).to.deep.equal([0, false])
    const look = await bench.engine.look(bench.operation())
    expect(look.kind === 'spent' && look.outcome).to.deep.include({ body: { kind: 'not-kept' } })
  })

  it('[FALSE-1601] for the body of a stream: told as not kept, and no longer awaited', async () => {
    const bench = engineBench()
    bench.faulty.fault = fullForBodies
    const handler = () => ({
      ...CREATED,
      body: { kind: 'stream' as const, source: Readable.from(['a']) },
    })
    expect((await bench.post({ handler })).kind).to.equal('done')
    await settle()
    expect(bench.engine.pendingWrites).to.equal(0)
    const look = await bench.engine.look(bench.operation())
    expect(look.kind === 'spent' && look.outcome).to.deep.include({ body: { kind: 'not-kept' } })
  })

  it('[FALSE-1601] for everything, for a while: without its body, and pending then', async () => {
    const bench = engineBench({ recordForMs: 300 })
    bench.faulty.fault = only(['complete'], full)
    const post = bench.post()
    await bench.clock.advance(1_000)
    expect((await post).kind).to.equal('done')
    expect(bench.engine.pendingWrites).to.equal(1)
    bench.faulty.fault = call => call.arrive()
    await bench.clock.advance(5_000)
    expect(await bench.stateOf()).to.equal('spent')
  })

  it('[FALSE-1603] for a transaction: undone, free, and told that it is full', async () => {
    const clock = fakeClock()
    const { real } = engineBench({ fakeClock: clock })
    const database = tinyDatabase(real)
    const bench = engineBench({ real: database.store, fakeClock: clock })
    const error = new PoeError('ERR_POE_STORE_FULL')
    database.beforeCommit = () => Promise.reject(error)
    const verdict = await bench.post({ rules: { transactional: true } })
    expect(verdict).to.deep.equal({ kind: 'store-full', retryAfterMs: 1_000, undone: true, error })
    expect([await bench.stateOf(), bench.engine.guard.down]).to.deep.equal(['none', false])
  })
})

describe('a claim that the store refuses', () => {
  for (const [code, found] of [
    ['ERR_POE_STORE_FULL', 'store-full'],
    ['ERR_POE_STORE_BUSY', 'store-down'],
    ['ERR_POE_STORE_DOWN', 'store-down'],
  ] as const) {
    it(`[FALSE-4556] with ${code} is counted as a POST that ran nothing`, async () => {
      const bench = engineBench()
      bench.faulty.fault = async () => {
        throw new PoeError(code)
      }
      const heard: unknown[] = []
      const hear = (event: unknown): unknown => heard.push(event)
      diagnostics.subscribe(EVENTS_CHANNEL, hear)
      await bench.post()
      diagnostics.unsubscribe(EVENTS_CHANNEL, hear)
      expect(heard).to.deep.include({ type: 'not-run', key: 'order:1', found })
    })
  }
})

describe('outcomes that are pending', () => {
  it('[FALSE-1602] are bounded in bytes: bodies are left out first, and no outcome', async () => {
    const bench = engineBench({ recordForMs: 0, bodyLimitBytes: 64 * 1_024 * 1_024 })
    const bytes = Buffer.alloc(20 * 1_024 * 1_024)
    bench.faulty.fault = only(['complete'], refuse)
    for (const key of ['a', 'b', 'c']) {
      const handler = () => ({ ...CREATED, body: { kind: 'bytes' as const, bytes } })
      expect((await bench.post({ operation: { key }, handler })).kind).to.equal('done')
    }
    expect(bench.heard().filter(type => type === 'body-not-kept')).to.have.lengthOf(2)
    expect(bench.engine.pendingWrites).to.equal(3)
    bench.faulty.fault = call => call.arrive()
    await bench.clock.advance(1_000)
    const kept: string[] = []
    for (const key of ['a', 'b', 'c']) {
      const look = await bench.engine.look(bench.operation({ key }))
      kept.push(look.kind === 'spent' ? look.outcome.body.kind : look.kind)
    }
    expect(kept).to.deep.equal(['kept', 'not-kept', 'not-kept'])
  })

  it('[FALSE-1602] a store that comes back full gets them without their bodies', async () => {
    const bench = engineBench({ recordForMs: 0 })
    bench.faulty.fault = only(['complete'], refuse)
    expect((await bench.post()).kind).to.equal('done')
    bench.faulty.fault = fullForBodies
    await bench.clock.advance(1_000)
    expect([await bench.stateOf(), bench.engine.pendingWrites]).to.deep.equal(['spent', 0])
  })
})
