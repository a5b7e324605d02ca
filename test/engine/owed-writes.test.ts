import { expect } from 'chai'
import { OwedWrites } from '../../lib/engine/owed-writes.js'
import type { PoeEvent } from '../../lib/engine/ports.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { settle } from '../support/engine-bench.js'

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
    owed.close()
    await settle()
  })

  it('are dropped at close, and none is taken after it', async () => {
    const { clock, owed, events } = setUp()
    owed.owe('before', async () => true)
    owed.close()
    owed.owe('after', async () => true)
    await settle()
    expect(events.map(event => 'key' in event && event.key)).to.have.members(['before', 'after'])
    expect(owed.count).to.equal(0)
    expect(clock.sleeping).to.equal(0)
  })
})
