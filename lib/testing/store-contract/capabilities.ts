/**
 * Capabilities: what a store says it can do is so, and what it says it cannot is so too.
 */
import assert from 'node:assert/strict'
import type { Store } from '../../engine/store.js'
import { answer, type StoreCase, type StoreContractOptions, storeCase } from './trial.js'

/** Cases about capabilities, replies and `close`. */
export function capabilityCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  const { durable, crossProcess, transactional } = options.capabilities
  return [
    storeCase(options, 'capabilities: they are the promised ones', async trial => {
      assert.deepEqual({ ...trial.store.capabilities }, { ...options.capabilities })
      const offered = typeof trial.store.transaction === 'function'
      assert.equal(offered, transactional, 'transaction() is there exactly where it is promised')
    }),
    durable ? remembers(options) : forgets(options),
    crossProcess ? shares(options) : sharesNothing(options),
    ...replies(options),
  ]
}

function remembers<Tx>(options: StoreContractOptions<Tx>): StoreCase {
  return storeCase(
    options,
    'durable: reopened, it knows records, epoch and secrets',
    async trial => {
      await trial.spend('spent', 'a', {}, answer('kept'))
      await trial.take('running', 'a')
      await trial.fallSilent('undecided', 'a')
      const before = (await trial.store.epoch()).epochs
      const secrets = await trial.store.secrets([{ id: 'a', key: 'k'.repeat(43) }])
      await trial.store.close()
      const reopened = await trial.reopen()
      assert.deepEqual((await reopened.epoch()).epochs, before, 'the same epoch: nothing was lost')
      assert.deepEqual(await reopened.secrets([]), secrets, 'the same secrets')
      const spent = await trial.read('spent', reopened)
      assert.ok(spent.state === 'spent', `the spent key is ${spent.state}`)
      assert.equal(Buffer.from(spent.outcome.body ?? []).toString(), 'kept', 'its body')
      assert.equal((await trial.read('running', reopened)).state, 'running', 'the running key')
      assert.equal(
        (await trial.read('undecided', reopened)).state,
        'undecided',
        'the undecided key',
      )
      const owner = await reopened.complete('running', 'a', answer())
      assert.equal(owner.state, 'ok', "the owner's completion after the restart")
    },
  )
}

function forgets<Tx>(options: StoreContractOptions<Tx>): StoreCase {
  return storeCase(
    options,
    'not durable: reopened, it has another epoch, so no old token runs',
    async trial => {
      const epoch = await trial.epochFor('key')
      const claim = await trial.makeClaim('key', { owner: 'b', epoch })
      await trial.spend('key', 'a', { epoch })
      await trial.store.close()
      const reopened = await trial.reopen()
      assert.notEqual(await trial.epochFor('key', reopened), epoch, 'the epoch after a restart')
      const reply = await reopened.claim('key', claim)
      assert.equal(reply.state, 'wrong-epoch', 'a claim with a token from before the restart')
    },
  )
}

function shares<Tx>(options: StoreContractOptions<Tx>): StoreCase {
  return storeCase(options, 'crossProcess: two open stores see one memory', async trial => {
    const other = await trial.reopen()
    assert.deepEqual((await other.epoch()).epochs, (await trial.store.epoch()).epochs, 'the epoch')
    await trial.take('key', 'a')
    assert.equal((await trial.read('key', other)).state, 'running', "the other's view")
    assert.equal((await trial.claim('key', { owner: 'b' }, other)).state, 'running')
    assert.equal((await other.complete('key', 'a', answer('there'))).state, 'ok')
    await trial.expectOutcome('key', answer('there'), 'completed through the other')
  })
}

function sharesNothing<Tx>(options: StoreContractOptions<Tx>): StoreCase {
  return storeCase(
    options,
    'not crossProcess: another store is another memory, with its own epoch',
    async trial => {
      const epoch = await trial.epochFor('key')
      await trial.take('key', 'a', { epoch })
      const other = await trial.reopen()
      const claim = await trial.makeClaim('key', { owner: 'b', epoch })
      const reply = await other.claim('key', claim)
      assert.equal(reply.state, 'wrong-epoch', 'a token of the one must not run at the other')
    },
  )
}

function replies<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, "replies: each carries the store's time in milliseconds", async trial => {
      const startMs = await trial.now()
      await trial.pass(30)
      const times = await everyReply(
        trial.store,
        'key',
        await trial.makeClaim('key', { owner: 'a' }),
      )
      const endMs = await trial.now()
      for (const [name, nowMs] of Object.entries(times)) {
        assert.ok(Number.isFinite(nowMs), `nowMs of ${name}`)
        const isBetween = nowMs >= startMs + 25 && nowMs <= endMs
        assert.ok(isBetween, `nowMs of ${name} is ${nowMs}, not in ${startMs} to ${endMs}`)
      }
    }),
    storeCase(options, 'close: it may be repeated, and calls after it reject', async trial => {
      const { store } = trial
      const claim = await trial.makeClaim('key')
      await store.close()
      await store.close()
      const calls: Record<string, () => Promise<unknown>> = {
        claim: () => store.claim('key', claim),
        renew: () => store.renew('key', 'a', 1),
        mark: () => store.mark('key', 'a'),
        complete: () => store.complete('key', 'a', answer()),
        confirm: () => store.confirm('key', 'a'),
        list: () => store.list({ state: 'undecided' }),
        attachBody: () => store.attachBody('key', 'a', answer()),
        release: () => store.release('key', 'a'),
        read: () => store.read('key', null),
        settle: () => store.settle('key', 'a', 'free'),
        epoch: () => store.epoch(),
        rotateEpoch: () => store.rotateEpoch(),
        secrets: () => store.secrets([]),
        purge: () => store.purge(1),
      }
      for (const [name, call] of Object.entries(calls)) {
        await assert.rejects(call, `${name} after close must reject`)
      }
    }),
  ]
}

async function everyReply<Tx>(
  store: Store<Tx>,
  key: string,
  claim: Parameters<Store<Tx>['claim']>[1],
): Promise<Record<string, number>> {
  const { owner } = claim
  return {
    claim: (await store.claim(key, claim)).nowMs,
    read: (await store.read(key, null)).nowMs,
    renew: (await store.renew(key, owner, 1_000)).nowMs,
    mark: (await store.mark(key, owner)).nowMs,
    settle: (await store.settle(key, owner, 'free')).nowMs,
    release: (await store.release('nothing', owner)).nowMs,
    complete: (await store.complete(key, owner, answer())).nowMs,
    attachBody: (await store.attachBody(key, owner, answer())).nowMs,
    epoch: (await store.epoch()).nowMs,
  }
}
