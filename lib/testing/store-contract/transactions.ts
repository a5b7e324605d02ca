/**
 * Transactions: a handler's writes and the mark of its key stand or fall together.
 *
 * @see POE draft, appendix A
 */
import assert from 'node:assert/strict'
import type { StoreTransaction } from '../../engine/store.js'
import {
  answer,
  type ContractTransactions,
  PATIENT_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

/** What a case about transactions works with. */
interface TxTrial<Tx> {
  readonly trial: Trial<Tx>
  readonly tools: ContractTransactions<Tx>
  /** Opens a transaction for a claim. */
  begin(key: string, owner: string): StoreTransaction<Tx>
  /** Asserts what has been committed. */
  expectWritten(texts: readonly string[], why: string): Promise<void>
}

/** Cases about `transaction`; none where the store has no transactions. */
export function transactionCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  if (!options.capabilities.transactional) return []
  const { transactions } = options
  if (transactions === undefined) {
    throw new TypeError('storeContract: a transactional store needs the option `transactions`.')
  }
  return [
    ...commits(options, transactions),
    ...fences(options, transactions),
    ...ends(options, transactions),
    ...steals(options, transactions),
  ]
}

function txCase<Tx>(
  options: StoreContractOptions<Tx>,
  tools: ContractTransactions<Tx>,
  title: string,
  body: (tx: TxTrial<Tx>) => Promise<void>,
): StoreCase {
  return storeCase(options, title, async trial => {
    const { store } = trial
    await tools.prepare(store)
    await body({
      trial,
      tools,
      begin: (key, owner) => {
        const transaction = store.transaction?.(key, owner)
        assert.ok(transaction !== undefined, 'transaction() gives a transaction')
        return transaction
      },
      expectWritten: async (texts, why) => {
        assert.deepEqual([...(await tools.list(store))].sort(), [...texts].sort(), why)
      },
    })
  })
}

function commits<Tx>(
  options: StoreContractOptions<Tx>,
  tools: ContractTransactions<Tx>,
): StoreCase[] {
  return [
    txCase(options, tools, 'transaction: commit makes the writes and the mark, both', async tx => {
      await tx.trial.take('key', 'a', { onSilence: 'free' })
      const transaction = tx.begin('key', 'a')
      await tools.insert(transaction.handle, 'one')
      await tools.insert(transaction.handle, 'two')
      await tx.expectWritten([], 'before the commit nobody else sees the writes')
      await tx.trial.expectState('key', 'running', 'before the commit')
      assert.equal((await transaction.commit(answer('done'))).state, 'ok')
      await tx.expectWritten(['one', 'two'], 'after the commit')
      await tx.trial.expectOutcome('key', answer('done'), 'after the commit')
    }),
    txCase(
      options,
      tools,
      'transaction: rollback undoes the writes and marks nothing',
      async tx => {
        await tx.trial.take('key', 'a', { onSilence: 'free' })
        const transaction = tx.begin('key', 'a')
        await tools.insert(transaction.handle, 'one')
        await transaction.rollback()
        await transaction.rollback()
        await tx.expectWritten([], 'after the rollback')
        await tx.trial.expectState('key', 'running', 'a rollback leaves the claim to its owner')
        assert.equal((await tx.trial.store.release('key', 'a')).state, 'ok', 'its release')
      },
    ),
    txCase(
      options,
      tools,
      'transaction: a commit counts also when nothing was written',
      async tx => {
        await tx.trial.take('key', 'a')
        assert.equal((await tx.begin('key', 'a').commit(answer('done'))).state, 'ok')
        await tx.trial.expectOutcome('key', answer('done'), 'after the commit')
      },
    ),
    txCase(options, tools, 'transaction: two at once do not mix', async tx => {
      await tx.trial.take('one', 'a')
      await tx.trial.take('two', 'b')
      const [first, second] = [tx.begin('one', 'a'), tx.begin('two', 'b')]
      const work = async (transaction: StoreTransaction<Tx>, text: string, isKept: boolean) => {
        await tools.insert(transaction.handle, `${text} 1`)
        await new Promise(resolve => setTimeout(resolve, 20))
        await tools.insert(transaction.handle, `${text} 2`)
        if (isKept) assert.equal((await transaction.commit(answer(text))).state, 'ok')
        else await transaction.rollback()
      }
      await Promise.all([work(first, 'first', true), work(second, 'second', false)])
      await tx.expectWritten(['first 1', 'first 2'], 'what the committed one wrote, no more')
      await tx.trial.expectState('one', 'spent', 'committed')
      await tx.trial.expectState('two', 'running', 'rolled back')
    }),
  ]
}

