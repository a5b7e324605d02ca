import { expect } from 'chai'
import { PendingWrites } from '../../lib/engine/pending-writes.js'
import type { PoeEvent } from '../../lib/engine/ports.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { gate, settle } from '../support/engine-bench.js'

const DAY_MS = 86_400_000

function setUp() {
  const clock = fakeClock(0)
  const events: PoeEvent[] = []
  return { clock, events, pending: new PendingWrites(clock, event => events.push(event)) }
}

describe('writes that are pending', () => {
  it('are tried with growing pauses, until they say that they are settled', async () => {
    const { clock, pending, events } = setUp()
    const tried: number[] = []
    pending.add('k', async () => {
      tried.push(clock.now())
      if (tried.length < 4) throw new Error('not yet')
      return tried.length === 9
    })
    expect(pending.count).to.equal(1)
    await clock.advance(30_000)
    expect(tried).to.deep.equal([100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300, 21_300])
    expect(pending.count).to.equal(0)
    expect(events).to.deep.equal([])
  })

  it('are given up after a day, and say so', async () => {
    const { clock, pending, events } = setUp()
    pending.add('k', async () => false)
    await clock.advance(DAY_MS - 1)
    expect(pending.count).to.equal(1)
    await clock.advance(10_000)
    expect(pending.count).to.equal(0)
    expect(events).to.deep.equal([{ type: 'pending-write-dropped', key: 'k' }])
  })

  it('are bounded in number: one too many is dropped, and says so', async () => {
    const { pending, events } = setUp()
    for (let index = 0; index < 10_001; index += 1) pending.add(`k${index}`, async () => true)
    expect(pending.count).to.equal(10_000)
    expect(events).to.deep.equal([{ type: 'pending-write-dropped', key: 'k10000' }])
    await pending.close()
  })

  it('[FALSE-1301] are tried once more at close, and what is pending then is named', async () => {
    const { clock, pending, events } = setUp()
    const tried: string[] = []
    const tryAs = (key: string, isDone: boolean) => async () => {
      tried.push(key)
      if (!isDone) throw new Error('not yet')
      return true
    }
    pending.add('written', tryAs('written', true))
    pending.add('not', tryAs('not', false))
    expect(await pending.close()).to.deep.equal(['not'])
    pending.add('after', tryAs('after', true))
    await settle()
    expect(tried).to.deep.equal(['written', 'not'])
    const dropped = events.map(event => event.type === 'pending-write-dropped' && event.key)
    expect(dropped).to.deep.equal(['not', 'after'])
    expect(pending.count).to.equal(0)
    expect(clock.sleeping).to.equal(0)
  })

  it('[FALSE-1301] one that is being tried at close is tried once more after that', async () => {
    const { clock, pending } = setUp()
    const first = gate<boolean>()
    let tries = 0
    pending.add('k', () => {
      tries += 1
      return tries === 1 ? first.promise : Promise.resolve(true)
    })
    await clock.advance(100)
    const closed = pending.close()
    first.open(false)
    expect(await closed).to.deep.equal([])
    expect(tries).to.equal(2)
  })

  it('[FALSE-1602] are bounded in bytes: what does not fit is dropped, and says so', async () => {
    const { clock, pending, events } = setUp()
    const all = 32 * 1_024 * 1_024
    expect(pending.hasRoomFor(all)).to.equal(true)
    pending.add('large', async () => true, all - 10)
    expect(pending.hasRoomFor(11)).to.equal(false)
    pending.add('too large', async () => true, 11)
    pending.add('small', async () => true, 10)
    expect(pending.count).to.equal(2)
    expect(events).to.deep.equal([{ type: 'pending-write-dropped', key: 'too large' }])
    await clock.advance(100)
    expect(pending.hasRoomFor(all)).to.equal(true)
  })
})
