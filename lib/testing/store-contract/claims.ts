/**
 * The claim: who gets a key, who is told what, and the order of the checks.
 */
import assert from 'node:assert/strict'
import {
  answer,
  type ClaimWishes,
  LEASE_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

/** Cases about `claim`. */
export function claimCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    ...whoGetsIt(options),
    ...whoDoesNot(options),
    ...whoseItStays(options),
    ...orderOfChecks(options),
    ...edges(options),
  ]
}

function whoGetsIt<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      'claim: a free key is claimed, and running for everybody else',
      async trial => {
        await trial.take('key', 'a', { fingerprint: 'print', principal: 'ann' })
        for (const reply of [await trial.claim('key', { owner: 'b' }), await trial.read('key')]) {
          assert.ok(reply.state === 'running', `the key is ${reply.state}, not running`)
          assert.ok(reply.leaseLeftMs > 0, 'leaseLeftMs must be more than 0')
          assert.ok(reply.leaseLeftMs <= LEASE_MS, 'leaseLeftMs must be no more than the lease')
          assert.equal(reply.fingerprint, 'print', "the first claim's fingerprint")
          assert.equal(reply.principal, 'ann', "the first claim's principal")
        }
      },
    ),
    storeCase(options, '[STORE-05] claim: sent twice, it recognises its own owner', async trial => {
      await trial.take('key', 'a')
      await trial.take('key', 'a')
      const reply = await trial.claim('key', { owner: 'b' })
      assert.equal(reply.state, 'running', 'it is still its claim alone')
    }),
    storeCase(
      options,
      'claim: sent twice, it shortens no lease and takes no mark back',
      async trial => {
        await trial.take('key', 'a', { onSilence: 'free', leaseMs: 2 * LEASE_MS })
        await trial.store.mark('key', 'a')
        await trial.take('key', 'a', { onSilence: 'free', leaseMs: 10 })
        const reply = await trial.read('key')
        assert.ok(reply.state === 'running', `the key is ${reply.state}, not running`)
        assert.ok(reply.leaseLeftMs > LEASE_MS, 'the longer lease must stay')
        await trial.store.renew('key', 'a', 0)
        await trial.expectState(
          'key',
          'undecided',
          'the mark must outlive a claim that comes again',
        )
      },
    ),
    storeCase(options, 'claim: sent twice, its lease counts from the second time', async trial => {
      await trial.take('key', 'a', { leaseMs: 10_000 })
      await trial.pass(300)
      const againMs = performance.now()
      await trial.take('key', 'a', { leaseMs: 10_000 })
      const reply = await trial.read('key')
      const least = 9_800 - (performance.now() - againMs)
      assert.ok(reply.state === 'running', `the key is ${reply.state}, not running`)
      assert.ok(reply.leaseLeftMs > least, `only ${reply.leaseLeftMs} of 10,000 ms are left`)
      assert.ok(reply.leaseLeftMs <= 10_000, `${reply.leaseLeftMs} of 10,000 ms are left`)
    }),
    storeCase(
      options,
      'claim: after its own lease lapsed, it is judged like any other',
      async trial => {
        await trial.fallSilent('doubt', 'a')
        const doubt = await trial.claim('doubt', { owner: 'a' })
        assert.equal(doubt.state, 'undecided', 'the recorded owner is not running any more')
        await trial.fallSilent('free', 'a', { onSilence: 'free' })
        const late = await trial.claim('free', { owner: 'a', claimByMs: (await trial.now()) - 1 })
        assert.equal(late.state, 'late', 'a free key that its last owner claims late')
      },
    ),
  ]
}

function whoDoesNot<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      '[FALSE-4332] claim: neither whose it is nor its content lets another claim in',
      async trial => {
        const ours = { fingerprint: 'print', principal: 'ann' }
        await trial.take('running', 'a', ours)
        await trial.spend('spent', 'a', ours)
        await trial.fallSilent('undecided', 'a', ours)
        for (const state of ['running', 'spent', 'undecided'] as const) {
          for (const principal of ['ann', 'bob']) {
            for (const fingerprint of ['print', 'other', null]) {
              const reply = await trial.claim(state, { owner: 'b', principal, fingerprint })
              assert.equal(reply.state, state, `a claim by ${principal}, with '${fingerprint}'`)
            }
          }
        }
      },
    ),
    storeCase(
      options,
      "[FALSE-4548] claim: once it is told 'expired', a silent owner is stale",
      async trial => {
        const past = (await trial.now()) - 1
        await trial.fallSilent('key', 'a', { onSilence: 'free' })
        await trial.claim('key', { owner: 'b', claimByMs: past, tokenExpiresMs: past })
        assert.equal((await trial.store.renew('key', 'a', 0)).state, 'ok', 'a late claim ends none')
        const reply = await trial.claim('key', { owner: 'b', tokenExpiresMs: past })
        assert.equal(reply.state, 'expired', 'a claim after tokenExpiresMs on a lapsed free key')
        assert.equal((await trial.store.renew('key', 'a', 10)).state, 'stale', 'a renewal')
        assert.equal((await trial.store.mark('key', 'a')).state, 'stale', 'a mark')
        const end = await trial.store.complete('key', 'a', answer())
        assert.equal(end.state, 'stale', 'nothing happened, as was told')
      },
    ),
  ]
}

