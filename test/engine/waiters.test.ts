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
    expect(await over).to.equal('over')
    expect(asked).to.deep.equal([25, 75, 175, 375, 775, 1_275, 1_775, 2_000])
  })

  it('do not wait at all where waitMs is 0', async () => {
    const { waiters } = setUp()
    expect(await waiters.wait('k', waiters.place(0), stays())).to.equal('over')
  })

  it('are woken at once, all of one key and none of another', async () => {
    const { clock, waiters } = setUp()
    const woken: string[] = []
    for (const key of ['a', 'a', 'b']) {
      waiters.wait(key, waiters.place(1_000), stays()).then(
        waited => woken.push(`${key} ${waited}`),
        () => {},
      )
    }
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
    expect(await waiting).to.equal('gone')
    expect(await waiters.wait('k', waiters.place(1_000), client.signal)).to.equal('gone')
    expect(clock.sleeping).to.equal(0)
  })

  it('are at most 4 a key', async () => {
    const { clock, waiters } = setUp()
    const four = [1, 2, 3, 4].map(() => waiters.wait('k', waiters.place(1_000), stays()))
    expect(await waiters.wait('k', waiters.place(1_000), stays())).to.equal('too-many')
    const other = waiters.wait('other', waiters.place(1_000), stays())
    await clock.advance(25)
    expect(await Promise.all([...four, other])).to.deep.equal(Array(5).fill('again'))
    const free = waiters.wait('k', waiters.place(1_000), stays())
    await clock.advance(25)
    expect(await free).to.equal('again')
  })

  it('are at most 1,000 in all', async () => {
    const { clock, waiters } = setUp()
    const all = Array.from({ length: 1_000 }, (_, index) =>
      waiters.wait(`k${index}`, waiters.place(1_000), stays()),
    )
    expect(await waiters.wait('one more', waiters.place(1_000), stays())).to.equal('too-many')
    await clock.advance(25)
    await Promise.all(all)
    const free = waiters.wait('one more', waiters.place(1_000), stays())
    await clock.advance(25)
    expect(await free).to.equal('again')
  })
})
