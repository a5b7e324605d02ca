import { expect } from 'chai'
import { Waiters } from '../../lib/engine/waiters.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { settle } from '../support/engine-bench.js'

const stays = () => new AbortController().signal

function setUp() {
  const clock = fakeClock(0)
  return { clock, waiters: new Waiters(clock) }
}

describe('requests that wait for a running twin', () => {
  it('[POE-2-15] poll with growing pauses, and never longer than they want to', async () => {
    const { clock, waiters } = setUp()
    const place = waiters.place(2_000)
    const asked: number[] = []
    async function poll(): Promise<string> {
      for (;;) {
        const waited = await waiters.wait('k', place, stays())
        if (waited !== 'again') return waited
        asked.push(clock.now())
      }
    }
    const over = poll()
    await clock.advance(5_000)
    expect(asked).to.deep.equal([25, 75, 175, 375, 775, 1_275, 1_775, 2_000])
    expect(await over).to.equal('over')
  })

  it('do not wait at all where waitMs is 0', async () => {
    const { waiters } = setUp()
    expect(await waiters.wait('k', waiters.place(0), stays())).to.equal('over')
  })

  it('are woken at once, all of one key and none of another', async () => {
    const { clock, waiters } = setUp()
    const woken: string[] = []
    const first = waiters.wait('a', waiters.place(1), stays())
    for (const key of ['a', 'a', 'b']) {
      waiters.wait(key, waiters.place(1_000), stays()).then(
        waited => woken.push(`${key} ${waited}`),
        () => {},
      )
    }
    await clock.advance(1)
    expect(await first, 'one that leaves takes nobody along').to.equal('again')
    waiters.wake('a')
    waiters.wake('nobody')
    await settle()
    expect(woken).to.deep.equal(['a again', 'a again'])
    expect(clock.sleeping).to.equal(1)
  })

  it('leave when their client does, before and while they wait', async () => {
    const { clock, waiters } = setUp()
    const client = new AbortController()
    const waiting = waiters.wait('k', waiters.place(1_000), client.signal)
    client.abort()
    const late = waiters.wait('k', waiters.place(1_000), client.signal)
    expect(clock.sleeping).to.equal(0)
    expect(await Promise.all([waiting, late])).to.deep.equal(['gone', 'gone'])
  })

  it('are at most 4 a key', async () => {
    const { clock, waiters } = setUp()
    const all = ['k', 'k', 'k', 'k', 'k', 'other'].map(key =>
      waiters.wait(key, waiters.place(1_000), stays()),
    )
    expect(clock.sleeping).to.equal(5)
    await clock.advance(25)
    const four = Array(4).fill('again')
    expect(await Promise.all(all)).to.deep.equal([...four, 'too-many', 'again'])
    const free = waiters.wait('k', waiters.place(1_000), stays())
    await clock.advance(25)
    expect(await free).to.equal('again')
  })

  it('are at most 1,000 in all', async () => {
    const { clock, waiters } = setUp()
    const all = Array.from({ length: 1_001 }, (_, index) =>
      waiters.wait(`k${index}`, waiters.place(1_000), stays()),
    )
    expect(clock.sleeping).to.equal(1_000)
    await clock.advance(25)
    expect((await Promise.all(all)).at(-1)).to.equal('too-many')
    const free = waiters.wait('one more', waiters.place(1_000), stays())
    await clock.advance(25)
    expect(await free).to.equal('again')
  })
})