function fences<Tx>(
  options: StoreContractOptions<Tx>,
  tools: ContractTransactions<Tx>,
): StoreCase[] {
  return [
    txCase(options, tools, 'transaction: an owner that lost its key writes nothing', async tx => {
      // Whatever the new owner's silence means.
      for (const onSilence of ['undecided', 'free'] as const) {
        await tx.trial.fallSilent(onSilence, 'a', { onSilence: 'free' })
        await tx.trial.take(onSilence, 'b', { onSilence })
        const transaction = tx.begin(onSilence, 'a')
        await tools.insert(transaction.handle, 'one').catch(() => {})
        assert.equal((await transaction.commit(answer('a'))).state, 'stale', 'its commit')
        await tx.expectWritten([], 'by the owner that lost its key')
        await tx.trial.expectState(onSilence, 'running', "the new owner's claim")
      }
    }),
    txCase(options, tools, 'transaction: an unused one of a lost key is stale too', async tx => {
      await tx.trial.fallSilent('key', 'a', { onSilence: 'free' })
      await tx.trial.take('key', 'b')
      assert.equal((await tx.begin('key', 'a').commit(answer('a'))).state, 'stale')
      await tx.trial.expectState('key', 'running', "the new owner's claim")
    }),
    txCase(
      options,
      tools,
      'transaction: a key that is spent already takes no more writes',
      async tx => {
        await tx.trial.spend('key', 'b', {}, answer('b'))
        const transaction = tx.begin('key', 'a')
        await tools.insert(transaction.handle, 'one').catch(() => {})
        assert.equal((await transaction.commit(answer('a'))).state, 'stale')
        await tx.expectWritten([], 'on a spent key')
        await tx.trial.expectOutcome('key', answer('b'), 'the outcome that was there')
      },
    ),
    txCase(
      options,
      tools,
      '[FALSE-4336] transaction: of a commit and a release at once one counts',
      async tx => {
        const written: string[] = []
        for (const key of ['commit first', 'release first']) {
          await tx.trial.take(key, 'a', { onSilence: 'free' })
          const transaction = tx.begin(key, 'a')
          await tools.insert(transaction.handle, key)
          const commit = () => transaction.commit(answer())
          const release = () => tx.trial.store.release(key, 'a', PATIENT_MS)
          const steps = key === 'commit first' ? [commit, release] : [release, commit]
          const replies = await Promise.all(steps.map(step => step()))
          const counted = replies.filter(({ state }) => state === 'ok')
          assert.equal(counted.length, 1, `how many of them were ok, with the ${key}`)
          const isSpent = (await tx.trial.read(key)).state === 'spent'
          if (isSpent) written.push(key)
          await tx.expectWritten(written, `its writes, with the ${key}`)
        }
      },
    ),
  ]
}

function ends<Tx>(options: StoreContractOptions<Tx>, tools: ContractTransactions<Tx>): StoreCase[] {
  return [
    txCase(options, tools, 'transaction: once over, its handle throws', async tx => {
      for (const end of ['commit', 'rollback'] as const) {
        await tx.trial.take(end, 'a')
        const transaction = tx.begin(end, 'a')
        await tools.insert(transaction.handle, end)
        if (end === 'commit') await transaction.commit(answer())
        else await transaction.rollback()
        const use = () => tools.insert(transaction.handle, `after ${end}`)
        await assert.rejects(use, `the handle after ${end} must throw`)
      }
      await tx.expectWritten(['commit'], 'what was written in time')
    }),
    txCase(
      options,
      tools,
      'transaction: rolled back before it was used, its handle throws',
      async tx => {
        await tx.trial.take('key', 'a')
        const transaction = tx.begin('key', 'a')
        await transaction.rollback()
        await assert.rejects(() => tools.insert(transaction.handle, 'one'), 'the handle')
        await tx.expectWritten([], 'after a rollback')
      },
    ),
    txCase(
      options,
      tools,
      '[FALSE-4335] transaction: after a rollback nothing commits it, and its key is not spent',
      async tx => {
        await tx.trial.take('key', 'a')
        for (const isUsed of [true, false]) {
          const transaction = tx.begin('key', 'a')
          if (isUsed) await tools.insert(transaction.handle, 'one')
          await transaction.rollback()
          await assert.rejects(() => transaction.commit(answer()), 'its commit')
        }
        await tx.expectWritten([], 'after a rollback and a commit')
        await tx.trial.expectState('key', 'running', 'after a rollback and a commit')
      },
    ),
    txCase(options, tools, 'transaction: the next one works after a rollback', async tx => {
      await tx.trial.take('key', 'a')
      const first = tx.begin('key', 'a')
      await tools.insert(first.handle, 'first')
      await first.rollback()
      const second = tx.begin('key', 'a')
      await tools.insert(second.handle, 'second')
      assert.equal((await second.commit(answer())).state, 'ok')
      await tx.expectWritten(['second'], 'after the second')
    }),
  ]
}

function steals<Tx>(
  options: StoreContractOptions<Tx>,
  tools: ContractTransactions<Tx>,
): StoreCase[] {
  const { steal } = tools
  if (steal === undefined) return []
  return [
    txCase(options, tools, 'transaction: ended from inside, nothing of it is kept', async tx => {
      await tx.trial.take('key', 'a')
      const transaction = tx.begin('key', 'a')
      await tools.insert(transaction.handle, 'one')
      await steal.call(tools, transaction.handle).catch(() => {})
      await assert.rejects(() => tools.insert(transaction.handle, 'two'), 'the handle')
      await assert.rejects(() => transaction.commit(answer()), 'its commit')
      await transaction.rollback()
      await tx.expectWritten([], 'after the handler ended the transaction itself')
      await tx.trial.expectState('key', 'running', 'the claim is not spent')
    }),
  ]
}
