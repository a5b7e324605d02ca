import { expect } from 'chai'
import { Deadlines } from '../../lib/engine/deadlines.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'

function setUp() {
  const clock = fakeClock(0)
  const told: string[] = []
  return {
    clock,
    deadlines: new Deadlines(clock),
    told,
    note: (name: string) => () => told.push(name),
  }
}

describe('deadlines', () => {
  it('are told once, never early, and at most 50 ms late', async () => {
    const { clock, deadlines, told } = setUp()
    const at: number[] = []
    for (const inMs of [0, 1, 49, 50, 51, 333]) deadlines.set(inMs, () => at.push(clock.now()))
    await clock.advance(1_000)
    expect(at).to.deep.equal([50, 50, 50, 50, 100, 350])
    expect(told).to.deep.equal([])
  })

  it('share one timer, and leave none when nothing is set', async () => {
    const { clock, deadlines, note } = setUp()
    for (let index = 0; index < 100; index += 1) deadlines.set(100, note('x'))
    expect(clock.sleeping).to.equal(1)
    await clock.advance(100)
    expect(clock.sleeping).to.equal(0)
    deadlines.set(10, note('y'))
    expect(clock.sleeping).to.equal(1)
  })

  it('are not told when cleared, also by another that is due at the same time', async () => {
    const { clock, deadlines, told, note } = setUp()
    const cleared = deadlines.set(10, note('cleared'))
    deadlines.clear(cleared)
    deadlines.set(10, () => deadlines.clear(second))
    const second = deadlines.set(10, note('second'))
    await clock.advance(100)
    deadlines.clear(second)
    expect(told).to.deep.equal([])
  })

  it('may be set while another is told', async () => {
    const { clock, deadlines, told, note } = setUp()
    deadlines.set(10, () => deadlines.set(10, note('next')))
    await clock.advance(50)
    await clock.advance(50)
    expect(told).to.deep.equal(['next'])
  })
})
