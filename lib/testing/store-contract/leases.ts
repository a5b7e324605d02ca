/**
 * Leases: how long a silent owner is believed to be at work, and what its silence means.
 */
import assert from 'node:assert/strict'
import {
  LEASE_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  timedCase,
} from './trial.js'

/** Cases about leases, `renew` and `mark`. */
export function leaseCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [...lapse(options), ...renew(options), ...mark(options)]
}

function lapse<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  const always = [
    timedCase(options, 'lease: it ends by itself, not before its time', async (trial, leaseMs) => {
      await trial.take('key', 'a', { leaseMs })
      const before = await trial.read('key')
      assert.ok(before.state === 'running', `within its lease the key is ${before.state}`)
      assert.ok(before.leaseLeftMs <= leaseMs, 'no more is left than was given')
      await trial.pass(leaseMs + 50)
      await trial.expectState('key', 'undecided', '50 ms after the lease')
    }),
    storeCase(options, 'lease: lapsed in doubt, it names the owner and the moment', async trial => {
      const nowMs = await trial.now()
      await trial.take('key', 'a', { leaseMs: 100, fingerprint: 'print', principal: 'ann' })
      await trial.pass(150)
      for (const reply of [await trial.read('key'), await trial.claim('key', { owner: 'b' })]) {
        assert.ok(reply.state === 'undecided', `the key is ${reply.state}, not undecided`)
        assert.equal(reply.owner, 'a', 'the silent owner')
        assert.ok(reply.sinceMs >= nowMs + 100, 'sinceMs is when the lease lapsed, in milliseconds')
        assert.ok(reply.sinceMs <= reply.nowMs, 'sinceMs is not in the future')
        assert.deepEqual([reply.fingerprint, reply.principal], ['print', 'ann'], 'who claimed it')
      }
    }),
  ]
  if (options.advance === undefined) return always
  return [
    ...always,
    storeCase(
      options,
      '[LOCK-09] lease: 5 s are live at 1 s and 4.999 s, over at 5 s',
      async trial => {
        await trial.take('key', 'a', { leaseMs: 5_000 })
        for (const [waitMs, leftMs] of [
          [1_000, 4_000],
          [3_999, 1],
        ] as const) {
          await trial.pass(waitMs)
          const reply = await trial.read('key')
          assert.ok(reply.state === 'running', `with ${leftMs} ms left the key is ${reply.state}`)
          assert.equal(reply.leaseLeftMs, leftMs, 'leaseLeftMs, to the millisecond')
        }
        await trial.pass(1)
        const reply = await trial.read('key')
        assert.ok(reply.state === 'undecided', `at 5.000 s the key is ${reply.state}`)
        assert.equal(reply.sinceMs, reply.nowMs, 'it lapsed just now')
        await trial.pass(1)
        await trial.expectState('key', 'undecided', 'at 5.001 s')
      },
    ),
  ]
}

function renew<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'renew: it sets the lease from now, longer or shorter', async trial => {
      await trial.take('key', 'a')
      for (const leaseMs of [10 * LEASE_MS, 2_000]) {
        assert.equal((await trial.store.renew('key', 'a', leaseMs)).state, 'ok')
        const reply = await trial.read('key')
        assert.ok(reply.state === 'running', `after renew(${leaseMs}) the key is ${reply.state}`)
        assert.ok(reply.leaseLeftMs <= leaseMs, `renew(${leaseMs}) left ${reply.leaseLeftMs} ms`)
        assert.ok(reply.leaseLeftMs > leaseMs - 1_900, `renew(${leaseMs}) left too little`)
      }
    }),
    storeCase(options, 'renew: 0 ends the lease at once', async trial => {
      await trial.take('doubt', 'a')
      await trial.take('free', 'a', { onSilence: 'free' })
      for (const key of ['doubt', 'free']) {
        assert.equal((await trial.store.renew(key, 'a', 0)).state, 'ok', 'renew(0) by the owner')
      }
      await trial.expectState('doubt', 'undecided', 'after renew(0)')
      await trial.expectState('free', 'none', 'after renew(0)')
    }),
    storeCase(
      options,
      'renew: a lapsed lease comes back if nobody has taken the key',
      async trial => {
        await trial.fallSilent('doubt', 'a')
        await trial.fallSilent('free', 'a', { onSilence: 'free' })
        for (const key of ['doubt', 'free']) {
          const reply = await trial.store.renew(key, 'a', LEASE_MS)
          assert.equal(reply.state, 'ok', `renewing the lapsed '${key}'`)
          await trial.expectState(key, 'running', `the renewed '${key}'`)
        }
      },
    ),
    storeCase(options, 'renew: it never takes a key from another owner', async trial => {
      await trial.fallSilent('key', 'a', { onSilence: 'free' })
      await trial.take('key', 'b')
      assert.equal((await trial.store.renew('key', 'a', 10)).state, 'stale', 'the former owner')
      assert.equal((await trial.store.renew('key', 'c', 10)).state, 'stale', 'a stranger')
      assert.equal((await trial.store.renew('nothing', 'a', 10)).state, 'stale', 'no record')
      await trial.expectState('nothing', 'none', 'renew makes no record')
      const reply = await trial.read('key')
      assert.ok(reply.state === 'running', `the key is ${reply.state}`)
      assert.ok(reply.leaseLeftMs > 10_000, "the owner's lease is untouched")
      assert.equal((await trial.store.renew('key', 'b', 10)).state, 'ok', 'the owner')
    }),
  ]
}

function mark<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      'mark: before it silence frees the key, after it silence means doubt',
      async trial => {
        await trial.take('key', 'a', { onSilence: 'free' })
        assert.equal((await trial.store.mark('key', 'a')).state, 'ok', 'mark by the owner')
        assert.equal((await trial.store.mark('key', 'a')).state, 'ok', 'mark sent twice')
        await trial.expectState('key', 'running', 'mark ends no lease')
        await trial.store.renew('key', 'a', 0)
        await trial.expectState('key', 'undecided', 'silence after the mark')
      },
    ),
    storeCase(
      options,
      '[FALSE-4331] mark: it outlives a renewal, and counts after the lease as well',
      async trial => {
        await trial.take('renewed', 'a', { onSilence: 'free' })
        await trial.store.mark('renewed', 'a')
        assert.equal((await trial.store.renew('renewed', 'a', LEASE_MS)).state, 'ok', 'a renewal')
        await trial.store.renew('renewed', 'a', 0)
        await trial.expectState('renewed', 'undecided', 'silence after a mark and a renewal')
        await trial.fallSilent('late', 'a', { onSilence: 'free' })
        assert.equal((await trial.store.mark('late', 'a')).state, 'ok', 'while nobody has taken it')
        await trial.expectState('late', 'undecided', 'marked after its lease')
      },
    ),
    storeCase(options, "mark: another owner's claim stays as it is", async trial => {
      await trial.fallSilent('key', 'a', { onSilence: 'free' })
      await trial.take('key', 'b', { onSilence: 'free' })
      assert.equal((await trial.store.mark('key', 'a')).state, 'stale', 'the former owner')
      assert.equal((await trial.store.mark('nothing', 'a')).state, 'stale', 'no record')
      await trial.store.renew('key', 'b', 0)
      await trial.expectState('key', 'none', "b's silence still frees the key")
    }),
  ]
}
