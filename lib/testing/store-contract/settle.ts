/**
 * Settling: an undecided key is decided from outside, by compare-and-set on its silent owner.
 */
import assert from 'node:assert/strict'
import {
  answer,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

/** Cases about `settle`. */
export function settleCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [...settleEachWay(options), ...settleOnce(options)]
}

function settleEachWay<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'settle: with an outcome the undecided key is spent', async trial => {
      await trial.fallSilent('key', 'a', { fingerprint: 'print', principal: 'ann' })
      const reply = await trial.store.settle('key', 'a', answer('settled'))
      assert.equal(reply.state, 'ok', 'settle of an undecided key')
      await trial.expectOutcome('key', answer('settled'), 'after settle')
      const read = await trial.read('key')
      assert.ok(read.state === 'spent', 'the key is spent')
      assert.deepEqual([read.fingerprint, read.principal], ['print', 'ann'], 'who claimed it')
    }),
    storeCase(
      options,
      "settle: with 'free' the undecided key may be claimed again",
      async trial => {
        await trial.fallSilent('key', 'a')
        assert.equal((await trial.store.settle('key', 'a', 'free')).state, 'ok')
        await trial.expectState('key', 'none', 'after settle')
        await trial.take('key', 'b')
      },
    ),
    storeCase(
      options,
      "settle: only while it is undecided and the expected owner's",
      async trial => {
        await trial.fallSilent('undecided', 'a')
        await trial.take('running', 'a')
        await trial.spend('spent', 'a')
        await trial.fallSilent('free', 'a', { onSilence: 'free' })
        for (const verdict of ['free', answer('settled')] as const) {
          const strange = await trial.store.settle('undecided', 'b', verdict)
          assert.equal(strange.state, 'stale', 'settle with another expected owner')
          for (const key of ['running', 'spent', 'free', 'none']) {
            const reply = await trial.store.settle(key, 'a', verdict)
            assert.equal(reply.state, 'stale', `settle of a ${key} key`)
          }
        }
        await trial.expectState('undecided', 'undecided', 'with another expected owner')
        await trial.expectState('running', 'running', 'after settle')
        await trial.expectOutcome('spent', answer(), 'after settle')
        await trial.expectState('none', 'none', 'settle makes no record')
      },
    ),
  ]
}

function settleOnce<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      '[LOCK-05] settle: what the owner did meanwhile is not undone',
      async trial => {
        await trial.fallSilent('completed', 'a')
        await trial.store.complete('completed', 'a', answer('late'))
        await trial.fallSilent('renewed', 'a')
        await trial.store.renew('renewed', 'a', 10_000)
        await trial.fallSilent('retaken', 'a')
        await trial.store.release('retaken', 'a')
        await trial.fallSilent('retaken', 'b')
        for (const key of ['completed', 'renewed', 'retaken']) {
          const reply = await trial.store.settle(key, 'a', 'free')
          assert.equal(reply.state, 'stale', `settle of a key that was ${key}`)
        }
        await trial.expectOutcome('completed', answer('late'), 'after settle')
        await trial.expectState('renewed', 'running', 'after settle')
        await trial.expectState('retaken', 'undecided', 'after settle')
      },
    ),
    storeCase(options, 'settle: of two at once one counts', async trial => {
      await trial.fallSilent('key', 'a')
      const replies = await Promise.all([
        trial.store.settle('key', 'a', answer('one')),
        trial.store.settle('key', 'a', answer('two')),
        trial.store.settle('key', 'a', 'free'),
      ])
      const counted = replies.filter(reply => reply.state === 'ok')
      assert.equal(counted.length, 1, 'how many of three settles at once were ok')
    }),
    storeCase(options, 'settle: afterwards the silent owner is stale', async trial => {
      for (const [key, verdict] of [
        ['spent', answer('settled')],
        ['freed', 'free'],
      ] as const) {
        await trial.fallSilent(key, 'a')
        await trial.store.settle(key, 'a', verdict)
        for (const owner of ['a', '']) await expectStale(trial, key, owner)
      }
      await trial.expectOutcome('spent', answer('settled'), 'after the silent owner came back')
      await trial.expectState('freed', 'none', 'after the silent owner came back')
    }),
  ]
}

async function expectStale<Tx>(trial: Trial<Tx>, key: string, owner: string): Promise<void> {
  const { store } = trial
  const replies = {
    renew: await store.renew(key, owner, 1_000),
    mark: await store.mark(key, owner),
    attachBody: await store.attachBody(key, owner, answer('late')),
    release: await store.release(key, owner),
    complete: await store.complete(key, owner, answer('late')),
  }
  for (const [name, reply] of Object.entries(replies)) {
    assert.equal(reply.state, 'stale', `${name} by '${owner}' after settle as ${key}`)
  }
}
