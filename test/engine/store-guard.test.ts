import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { Deadlines } from '../../lib/engine/deadlines.js'
import type { PoeEvent } from '../../lib/engine/ports.js'
import { StoreGuard } from '../../lib/engine/store-guard.js'
import { PoeError } from '../../lib/errors.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import {
  type Fault,
  faultyStore,
  hang,
  pass,
  refuse,
  soon,
  times,
} from '../support/engine-bench.js'

function setUp(storeAheadMs = 0) {
  const clock = fakeClock(1_000_000)
  const faulty = faultyStore(memoryStore({ now: () => clock.now() + storeAheadMs }))
  const events: PoeEvent[] = []
  const guard = new StoreGuard({
    clock,
    deadlines: new Deadlines(clock),
    emit: event => events.push(event),
    timeoutMs: 900,
    probe: () => faulty.store.epoch(),
  })
  const call = () => guard.call(() => faulty.store.read('k', null))
  return { clock, faulty, guard, events, call, heard: () => events.map(event => event.type) }
}

async function codeOf(failing: Promise<unknown>): Promise<string> {
  const error = await failing.then(
    () => null,
    cause => cause,
  )
  return error instanceof PoeError ? error.code : `no PoeError but ${error}`
}

describe('the guard around a store', () => {
  it('gives replies through, and failures as ERR_POE_STORE_DOWN with their cause', async () => {
    const { faulty, call } = setUp()
    expect(await soon(call())).to.have.property('state', 'none')
    faulty.fault = refuse
    const error = await call().catch(cause => cause)
    expect(error).to.be.instanceOf(PoeError).with.property('code', 'ERR_POE_STORE_DOWN')
    expect(error.cause.message).to.equal('read was refused')
  })

  it('leaves a PoeError as it is', async () => {
    const { faulty, call } = setUp()
    await faulty.store.close()
    expect(await codeOf(call())).to.equal('ERR_POE_STORE_CLOSED')
  })

  it('a failure that comes after the time-out changes nothing', async () => {
    const { clock, guard, heard } = setUp()
    let fail = (_cause: Error): void => {}
    const waiting = new Promise((_resolve, reject) => {
      fail = reject
    })
    const told = codeOf(guard.call(() => waiting))
    await clock.advance(1_000)
    expect(await soon(told)).to.equal('ERR_POE_STORE_DOWN')
    const before = heard()
    fail(new Error('late'))
    await clock.advance(1)
    expect(heard()).to.deep.equal(before)
  })

  it('a call that throws at once is a failure like any other', async () => {
    const { guard } = setUp()
    const thrown = guard.call(() => {
      throw new Error('at once')
    })
    expect(await codeOf(thrown)).to.equal('ERR_POE_STORE_DOWN')
    expect(guard.down).to.equal(true)
  })

  it('[FAIL-07] waits no longer than the time-out', async () => {
    const { clock, faulty, guard, call } = setUp()
    faulty.fault = hang
    const failing = codeOf(call())
    await clock.advance(850)
    expect(guard.down).to.equal(false)
    await clock.advance(50)
    expect(guard.down).to.equal(true)
    expect(await failing).to.equal('ERR_POE_STORE_DOWN')
  })

  it('says once that the store is down, probes it, and says once that it is back', async () => {
    const { clock, faulty, guard, call, heard } = setUp()
    faulty.fault = refuse
    await codeOf(call())
    await codeOf(call())
    expect(heard()).to.deep.equal(['store-down'])
    faulty.calls.length = 0
    await clock.advance(250 + 500 + 1_000 + 2_000 + 2_000)
    expect(faulty.calls).to.deep.equal(Array(5).fill('epoch'))
    faulty.fault = pass
    await clock.advance(2_000)
    expect(guard.down).to.equal(false)
    expect(heard()).to.deep.equal(['store-down', 'store-back'])
    await clock.advance(50)
    expect(clock.sleeping).to.equal(0)
  })

  it('a probe that is never answered is bounded too', async () => {
    const { clock, faulty, guard, call } = setUp()
    faulty.fault = hang
    const failing = codeOf(call())
    await clock.advance(900)
    await failing
    await clock.advance(250 + 900)
    faulty.fault = pass
    await clock.advance(600)
    expect(guard.down).to.equal(false)
  })

  it('any call that is answered brings it back, and the probing ends without a probe', async () => {
    const { clock, faulty, guard, call } = setUp()
    faulty.fault = times(1, refuse)
    await codeOf(call())
    await call()
    expect(guard.down).to.equal(false)
    faulty.calls.length = 0
    await clock.advance(10_000)
    expect(faulty.calls).to.deep.equal([])
  })

  it('a store that flaps is probed by one loop, and by a new one later', async () => {
    const { clock, faulty, call } = setUp()
    for (let round = 0; round < 20; round += 1) {
      faulty.fault = times(1, refuse)
      await codeOf(call())
      if (round < 19) await call()
    }
    await clock.advance(50)
    expect(clock.sleeping).to.equal(1)
    await clock.advance(250)
    expect(clock.sleeping).to.equal(0)
    faulty.fault = times(1, refuse)
    await codeOf(call())
    await clock.advance(50)
    expect(clock.sleeping).to.equal(1)
  })

  it('close ends the probing', async () => {
    const { clock, faulty, guard, call } = setUp()
    faulty.fault = refuse
    await codeOf(call())
    guard.close()
    await clock.advance(50)
    expect(clock.sleeping).to.equal(0)
  })
})

describe("the guard's idea of the store's time", () => {
  it('[EXP-03] follows the first reply, from any call that carries it', async () => {
    for (const aheadMs of [90_000, -90_000]) {
      const { clock, guard, call } = setUp(aheadMs)
      expect(guard.now()).to.equal(clock.now())
      await call()
      expect(guard.now()).to.equal(clock.now() + aheadMs)
      await clock.advance(5_000)
      expect(guard.now()).to.equal(clock.now() + aheadMs)
    }
  })

  it('a slow reply changes nothing that is within its own round trip', async () => {
    const { clock, faulty, guard, call } = setUp(90_000)
    await call()
    const slowBack: Fault = async stuck => {
      const reply = await stuck.arrive()
      await clock.sleep(600)
      return reply
    }
    faulty.fault = slowBack
    const slow = call()
    await clock.advance(600)
    await slow
    expect(guard.now()).to.equal(clock.now() + 90_000)
  })

  it('a slow first reply is believed to half its round trip', async () => {
    const { clock, faulty, guard, call } = setUp(90_000)
    faulty.fault = async stuck => {
      await clock.sleep(600)
      return stuck.arrive()
    }
    const slow = call()
    await clock.advance(600)
    await slow
    expect(guard.now() - clock.now()).to.be.within(89_700, 90_300)
  })

  it('replies without a time are no news', async () => {
    const { clock, guard } = setUp()
    for (const reply of [null, 7, [], { nowMs: 'soon' }, { nowMs: '9' }]) {
      expect(await guard.call(async () => reply)).to.equal(reply)
    }
    expect(guard.now()).to.equal(clock.now())
  })
})
