import { expect } from 'chai'
import { Alarms } from '../../lib/engine/alarms.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'

function setUp() {
  const clock = fakeClock(0)
  const rung: string[] = []
  return { clock, alarms: new Alarms(clock), rung, ring: (name: string) => () => rung.push(name) }
}

describe('alarms', () => {
  it('ring once, never early, and at most 50 ms late', async () => {
    const { clock, alarms, rung } = setUp()
    const at: number[] = []
    for (const inMs of [0, 1, 49, 50, 51, 333]) alarms.set(inMs, () => at.push(clock.now()))
    await clock.advance(1_000)
    expect(at).to.deep.equal([50, 50, 50, 50, 100, 350])
    expect(rung).to.deep.equal([])
  })

  it('share one timer, and leave none when nothing is set', async () => {
    const { clock, alarms, ring } = setUp()
    for (let index = 0; index < 100; index += 1) alarms.set(100, ring('x'))
    expect(clock.sleeping).to.equal(1)
    await clock.advance(100)
    expect(clock.sleeping).to.equal(0)
    alarms.set(10, ring('y'))
    expect(clock.sleeping).to.equal(1)
  })

  it('do not ring when cleared, also by another that rings at the same time', async () => {
    const { clock, alarms, rung, ring } = setUp()
    const cleared = alarms.set(10, ring('cleared'))
    alarms.clear(cleared)
    alarms.set(10, () => alarms.clear(second))
    const second = alarms.set(10, ring('second'))
    await clock.advance(100)
    alarms.clear(second)
    expect(rung).to.deep.equal([])
  })

  it('may be set while another rings', async () => {
    const { clock, alarms, rung, ring } = setUp()
    alarms.set(10, () => alarms.set(10, ring('next')))
    await clock.advance(50)
    await clock.advance(50)
    expect(rung).to.deep.equal(['next'])
  })
})
