import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { Deadlines } from '../../lib/engine/deadlines.js'
import { Lease } from '../../lib/engine/lease.js'
import type { PoeError } from '../../lib/errors.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { faultyStore, gate, hang, loseReply, only, pass, refuse } from '../support/engine-bench.js'

const LEASE_MS = 15_000

async function setUp({ maxRunMs = 300_000, sentAgoMs = 0 } = {}) {
  const clock = fakeClock()
  const faulty = faultyStore(memoryStore({ now: clock.now }))
  const { store } = faulty
  await store.claim('k', {
    owner: 'me',
    epoch: null,
    leaseMs: LEASE_MS,
    claimByMs: clock.now(),
    tokenExpiresMs: null,
    keepUntilMs: null,
    onSilence: 'undecided',
    fingerprint: null,
    principal: '',
  })
  const lost: string[] = []
  class TestLease extends Lease {
    protected override renew() {
      return store.renew('k', 'me', LEASE_MS)
    }
    protected override onLost(cause: PoeError) {
      lost.push(cause.code)
    }
  }
  const tools = { clock, deadlines: new Deadlines(clock), leaseMs: LEASE_MS }
  const lease = new TestLease(tools, maxRunMs, clock.now() - sentAgoMs)
  const renewals = () => faulty.calls.filter(method => method === 'renew').length
  const stateOf = async () => (await store.read('k', null)).state
  return { clock, faulty, store, lease, lost, renewals, stateOf }
}

