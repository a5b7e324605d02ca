/**
 * An attempt that finds its key spent asks first whether that is its own outcome: then it is done,
 * and its client is never told that the link was used before.
 */
import { Readable, Writable } from 'node:stream'
import { expect } from 'chai'
import { Deadlines } from '../../lib/engine/deadlines.js'
import { NoRecord } from '../../lib/engine/no-record.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import {
  CREATED,
  engineBench,
  type Fault,
  gate,
  loseReply,
  only,
  refuse,
  settle,
} from '../support/engine-bench.js'
import { INSTALLED_STORES, openStore } from '../support/stores.js'
import { tinyDatabase } from '../support/tiny-transactions.js'

/** Calls that get there, but are never answered. */
const silence: Fault = async call => {
  await call.arrive()
  return await new Promise(() => {})
}

describe('an attempt that finds its own outcome', () => {
  for (const kind of INSTALLED_STORES) {
    it(`[FALSE-603] on ${kind}: the reply to what spent it was lost, and it is done`, async () => {
      const { store, discard } = await openStore(kind)
      const transactional = store.capabilities.transactional
      const bench = engineBench({ real: store, fakeClock: fakeClock(Date.now()), recordForMs: 0 })
      bench.faulty.fault = only(['complete', 'commit'], loseReply)
      const posting = { rules: { transactional, marks: !transactional } }
      expect((await bench.post(posting)).kind).to.equal('done')
      expect(bench.heard()).to.include('spent')
      bench.faulty.fault = call => call.arrive()
      expect((await bench.post(posting)).kind, 'a repeat').to.equal('spent')
      expect(bench.runs).to.equal(1)
      await bench.engine.close()
      await discard()
    })
  }

  it('[FALSE-604] a commit that is not answered in all its time, but took place', async () => {
    const clock = fakeClock()
    const real = engineBench({ fakeClock: clock }).real
    const bench = engineBench({ real: tinyDatabase(real).store, fakeClock: clock })
    bench.faulty.fault = only(['commit'], silence)
    const sent: string[] = []
    const client = new Writable({
      write(chunk, _coding, done) {
        sent.push(String(chunk))
        done()
      },
    })
    const post = bench.post({
      rules: { transactional: true },
      handler: () => ({
        ...CREATED,
        body: { kind: 'stream', source: Readable.from(['a', 'b']) },
        client,
      }),
    })
    await clock.advance(5_850)
    expect(sent, 'nothing is said before it is known').to.deep.equal([])
    await clock.advance(100)
    expect((await post).kind).to.equal('done')
    await settle()
    expect(sent.join(''), 'its streamed body is sent').to.equal('ab')
    const look = await bench.engine.look(bench.operation())
    expect(look.kind === 'spent' && look.outcome.body.kind, 'and kept').to.equal('kept')
  })

  it('[FALSE-605] unrecorded as it seems, without a mark: the record knows better', async () => {
    const bench = engineBench({ recordForMs: 0 })
    bench.faulty.fault = only(['complete'], loseReply)
    expect((await bench.post({ rules: { marks: true } })).kind).to.equal('done')
  })

  it('[FALSE-605] where the record cannot be asked, it is not called done', async () => {
    const bench = engineBench({ recordForMs: 0 })
    bench.faulty.fault = only(['complete', 'confirm', 'read'], refuse)
    expect((await bench.post({ rules: { marks: true } })).kind).to.equal('store-down')
  })

  it('[FALSE-4579] where it could be asked too late only, it is not told as used', async () => {
    for (const rules of [{ marks: true }, { transactional: true }]) {
      const clock = fakeClock()
      const { store: real } = tinyDatabase(engineBench({ fakeClock: clock }).real)
      const bench = engineBench({ real, fakeClock: clock, recordForMs: 0 })
      let isAway = false
      bench.faulty.fault = async call => {
        const reply = isAway ? null : await call.arrive()
        if (call.method === 'commit' || call.method === 'complete') isAway = true
        else if (call.method === 'confirm') isAway = false
        if (reply === null || isAway) throw new Error(`${call.method}: the store is away`)
        return reply
      }
      expect((await bench.post({ rules })).kind).to.equal('store-down')
      expect(await bench.stateOf()).to.equal('spent')
      expect((await bench.post({ rules })).kind).to.equal('spent')
    }
  })

  it('[FALSE-606] its time is over while its outcome is recorded: it is waited for', async () => {
    for (const transactional of [true, false]) {
      const clock = fakeClock()
      const real = tinyDatabase(engineBench({ fakeClock: clock }).real).store
      const bench = engineBench({ real, fakeClock: clock, leaseMs: 500, recordForMs: 5_000 })
      const door = gate()
      bench.faulty.fault = only(['complete', 'commit'], async call => {
        await door.promise
        return await call.arrive()
      })
      const rules = { transactional, maxRunMs: 100 }
      const post = bench.post({ rules })
      await clock.advance(700)
      door.open()
      expect((await post).kind).to.equal('done')
    }
  })

  it('[FALSE-608] a run without any protection has no outcome that it could find', async () => {
    const record = new NoRecord(new Deadlines(fakeClock()), 1_000)
    expect(await record.confirm()).to.equal(false)
  })

  it("[FALSE-608] another's outcome is not its own", async () => {
    const bench = engineBench()
    const handler = async () => {
      await bench.real.release('order:1', 'owner-1')
      await bench.post()
      return {}
    }
    expect((await bench.post({ handler })).kind).to.equal('spent')
    expect(bench.heard()).to.include('stale-completion')
  })
})
