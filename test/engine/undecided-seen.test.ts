/** Each undecided record is announced once, in bounded memory. */
import { expect } from 'chai'
import type { PoeEvent } from '../../lib/engine/ports.js'
import { UndecidedSeen } from '../../lib/engine/undecided-seen.js'

function setUp() {
  const events: PoeEvent[] = []
  const seen = new UndecidedSeen(event => events.push(event))
  return {
    events,
    announce: (key: string, owner = 'a') => seen.announce({ key, owner, sinceMs: 5 }),
  }
}

describe('undecided records that are seen', () => {
  it('[FALSE-1204] each is told of once; of another owner it is another record', () => {
    const { events, announce } = setUp()
    for (const owner of ['a', 'a', 'b', 'b', 'a']) announce('key', owner)
    announce('other')
    expect(events.map(event => 'owner' in event && event.owner)).to.deep.equal(['a', 'b', 'a', 'a'])
    expect(events[0]).to.deep.equal({ type: 'undecided', key: 'key', owner: 'a', sinceMs: 5 })
  })

  it('[FALSE-1205] ten thousand are remembered; what is forgotten is told again', () => {
    const { events, announce } = setUp()
    for (let index = 0; index < 10_001; index += 1) announce(`key-${index}`)
    expect(events).to.have.lengthOf(10_001)
    announce('key-10000')
    announce('key-1')
    expect(events, 'the latest and the second are known').to.have.lengthOf(10_001)
    announce('key-0')
    expect(events, 'the first had to go').to.have.lengthOf(10_002)
  })
})