function whoseItStays<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      'claim: a spent key stays spent, also for the owner that spent it',
      async trial => {
        await trial.spend('key', 'a')
        for (const owner of ['a', 'b']) {
          const reply = await trial.claim('key', { owner })
          assert.equal(reply.state, 'spent', `a claim by ${owner} on a spent key`)
        }
      },
    ),
    storeCase(
      options,
      'claim: a lapsed free key goes to the next, with all that the next says',
      async trial => {
        await trial.fallSilent('key', 'a', { onSilence: 'free', principal: 'ann' })
        await trial.expectState('key', 'none', 'a lapsed free key')
        await trial.take('key', 'b', { fingerprint: 'new', principal: 'bob' })
        const reply = await trial.read('key')
        assert.ok(reply.state === 'running', `the key is ${reply.state}, not running`)
        assert.deepEqual(
          [reply.fingerprint, reply.principal],
          ['new', 'bob'],
          'the next claim counts',
        )
        await trial.store.renew('key', 'b', 0)
        await trial.expectState('key', 'undecided', "the next claim's onSilence")
      },
    ),
    storeCase(options, 'claim: keys do not disturb each other', async trial => {
      await trial.take('one', 'a')
      await trial.spend('two', 'a')
      await trial.take('three', 'c')
      await trial.store.release('three', 'c')
      await trial.expectState('one', 'running', "'one' after work on others")
      await trial.expectState('two', 'spent', "'two' after work on others")
    }),
  ]
}

function orderOfChecks<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'claim: a late one is refused and leaves no trace', async trial => {
      const nowMs = await trial.now()
      const reply = await trial.claim('key', { owner: 'a', claimByMs: nowMs - 1 })
      assert.equal(reply.state, 'late', 'a claim after its claimByMs')
      await trial.expectState('key', 'none', 'after a late claim')
      await trial.take('key', 'b')
    }),
    storeCase(options, 'claim: no record is made after the token expired', async trial => {
      const nowMs = await trial.now()
      const reply = await trial.claim('key', { tokenExpiresMs: nowMs - 1 })
      assert.equal(reply.state, 'expired', 'a claim after tokenExpiresMs')
      await trial.expectState('key', 'none', 'after an expired claim')
      await trial.take('key', 'b', { tokenExpiresMs: null })
    }),
    storeCase(
      options,
      'claim: a token of another epoch is refused where there is no record',
      async trial => {
        const reply = await trial.claim('key', { epoch: 'other-epoch' })
        assert.equal(reply.state, 'wrong-epoch', 'a claim from another epoch')
        await trial.expectState('key', 'none', 'after a claim from another epoch')
        await trial.take('key', 'b', { epoch: null })
      },
    ),
    storeCase(
      options,
      'claim: late comes before wrong-epoch, wrong-epoch before expired',
      async trial => {
        const past = (await trial.now()) - 1
        await trial.fallSilent('free', 'a', { onSilence: 'free' })
        for (const key of ['no-record', 'free']) {
          await expectOrder(trial, key, past)
        }
      },
    ),
    storeCase(
      options,
      'claim: a record answers as it is, whatever the epoch or the time',
      async trial => {
        await trial.take('running', 'a')
        await trial.spend('spent', 'a')
        await trial.fallSilent('undecided', 'a')
        const past = (await trial.now()) - 1
        const hopeless = { epoch: 'other-epoch', claimByMs: past, tokenExpiresMs: past }
        for (const state of ['running', 'spent', 'undecided'] as const) {
          const reply = await trial.claim(state, { owner: 'b', ...hopeless })
          assert.equal(reply.state, state, `a hopeless claim on a ${state} key`)
          const read = await trial.store.read(state, 'other-epoch')
          assert.equal(read.state, state, `a read from another epoch on a ${state} key`)
        }
        const own = await trial.claim('running', { owner: 'a', ...hopeless })
        assert.equal(own.state, 'claimed', "the running owner's own claim, come again late")
      },
    ),
  ]
}

async function expectOrder<Tx>(trial: Trial<Tx>, key: string, past: number): Promise<void> {
  const wishes: ClaimWishes = { owner: 'b', epoch: 'other-epoch', tokenExpiresMs: past }
  const all = await trial.claim(key, { ...wishes, claimByMs: past })
  assert.equal(all.state, 'late', `${key}: late, of another epoch and expired`)
  const two = await trial.claim(key, wishes)
  assert.equal(two.state, 'wrong-epoch', `${key}: of another epoch and expired`)
  const one = await trial.claim(key, { owner: 'b', tokenExpiresMs: past })
  assert.equal(one.state, 'expired', `${key}: expired`)
}

function edges<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  if (options.advance === undefined) return []
  return [
    storeCase(
      options,
      'claim: sent again late, its lease counts from its claimByMs at most',
      async trial => {
        const nowMs = await trial.now()
        const claim = await trial.makeClaim('key', { owner: 'a', leaseMs: 1_000 })
        const wishes = { ...claim, claimByMs: nowMs + 100 }
        assert.equal((await trial.store.claim('key', wishes)).state, 'claimed')
        await trial.pass(900)
        assert.equal((await trial.store.claim('key', wishes)).state, 'claimed', 'its own, again')
        const reply = await trial.read('key')
        assert.ok(reply.state === 'running', `the key is ${reply.state}, not running`)
        assert.equal(reply.leaseLeftMs, 200, 'what a claim in time could have left')
      },
    ),
    storeCase(
      options,
      'claim: claimByMs and tokenExpiresMs are in time to the millisecond',
      async trial => {
        const nowMs = await trial.now()
        await trial.take('in time', 'a', { claimByMs: nowMs, tokenExpiresMs: nowMs })
        const claim = await trial.makeClaim('late', { claimByMs: nowMs, tokenExpiresMs: nowMs })
        await trial.pass(1)
        assert.equal((await trial.store.claim('late', claim)).state, 'late', '1 ms after claimByMs')
        const patient = { ...claim, claimByMs: nowMs + 1_000 }
        const reply = await trial.store.claim('late', patient)
        assert.equal(reply.state, 'expired', '1 ms after tokenExpiresMs')
      },
    ),
  ]
}
