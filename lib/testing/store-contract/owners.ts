/**
 * Owners: `complete`, `attachBody` and `release` count only from the one whose key it is.
 */
import assert from 'node:assert/strict'
import type { OwnerReply, Store } from '../../engine/store.js'
import {
  answer,
  expectSame,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
} from './trial.js'

/** Cases about writes by owners. */
export function ownerCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    ...complete(options),
    ...confirm(options),
    ...attachBody(options),
    ...release(options),
    ...stale(options),
  ]
}

function complete<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      'complete: the key is spent, with the outcome and who claimed it',
      async trial => {
        await trial.spend('key', 'a', { fingerprint: 'print', principal: 'ann' }, answer('bytes'))
        for (const reply of [await trial.read('key'), await trial.claim('key', { owner: 'b' })]) {
          assert.ok(reply.state === 'spent', `the key is ${reply.state}, not spent`)
          assert.deepEqual([reply.fingerprint, reply.principal], ['print', 'ann'], 'who claimed it')
        }
        await trial.expectOutcome('key', answer('bytes'), 'what was recorded')
      },
    ),
    storeCase(
      options,
      'complete: sent twice it is ok, and the first outcome stays',
      async trial => {
        await trial.spend('key', 'a', {}, answer('first'))
        const again = await trial.store.complete('key', 'a', answer('second'))
        assert.equal(again.state, 'ok', 'complete sent again by its owner')
        await trial.expectOutcome('key', answer('first'), 'after a second complete')
      },
    ),
    storeCase(
      options,
      '[LOCK-01] complete: the late owner of an undecided key is believed',
      async trial => {
        await trial.fallSilent('key', 'a')
        const reply = await trial.store.complete('key', 'a', answer('late'))
        assert.equal(reply.state, 'ok', 'a completion after the lease')
        await trial.expectOutcome('key', answer('late'), 'after a late completion')
      },
    ),
    storeCase(
      options,
      "complete: a lapsed free key that nobody took is still its last owner's",
      async trial => {
        await trial.fallSilent('key', 'a', { onSilence: 'free' })
        const reply = await trial.store.complete('key', 'a', answer('late'))
        assert.equal(reply.state, 'ok', 'a completion of a key that nobody else has claimed')
        await trial.expectOutcome('key', answer('late'), 'after a late completion')
      },
    ),
    storeCase(
      options,
      '[LOCK-01] complete: after a take-over the former owner is stale',
      async trial => {
        await trial.fallSilent('key', 'a', { onSilence: 'free' })
        await trial.take('key', 'b')
        assert.equal((await trial.store.complete('key', 'a', answer())).state, 'stale')
        await trial.expectState('key', 'running', "b's claim after a's completion")
        assert.equal((await trial.store.complete('key', 'b', answer('b'))).state, 'ok')
        assert.equal((await trial.store.complete('key', 'a', answer('a'))).state, 'stale')
        await trial.expectOutcome('key', answer('b'), "b's outcome after a's completion")
      },
    ),
  ]
}

function confirm<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      '[FALSE-601] confirm: only who spent a key is told that it did, and for good',
      async trial => {
        await trial.spend('key', 'a')
        const elsewhere = options.capabilities.crossProcess ? await trial.reopen() : trial.store
        for (const store of [trial.store, elsewhere]) {
          assert.equal((await store.confirm('key', 'a')).state, 'ok', 'asked by its owner')
          for (const owner of ['b', 'A', '']) {
            assert.equal((await store.confirm('key', owner)).state, 'stale', `asked by '${owner}'`)
          }
        }
        await trial.store.attachBody('key', 'a', answer('whole'))
        assert.equal((await trial.store.confirm('key', 'a')).state, 'ok', 'after attachBody')
        await trial.expectOutcome('key', answer('whole'), 'after being asked')
        const found = await trial.read('key')
        assert.ok(found.state === 'spent')
        await trial.take('key', 'b', { replaces: found.mark })
        assert.equal((await trial.store.confirm('key', 'a')).state, 'stale', 'once replaced')
      },
    ),
    storeCase(
      options,
      '[FALSE-602] confirm: not before the key is spent, and not what an operator decided',
      async trial => {
        await trial.take('running', 'a')
        await trial.fallSilent('undecided', 'a')
        await trial.fallSilent('free', 'a', { onSilence: 'free' })
        await trial.fallSilent('settled', 'a')
        await trial.store.settle('settled', 'a', answer('settled'))
        for (const key of ['running', 'undecided', 'free', 'settled', 'none']) {
          const reply = await trial.store.confirm(key, 'a')
          assert.equal(reply.state, 'stale', `confirm on '${key}'`)
        }
        await trial.expectState('running', 'running', 'after being asked')
        await trial.expectState('undecided', 'undecided', 'after being asked')
        await trial.expectState('none', 'none', 'asking makes no record')
      },
    ),
  ]
}

