import { expect } from 'chai'
import { PurgePace } from '../../lib/stores/sqlite/purge-pace.js'

describe('the pace of a purge', () => {
  it('takes smaller steps where one takes long, larger ones where it does not', () => {
    const pace = new PurgePace()
    const first = pace.size
    expect(pace.next(15)).to.equal(15)
    expect(pace.size).to.equal(first)
    pace.next(40)
    expect(pace.size).to.equal(first / 2)
    pace.next(2)
    expect(pace.size).to.equal(first)
  })

  it('stays within bounds, and rests for a moment at most', () => {
    const pace = new PurgePace()
    for (let step = 0; step < 20; step += 1) pace.next(1_000)
    expect(pace.size).to.equal(25)
    expect(pace.next(1_000)).to.equal(50)
    for (let step = 0; step < 20; step += 1) pace.next(0)
    expect(pace.size).to.equal(500)
  })
})