describe('a lease', () => {
  it('[LOCK-01] is renewed at a third, for as long as the handler runs', async () => {
    const { clock, lease, renewals, lost, stateOf } = await setUp()
    await clock.advance(5_000)
    expect(renewals()).to.equal(1)
    await clock.advance(95_000)
    expect(renewals()).to.equal(20)
    expect(await stateOf()).to.equal('running')
    expect([lease.lost, lost]).to.deep.equal([false, []])
  })

  it('is renewed no more once it has ended', async () => {
    const { clock, lease, renewals, lost, stateOf } = await setUp()
    lease.end()
    await clock.advance(LEASE_MS)
    expect(renewals()).to.equal(0)
    expect(await stateOf()).to.equal('undecided')
    expect([lease.lost, lost]).to.deep.equal([false, []])
  })

  it('is lost when the key is not ours any more: the signal aborts with the reason', async () => {
    const { clock, store, lease, lost } = await setUp()
    const { signal } = lease
    await store.release('k', 'me')
    await clock.advance(5_000)
    expect(lost).to.deep.equal(['ERR_POE_LEASE_LOST'])
    expect(lease.lost).to.equal(true)
    expect(signal.aborted).to.equal(true)
    expect(signal.reason).to.have.property('code', 'ERR_POE_LEASE_LOST')
    expect(lease.signal).to.equal(signal)
  })

  it('a signal that is asked for after the loss has aborted already', async () => {
    const { clock, store, lease } = await setUp()
    await store.release('k', 'me')
    await clock.advance(5_000)
    expect(lease.signal.reason).to.have.property('code', 'ERR_POE_LEASE_LOST')
  })

  it('is lost when no renewal gets through until its end, and not before', async () => {
    const { clock, faulty, lease, lost, renewals } = await setUp()
    faulty.fault = refuse
    await clock.advance(14_900)
    expect([renewals(), lost]).to.deep.equal([2, []])
    await clock.advance(150)
    expect(lost).to.deep.equal(['ERR_POE_LEASE_LOST'])
    expect(lease.lost).to.equal(true)
    faulty.fault = pass
    await clock.advance(60_000)
    expect(renewals()).to.equal(3)
  })

  it('one renewal that gets through is enough, also when others fail', async () => {
    const { clock, faulty, lost } = await setUp()
    for (let round = 0; round < 5; round += 1) {
      faulty.fault = refuse
      await clock.advance(10_000)
      faulty.fault = pass
      await clock.advance(5_000)
    }
    expect(lost).to.deep.equal([])
  })

  it('a renewal whose reply was lost counts for nothing here', async () => {
    const { clock, faulty, lost } = await setUp()
    faulty.fault = loseReply
    await clock.advance(LEASE_MS + 50)
    expect(lost).to.deep.equal(['ERR_POE_LEASE_LOST'])
  })

  it('counts from when the claim was sent, not from when it was answered', async () => {
    const { clock, faulty, lost } = await setUp({ sentAgoMs: 14_000 })
    faulty.fault = refuse
    await clock.advance(1_050)
    expect(lost).to.deep.equal(['ERR_POE_LEASE_LOST'])
  })

  it('counts from when a renewal was sent, not from when it was answered', async () => {
    const { clock, faulty, lost } = await setUp()
    faulty.fault = async call => {
      const reply = await call.arrive()
      await clock.sleep(4_000)
      return reply
    }
    await clock.advance(9_000)
    faulty.fault = refuse
    await clock.advance(10_950)
    expect(lost).to.deep.equal([])
    await clock.advance(100)
    expect(lost).to.deep.equal(['ERR_POE_LEASE_LOST'])
  })

  it('one whose end had passed when the process woke up again is renewed at once', async () => {
    const { clock, renewals, lost } = await setUp({ sentAgoMs: 60_000 })
    await clock.advance(50)
    expect([renewals(), lost]).to.deep.equal([1, []])
  })

  it('is renewed no more after maxRunMs, whatever the store says', async () => {
    const { clock, lease, lost, renewals, stateOf } = await setUp({ maxRunMs: 12_000 })
    const { signal } = lease
    await clock.advance(11_950)
    expect([renewals(), lost]).to.deep.equal([2, []])
    await clock.advance(50)
    expect(lost).to.deep.equal(['ERR_POE_RUN_TOO_LONG'])
    expect(signal.reason).to.have.property('code', 'ERR_POE_RUN_TOO_LONG')
    await clock.advance(LEASE_MS)
    expect(await stateOf()).to.equal('undecided')
    expect(renewals()).to.equal(2)
  })

  it('of a run that goes on is told of once, a whole lease after maxRunMs', async () => {
    const { clock, lease } = await setUp({ maxRunMs: 60_000 })
    const [startMs, toldMs] = [clock.now(), [] as number[]]
    lease.watch({ onOverdue: () => void toldMs.push(clock.now() - startMs) })
    lease.end()
    await clock.advance(200_000)
    expect(toldMs).to.deep.equal([60_000 + LEASE_MS])
  })

  it('a renewal that is answered after the end of the lease decides nothing', async () => {
    for (const state of ['ok', 'stale'] as const) {
      const { clock, faulty, lease, lost } = await setUp()
      const reply = gate<{ nowMs: number; state: 'ok' | 'stale' }>()
      faulty.fault = only(['renew'], () => reply.promise)
      await clock.advance(5_000)
      lease.end()
      reply.open({ nowMs: clock.now(), state })
      await clock.advance(60_000)
      expect([lease.lost, lost]).to.deep.equal([false, []])
      expect(clock.sleeping).to.equal(0)
    }
  })

  it('while the outcome is on its way, a stale renewal only says that it has arrived', async () => {
    const { clock, store, lease, lost, renewals } = await setUp()
    await store.complete('k', 'me', { head: '[200,[],"n"]', body: null })
    lease.settle()
    await clock.advance(60_000)
    expect([renewals(), lease.lost, lost]).to.deep.equal([1, false, []])
  })

  it('renewals that hang do not keep it from ending', async () => {
    const { clock, faulty, lease } = await setUp()
    faulty.fault = hang
    await clock.advance(5_000)
    lease.end()
    await clock.advance(60_000)
    expect(clock.sleeping).to.equal(0)
  })
})