function attachBody<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      'attachBody: the owner that spent a key may replace the outcome',
      async trial => {
        const pending = { head: '[200,[],"p",1]', body: null }
        await trial.spend('key', 'a', { fingerprint: 'print', principal: 'ann' }, pending)
        for (const text of ['whole', 'whole', '']) {
          const reply = await trial.store.attachBody('key', 'a', answer(text))
          assert.equal(reply.state, 'ok', 'attachBody by the owner')
          await trial.expectOutcome('key', answer(text), `with '${text}' attached`)
          const told = await trial.claim('key', { owner: 'b' })
          assert.ok(told.state === 'spent', `a claim is told ${told.state}`)
          expectSame(told.outcome, answer(text), 'what a claim is told')
        }
        const none = { head: '[200,[],"o"]', body: null }
        await trial.store.attachBody('key', 'a', none)
        await trial.expectOutcome('key', none, 'with the body taken away')
        const reply = await trial.read('key')
        assert.ok(reply.state === 'spent', `the key is ${reply.state}, not spent`)
        assert.deepEqual([reply.fingerprint, reply.principal], ['print', 'ann'], 'who claimed it')
      },
    ),
    storeCase(options, 'attachBody: a complete that comes again does not undo it', async trial => {
      const pending = { head: '[200,[],"p",1]', body: null }
      await trial.spend('key', 'a', {}, pending)
      await trial.store.attachBody('key', 'a', answer('whole'))
      await trial.store.complete('key', 'a', pending)
      await trial.expectOutcome('key', answer('whole'), 'after complete came again')
    }),
    storeCase(
      options,
      'attachBody: nobody else may, and not before the key is spent',
      async trial => {
        await trial.spend('spent', 'a')
        await trial.take('running', 'a')
        await trial.fallSilent('undecided', 'a')
        const { store } = trial
        const cases: [key: string, owner: string][] = [
          ['spent', 'b'],
          ['spent', ''],
          ['running', 'a'],
          ['undecided', 'a'],
          ['nothing', 'a'],
        ]
        for (const [key, owner] of cases) {
          const reply = await store.attachBody(key, owner, answer('other'))
          assert.equal(reply.state, 'stale', `attachBody on '${key}' by '${owner}'`)
        }
        await trial.expectOutcome('spent', answer(), "somebody else's attachBody")
        await trial.expectState('running', 'running', 'attachBody before complete')
        await trial.expectState('nothing', 'none', 'attachBody makes no record')
      },
    ),
  ]
}

function release<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'release: the owner frees its running or undecided key', async trial => {
      await trial.take('running', 'a')
      await trial.fallSilent('undecided', 'a')
      for (const key of ['running', 'undecided']) {
        assert.equal((await trial.store.release(key, 'a')).state, 'ok', `release of '${key}'`)
        await trial.expectState(key, 'none', `'${key}' after its release`)
        await trial.take(key, 'b')
      }
    }),
    storeCase(
      options,
      "[LOCK-01] release: sent again late, it frees nobody else's claim",
      async trial => {
        await trial.take('key', 'a')
        await trial.store.release('key', 'a')
        assert.equal((await trial.store.release('key', 'a')).state, 'stale', 'sent twice')
        const late = await trial.store.complete('key', 'a', answer('late'))
        assert.equal(late.state, 'stale', 'a completion after the release')
        await trial.expectState('key', 'none', 'after that completion')
        await trial.take('key', 'b')
        assert.equal((await trial.store.release('key', 'a')).state, 'stale', 'sent again late')
        await trial.expectState('key', 'running', "b's claim after a's release")
      },
    ),
    storeCase(options, '[LOCK-05] release: a spent key is spent for good', async trial => {
      await trial.spend('key', 'a')
      for (const owner of ['a', 'b', '']) {
        const reply = await trial.store.release('key', owner)
        assert.equal(reply.state, 'stale', `release of a spent key by '${owner}'`)
      }
      await trial.expectOutcome('key', answer(), 'a spent key after release')
    }),
  ]
}

function stale<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  const writes: Record<
    string,
    (store: Store<Tx>, key: string, owner: string) => Promise<OwnerReply>
  > = {
    renew: (store, key, owner) => store.renew(key, owner, 1_000),
    mark: (store, key, owner) => store.mark(key, owner),
    complete: (store, key, owner) => store.complete(key, owner, answer('other')),
    confirm: (store, key, owner) => store.confirm(key, owner),
    attachBody: (store, key, owner) => store.attachBody(key, owner, answer('other')),
    release: (store, key, owner) => store.release(key, owner),
  }
  return Object.entries(writes).map(([name, write]) =>
    storeCase(options, `${name}: a stranger is stale on every state of a key`, async trial => {
      await trial.take('running', 'a')
      await trial.spend('spent', 'a')
      await trial.fallSilent('undecided', 'a')
      await trial.fallSilent('free', 'a', { onSilence: 'free' })
      for (const key of ['running', 'spent', 'undecided', 'free', 'none']) {
        for (const owner of ['b', 'A', 'a ', '']) {
          const reply = await write(trial.store, key, owner)
          assert.equal(reply.state, 'stale', `${name} by '${owner}' on the ${key} key of 'a'`)
        }
      }
      await trial.expectState('running', 'running', `after ${name} by a stranger`)
      await trial.expectOutcome('spent', answer(), `after ${name} by a stranger`)
      await trial.expectState('undecided', 'undecided', `after ${name} by a stranger`)
      await trial.expectState('free', 'none', `after ${name} by a stranger`)
      await trial.expectState('none', 'none', `after ${name} by a stranger`)
    }),
  )
}
