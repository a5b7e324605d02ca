import { expect } from 'chai'
import { OwedWrites } from '../../lib/engine/owed-writes.js'
import type { PoeEvent } from '../../lib/engine/ports.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { gate, settle } from '../support/engine-bench.js'

const DAY_MS = 86_400_000

function setUp() {
  const clock = fakeClock(0)
  const events: PoeEvent[] = []
  return { clock, events, owed: new OwedWrites(clock, event => events.push(event)) }
}

describe('writes that are owed', () => {
  it('are tried with growing pauses, until they say that they are settled', async () => {
    const { clock, owed, events } = setUp()
    const tried: number[] = []
    owed.owe('k', async () => {
      tried.push(clock.now())
      if (tried.length < 4) throw new Error('not yet')
      return tried.length === 9
    })
    expect(owed.count).to.equal(1)
    await clock.advance(30_000)
    expect(tried).to.deep.equal([100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300, 21_300])
    expect(owed.count).to.equal(0)
    expect(events).to.deep.equal([])
  })

  it('are given up after a day, and say so', async () => {
    const { clock, owed, events } = setUp()
    owed.owe('k', async () => false)
    await clock.advance(DAY_MS - 1)
    expect(owed.count).to.equal(1)
    await clock.advance(10_000)
    expect(owed.count).to.equal(0)
    expect(events).to.deep.equal([{ type: 'owed-write-dropped', key: 'k' }])
  })

  it('are bounded in number: one too many is dropped, and says so', async () => {
    const { owed, events } = setUp()
    for (let index = 0; index < 10_001; index += 1) owed.owe(`k${index}`, async () => true)
    expect(owed.count).to.equal(10_000)
    expect(events).to.deep.equal([{ type: 'owed-write-dropped', key: 'k10000' }])
    await owed.close()
  })

  it('[FALSE-1301] are tried once more at close, and what is owed even then is named', async () => {
    const { clock, owed, events } = setUp()
    const tried: string[] = []
    const tryAs = (key: string, isDone: boolean) => async () => {
      tried.push(key)
      if (!isDone) throw new Error('not yet')
      return true
    }
    owed.owe('written', tryAs('written', true))
    owed.owe('not', tryAs('not', false))
    expect(await owed.close()).to.deep.equal(['not'])
    owed.owe('after', tryAs('after', true))
    await settle()
    expect(tried).to.deep.equal(['written', 'not'])
    const dropped = events.map(event => event.type === 'owed-write-dropped' && event.key)
    expect(dropped).to.deep.equal(['not', 'after'])
    expect(owed.count).to.equal(0)
    expect(clock.sleeping).to.equal(0)
  })

  it('[FALSE-1301] one that is being tried at close is tried once more after that', async () => {
    const { clock, owed } = setUp()
    const first = gate<boolean>()
    let tries = 0
    owed.owe('k', () => {
      tries += 1
      return tries === 1 ? first.promise : Promise.resolve(true)
    })
    await clock.advance(100)
    const closed = owed.close()
    first.open(false)
    expect(await closed).to.deep.equal([])
    expect(tries).to.equal(2)
  })

  it('[FALSE-1602] are bounded in bytes: what does not fit is dropped, and says so', async () => {
    const { clock, owed, events } = setUp()
    const all = 32 * 1_024 * 1_024
    expect(owed.hasRoomFor(all)).to.equal(true)
    owed.owe('large', async () => true, all - 10)
    expect(owed.hasRoomFor(11)).to.equal(false)
    owed.owe('too large', async () => true, 11)
    owed.owe('small', async () => true, 10)
    expect(owed.count).to.equal(2)
    expect(events).to.deep.equal([{ type: 'owed-write-dropped', key: 'too large' }])
    await clock.advance(100)
    expect(owed.hasRoomFor(all)).to.equal(true)
  })
})
