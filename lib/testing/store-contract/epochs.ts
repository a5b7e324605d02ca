/**
 * Epochs and secrets: what names a store's unbroken memory, and what its tokens are signed with.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { StoredSecret } from '../../engine/store.js'
import { PATIENT_MS, type StoreCase, type StoreContractOptions, storeCase } from './trial.js'

/** Cases about `epoch`, `rotateEpoch` and `secrets`. */
export function epochCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [...epochs(options), ...rotation(options), ...forgetting(options), ...secrets(options)]
}

function epochs<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'epoch: one name or more, short and the same each time', async trial => {
      const { epochs, nowMs } = await trial.store.epoch()
      assert.ok(epochs.length >= 1, 'there is at least one epoch')
      for (const epoch of epochs) {
        assert.match(epoch, /^[A-Za-z0-9_-]{6,12}$/, 'at most 12 characters of base64url')
      }
      assert.equal(new Set(epochs).size, epochs.length, 'each epoch is random')
      assert.deepEqual((await trial.store.epoch()).epochs, epochs, 'asked again')
      assert.ok(Number.isFinite(nowMs), 'nowMs is a time')
    }),
    storeCase(options, 'epoch: two memories never share one', async trial => {
      const other = await options.open()
      try {
        const { epochs } = await trial.store.epoch()
        const shared = (await other.epoch()).epochs.filter(epoch => epochs.includes(epoch))
        assert.deepEqual(shared, [], 'epochs that two fresh stores have in common')
      } finally {
        await other.close()
      }
    }),
    storeCase(options, 'epoch: parallel first calls agree', async trial => {
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => trial.store.epoch(PATIENT_MS)),
      )
      const names = new Set(replies.map(reply => reply.epochs.join()))
      assert.equal(names.size, 1, 'how many different answers 20 calls at once got')
    }),
    storeCase(
      options,
      'read: no record is none, and wrong-epoch for a token of another epoch',
      async trial => {
        await trial.expectState('key', 'none', 'a token of this epoch')
        assert.equal((await trial.store.read('key', null)).state, 'none', 'a key of no epoch')
        await trial.fallSilent('lapsed', 'a', { onSilence: 'free' })
        for (const key of ['key', 'lapsed']) {
          const reply = await trial.store.read(key, 'other-epoch')
          assert.equal(reply.state, 'wrong-epoch', `'${key}' from another epoch`)
        }
      },
    ),
    storeCase(options, 'read: it touches nothing', async trial => {
      await trial.expectState('key', 'none', 'before')
      await trial.expectState('key', 'none', 'after a read')
      await trial.take('key', 'a', { leaseMs: 5_000 })
      const before = await trial.read('key')
      await trial.pass(20)
      const after = await trial.read('key')
      assert.ok(before.state === 'running' && after.state === 'running', 'both are running')
      assert.ok(after.leaseLeftMs < before.leaseLeftMs, 'a read renews no lease')
    }),
  ]
}

function rotation<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      'rotateEpoch: every epoch is new, unspent tokens are void, records stay',
      async trial => {
        const before = (await trial.store.epoch()).epochs
        const [unspent, spent] = [await trial.epochFor('unspent'), await trial.epochFor('spent')]
        await trial.spend('spent', 'a')
        await trial.store.rotateEpoch()
        const after = (await trial.store.epoch()).epochs
        assert.equal(after.length, before.length, 'as many epochs as before')
        assert.deepEqual(
          after.filter(epoch => before.includes(epoch)),
          [],
          'epochs that stayed',
        )
        const claim = await trial.claim('unspent', { epoch: unspent })
        assert.equal(claim.state, 'wrong-epoch', 'a claim with a token from before')
        const look = await trial.store.read('unspent', unspent)
        assert.equal(look.state, 'wrong-epoch', 'a read with a token from before')
        const read = await trial.store.read('spent', spent)
        assert.equal(read.state, 'spent', 'a record from before, asked with a token from before')
        await trial.take('unspent', 'b')
      },
    ),
  ]
}

function forgetting<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  const { forget } = options
  const rotatedElsewhere =
    options.capabilities.crossProcess || options.capabilities.durable
      ? [
          storeCase(
            options,
            'epoch: a rotation elsewhere counts in the next claim',
            async trial => {
              const epoch = await trial.epochFor('key')
              await trial.claim('warm up', { epoch })
              const other = await trial.reopen()
              await other.rotateEpoch()
              const reply = await trial.store.claim('key', await trial.makeClaim('key', { epoch }))
              assert.equal(reply.state, 'wrong-epoch', 'a claim with a token from before')
              const read = await trial.store.read('key', epoch)
              assert.equal(read.state, 'wrong-epoch', 'a read with a token from before')
            },
          ),
        ]
      : []
  if (forget === undefined) return rotatedElsewhere
  return [
    ...rotatedElsewhere,
    storeCase(
      options,
      'epoch: emptied under a running process, a spent link never runs again',
      async trial => {
        const epoch = await trial.epochFor('key')
        const claim = await trial.makeClaim('key', { owner: 'b', epoch })
        await trial.spend('key', 'a', { epoch })
        await forget(trial.store)
        const first = await trial.store.claim('key', claim)
        assert.equal(first.state, 'wrong-epoch', 'a claim on what was spent, right after')
        assert.equal((await trial.store.read('key', epoch)).state, 'wrong-epoch', 'a read')
        const fresh = await trial.epochFor('key')
        assert.notEqual(fresh, epoch, 'the missing epoch is made afresh')
        const second = await trial.store.claim('key', claim)
        assert.equal(second.state, 'wrong-epoch', 'a claim once the epoch is there again')
        assert.equal((await trial.claim('key', { epoch: fresh })).state, 'claimed', 'a new token')
      },
    ),
    storeCase(
      options,
      'secrets: emptied under a running process, they can be put back',
      async trial => {
        const mine = [makeSecret('a')]
        await trial.store.secrets(mine)
        await forget(trial.store)
        assert.deepEqual(await trial.store.secrets([]), [], 'nothing is remembered')
        assert.deepEqual(await trial.store.secrets(mine), mine, 'put back')
      },
    ),
  ]
}

function secrets<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'secrets: the first proposal is kept, in its order', async trial => {
      const { store } = trial
      assert.deepEqual(await store.secrets([]), [], 'at first there are none')
      const first = [makeSecret('z'), makeSecret('a'), makeSecret('m')]
      assert.deepEqual(await store.secrets(first), first, 'the first proposal')
      assert.deepEqual(await store.secrets([makeSecret('b')]), first, 'a second proposal')
      assert.deepEqual(await store.secrets([]), first, 'no proposal')
    }),
    storeCase(
      options,
      'secrets: of many proposals at once one is kept, and all are given it',
      async trial => {
        const { capabilities } = options
        const other = capabilities.crossProcess ? await trial.reopen() : trial.store
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 === 0 ? trial.store : other).secrets([makeSecret(`s${index}`)], PATIENT_MS),
          ),
        )
        const kept = await trial.store.secrets([])
        assert.equal(kept.length, 1, 'how many secrets were kept')
        for (const answer of answers) assert.deepEqual(answer, kept, 'what a caller was given')
      },
    ),
    storeCase(options, 'secrets: a rotated epoch leaves them', async trial => {
      const mine = [makeSecret('a')]
      await trial.store.secrets(mine)
      await trial.store.rotateEpoch()
      assert.deepEqual(await trial.store.secrets([]), mine, 'after rotateEpoch')
    }),
  ]
}

function makeSecret(id: string): StoredSecret {
  return { id, key: randomBytes(32).toString('base64url') }
}
