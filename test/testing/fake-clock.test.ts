import { expect } from 'chai'
import { fakeClock } from '../../lib/testing/fake-clock.js'

describe('the fake clock', () => {
  it('stands still until it is told to go on', async () => {
    const clock = fakeClock(1_000)
    expect(clock.now()).to.equal(1_000)
    await clock.advance(0)
    expect(clock.now()).to.equal(1_000)
    await clock.advance(250)
    expect(clock.now()).to.equal(1_250)
    expect(fakeClock().now()).to.equal(1_700_000_000_000)
  })

  it('wakes sleepers in the order of their times, each at its own time', async () => {
    const clock = fakeClock(0)
    const woken: string[] = []
    const sleep = (name: string, ms: number) =>
      clock.sleep(ms).then(() => woken.push(`${name} at ${clock.now()}`))
    const all = [sleep('c', 30), sleep('a', 10), sleep('d', 30), sleep('b', 20), sleep('e', 31)]
    expect(clock.sleeping).to.equal(5)
    expect(clock.nextWakeMs).to.equal(10)
    await clock.advance(30)
    expect(woken).to.deep.equal(['a at 10', 'b at 20', 'c at 30', 'd at 30'])
    expect(clock.sleeping).to.equal(1)
    await clock.advance(1)
    await Promise.all(all)
    expect(clock.sleeping).to.equal(0)
    expect(clock.nextWakeMs).to.equal(null)
  })

  it('runs what follows from a waking before the next one, and new sleeps too', async () => {
    const clock = fakeClock(0)
    const log: string[] = []
    async function loop() {
      for (let round = 1; round <= 3; round += 1) {
        await clock.sleep(10)
        for (let hop = 0; hop < 50; hop += 1) await null
        log.push(`loop ${round} at ${clock.now()}`)
      }
    }
    const other = clock.sleep(15).then(() => log.push(`other at ${clock.now()}`))
    const done = loop()
    await clock.advance(100)
    await Promise.all([done, other])
    expect(log).to.deep.equal(['loop 1 at 10', 'other at 15', 'loop 2 at 20', 'loop 3 at 30'])
    expect(clock.now()).to.equal(100)
  })

  it('sees sleeps that begin just after advance was called', async () => {
    const clock = fakeClock(0)
    const late = Promise.resolve().then(() => clock.sleep(5))
    await clock.advance(5)
    await late
  })

  it('a sleep of 0 or less waits for the next advance', async () => {
    const clock = fakeClock(0)
    let woken = 0
    const all = [clock.sleep(0), clock.sleep(-5)].map(one => one.then(() => (woken += 1)))
    await Promise.resolve()
    expect(woken).to.equal(0)
    await clock.advance(0)
    await Promise.all(all)
    expect(clock.now()).to.equal(0)
  })

  it('a sleep ends by its signal, with its reason, and is forgotten', async () => {
    const clock = fakeClock(0)
    const controller = new AbortController()
    const reason = new Error('enough')
    const sleeps = [10, Number.POSITIVE_INFINITY].map(ms => clock.sleep(ms, controller.signal))
    const failures = Promise.allSettled(sleeps)
    const stays = clock.sleep(10)
    controller.abort(reason)
    const rejected = { status: 'rejected', reason }
    expect(await failures).to.deep.equal([rejected, rejected])
    expect(clock.sleeping).to.equal(1)
    await clock.advance(10)
    await stays
  })

  it('a signal that has aborted already, or aborts after the waking', async () => {
    const clock = fakeClock(0)
    const controller = new AbortController()
    const sleep = clock.sleep(1, controller.signal)
    await clock.advance(1)
    await sleep
    const other = clock.sleep(1)
    controller.abort('too late')
    expect(clock.sleeping).to.equal(1)
    await clock.advance(1)
    await other
    expect(await clock.sleep(1, controller.signal).catch(reason => reason)).to.equal('too late')
    expect(clock.sleeping).to.equal(0)
  })

  it('two advances at once take turns', async () => {
    const clock = fakeClock(0)
    const woken: number[] = []
    const all = [5, 15].map(ms => clock.sleep(ms).then(() => woken.push(clock.now())))
    await Promise.all([clock.advance(10), clock.advance(10)])
    await Promise.all(all)
    expect(woken).to.deep.equal([5, 15])
    expect(clock.now()).to.equal(20)
  })

  it('refuses to go back, to go nowhere, and to sleep for no number', async () => {
    const clock = fakeClock(0)
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(await clock.advance(ms).catch(error => error)).to.be.instanceOf(RangeError)
    }
    expect(await clock.sleep(Number.NaN).catch(error => error)).to.be.instanceOf(RangeError)
    await clock.advance(1)
    expect(clock.now()).to.equal(1)
  })

  it('does not go round for ever', async () => {
    const clock = fakeClock(0)
    let on = true
    async function spin() {
      while (on) await clock.sleep(0)
    }
    const spinning = spin()
    const error = await clock.advance(1).catch(reason => reason)
    expect(error).to.be.instanceOf(Error)
    expect(error.message).to.match(/loop/)
    on = false
    await clock.advance(0)
    await spinning
  })

  it('tells when the code under test has come to its sleep', async () => {
    const clock = fakeClock(0)
    let ran = false
    setImmediate(() => {
      void clock.sleep(10).then(() => {
        ran = true
      })
    })
    await clock.untilSleeping(1)
    await clock.advance(10)
    expect(ran).to.equal(true)
    const error = await clock.untilSleeping(1, 5).catch(reason => reason)
    expect(error.message).to.equal('0 of 1 sleepers after 5 ms')
  })
})
