/**
 * The outbox: messages that a transaction has written, each delivered by one owner at a time.
 *
 * @see OutboxStore
 */
import assert from 'node:assert/strict'
import type { AttemptEnd, DeadReply } from '../../engine/outbox/outbox-store.js'
import { outboxEitherOrderCases } from './outbox-either-order.js'
import { outboxCase, outboxOf } from './outbox-trial.js'
import { answer, LEASE_MS, type StoreCase, type StoreContractOptions } from './trial.js'

const AGAIN = { verdict: 'again', delayMs: 0, error: 'busy' } as const satisfies AttemptEnd
const DEAD: AttemptEnd = { verdict: 'dead', error: 'refused' }
const DELIVERED: AttemptEnd = { verdict: 'delivered' }
const ENDS: readonly AttemptEnd[] = [DELIVERED, AGAIN, DEAD]

/** Cases about the outbox; none where the store has no transactions that could write to it. */
export function outboxCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  if (!options.capabilities.transactional || options.hasOutbox === false) return []
  return [
    ...writing(options),
    ...taking(options),
    ...fencing(options),
    ...ending(options),
    ...burying(options),
    ...keeping(options),
    ...outboxEitherOrderCases(options),
  ]
}

function writing<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    outboxCase(options, '[OUT-01] outbox: a message is there with the commit', async each => {
      const { store } = each.trial
      for (const end of ['commit', 'rollback'] as const) {
        await each.trial.take(end, 'a', { onSilence: 'free' })
        const transaction = store.transaction?.(end, 'a')
        await transaction?.later?.({ key: end, name: 'mail', payload: '1', delayMs: 0 })
        assert.deepEqual(await each.keys('early'), [], `before the ${end} there is none`)
        if (end === 'commit') await transaction?.commit(answer())
        else await transaction?.rollback()
        const late = { key: 'late', name: 'mail', payload: '1', delayMs: 0 }
        await assert.rejects(async () => transaction?.later?.(late), `later() after the ${end}`)
        assert.deepEqual(await each.keys('later'), end === 'commit' ? ['commit'] : [], end)
      }
    }),
    outboxCase(options, '[OUT-01] outbox: a lost claim writes no message', async each => {
      const { trial } = each
      await trial.fallSilent('link', 'a', { onSilence: 'free' })
      await trial.take('link', 'b')
      const transaction = trial.store.transaction?.('link', 'a')
      await transaction
        ?.later?.({ key: 'm', name: 'mail', payload: '1', delayMs: 0 })
        ?.catch(() => {})
      assert.equal((await transaction?.commit(answer()))?.state, 'stale')
      assert.deepEqual(await each.keys('w'), [])
    }),
    outboxCase(options, 'outbox: a payload comes as it was written', async each => {
      const texts = [
        '{"a":"\\u0000\\"\\\\"}',
        '"\u00e9\u{1f600}"',
        '[1e300, -0]',
        `"${'x'.repeat(70_000)}"`,
      ]
      for (const [index, payload] of texts.entries()) await each.write([`m${index}`], { payload })
      const taken = await each.take('w')
      assert.deepEqual(taken.map(({ payload }) => payload).sort(), [...texts].sort())
    }),
  ]
}

function taking<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    outboxCase(
      options,
      'outbox: a take gives what is due, of its names, up to its limit',
      async each => {
        await each.write(['one', 'two', 'three'])
        await each.write(['other'], { name: 'invoice' })
        await each.write(['future'], { delayMs: 600_000 })
        assert.deepEqual(await each.keys('w', { limit: 2 }), ['one', 'two'], 'the oldest first')
        assert.deepEqual(await each.keys('w'), ['three'], 'what is left of that name')
        assert.deepEqual(await each.keys('w'), [], 'what is leased is not taken again')
        const names = ['mail', 'invoice']
        await each.write(['four'])
        assert.equal((await each.keys('w', { names, limit: 1 })).length, 1, 'one, of all names')
        await each.expectEnd('four', 'w', DELIVERED, 'ok')
        const [other] = await each.take('w', { names })
        assert.equal(other?.key, 'other')
        assert.equal(other?.name, 'invoice')
        assert.equal(other?.attempt, 1)
      },
    ),
    outboxCase(
      options,
      '[OUT-02] outbox: of many takes at once, one gets each message',
      async each => {
        const keys = Array.from({ length: 30 }, (_, index) => `m${index}`)
        await each.write(keys)
        const second = outboxOf(await each.trial.reopen())
        const takes = Array.from({ length: 12 }, (_, index) =>
          each.keys(`w${index}`, { limit: 5, from: index % 2 === 0 ? each.outbox : second }),
        )
        const taken = (await Promise.all(takes)).flat()
        // What another one has locked may be passed over, and is there for the next.
        taken.push(...(await each.keys('last', { limit: 30 })))
        assert.deepEqual(taken.sort(), [...keys].sort(), 'each message once')
      },
    ),
    outboxCase(options, '[OUT-03] outbox: after a lapsed lease it is taken again', async each => {
      await each.write(['m'], { payload: '"same"' })
      const [first] = await each.take('a')
      await each.lapse('m', 'a')
      const [second] = await each.take('b')
      assert.deepEqual(second, { ...first, attempt: 2 }, 'the same message, one attempt more')
    }),
    outboxCase(options, 'outbox: a renewal lengthens the lease', async each => {
      await each.write(['m'])
      await each.take('a', { leaseMs: 1_500 })
      assert.equal((await each.outbox.renew('m', 'a', LEASE_MS)).state, 'ok')
      await each.trial.pass(1_600)
      assert.deepEqual(await each.keys('b'), [], 'after the first lease')
      await each.expectEnd('m', 'a', DELIVERED, 'ok')
    }),
  ]
}

function fencing<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    outboxCase(
      options,
      '[OUT-04] outbox: a late owner ends nothing, renews nothing',
      async each => {
        for (const end of ENDS) {
          const key = `after ${end.verdict}`
          await each.write([key])
          await each.take('a')
          await each.lapse(key, 'a')
          await each.expectEnd(key, 'a', end, 'stale')
          assert.equal((await each.outbox.renew(key, 'a', LEASE_MS)).state, 'stale', 'its renewal')
          assert.deepEqual(await each.keys('b'), [key], 'delivered again, by somebody else')
          await each.expectEnd(key, 'a', end, 'stale')
          await each.expectEnd(key, 'b', DELIVERED, 'ok')
          await each.expectEnd(key, 'a', end, 'stale')
        }
        await each.expectDead([], 'a late owner buries nothing')
        assert.deepEqual(await each.keys('c'), [], 'what was delivered stays so')
      },
    ),
    outboxCase(options, 'outbox: a stranger is stale', async each => {
      await each.write(['m'])
      await each.take('a')
      for (const end of ENDS) {
        await each.expectEnd('m', 'b', end, 'stale')
        await each.expectEnd('nothing', 'a', end, 'stale')
      }
      assert.equal((await each.outbox.renew('m', 'b', 0)).state, 'stale')
      assert.equal((await each.outbox.revive('m')).state, 'stale', 'it is not dead')
      assert.equal((await each.outbox.drop('m')).state, 'stale', 'it is not dead')
      await each.expectEnd('m', 'a', DELIVERED, 'ok')
      assert.equal((await each.outbox.revive('m')).state, 'stale', 'it is delivered')
      assert.equal((await each.outbox.drop('m')).state, 'stale', 'it is delivered')
    }),
  ]
}

function ending<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    outboxCase(
      options,
      '[OUT-05] outbox: an end sent twice is ok, the first one counts',
      async each => {
        await each.write(['m'])
        await each.take('a')
        await each.expectEnd('m', 'a', DELIVERED, 'ok')
        for (const end of ENDS) await each.expectEnd('m', 'a', end, 'ok')
        await each.expectDead([], 'it is delivered')
        assert.deepEqual(await each.keys('b'), [], 'and is taken no more')
      },
    ),
    outboxCase(options, 'outbox: to be tried again, it is due after its delay', async each => {
      await each.write(['soon', 'late'], { payload: '"same"' })
      await each.take('a')
      await each.expectEnd('soon', 'a', AGAIN, 'ok')
      await each.expectEnd('late', 'a', { ...AGAIN, delayMs: 600_000 }, 'ok')
      const taken = await each.take('b')
      assert.deepEqual(
        taken.map(({ key, attempt, payload }) => [key, attempt, payload]),
        [['soon', 2, '"same"']],
      )
      const renewal = await each.outbox.renew('late', 'a', LEASE_MS)
      assert.equal(renewal.state, 'stale', 'a renewal of an attempt that has ended')
      await each.expectEnd('late', 'a', DEAD, 'ok')
      await each.expectDead([], 'the first end counts')
    }),
  ]
}

function burying<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    outboxCase(
      options,
      '[OUT-06] outbox: the dead are listed, revived, and dropped',
      async each => {
        const keys = ['one', 'two', 'three']
        await each.write(keys, { payload: '7' })
        await each.take('a')
        for (const key of keys) await each.expectEnd(key, 'a', DEAD, 'ok')
        assert.deepEqual(await each.keys('b'), [], 'the dead are not taken')
        const { messages, cursor } = await each.outbox.dead(2, null)
        const { sinceMs, ...first } = messages[0] ?? assert.fail('there is none')
        const told = { key: 'one', name: 'mail', payload: '7', attempts: 1, error: 'refused' }
        assert.deepEqual(first, told)
        assert.ok(Math.abs(sinceMs - (await each.trial.now())) < 60_000, 'since when')
        const rest = await each.outbox.dead(2, cursor)
        assert.deepEqual(
          [...messages, ...rest.messages].map(({ key }) => key),
          keys,
          'in pages',
        )
        assert.equal((await each.outbox.drop('two')).state, 'ok')
        await each.trial.pass(5)
        const { nowMs: revivedMs, state } = await each.outbox.revive('three')
        assert.equal(state, 'ok')
        await each.expectDead(['one'], 'what is left')
        const [revived] = await each.take('b')
        const { key, attempt, payload, firstMs } = revived ?? assert.fail('there is none')
        assert.deepEqual([key, attempt, payload], ['three', 1, '7'], 'counted anew')
        assert.ok(firstMs >= revivedMs, 'the time of its first attempt, too')
      },
    ),
    outboxCase(options, 'outbox: what is dropped between two pages hides no other', async each => {
      const keys = Array.from({ length: 7 }, (_, index) => `m${index}`)
      await each.write(keys)
      await each.take('a')
      for (const key of keys) await each.expectEnd(key, 'a', DEAD, 'ok')
      const seen: string[] = []
      let cursor: string | null = null
      do {
        const page: DeadReply = await each.outbox.dead(2, cursor)
        for (const { key } of page.messages) {
          seen.push(key)
          assert.equal((await each.outbox.drop(key)).state, 'ok', `drop of ${key}`)
        }
        cursor = page.cursor
      } while (cursor !== null)
      assert.deepEqual(seen, keys, 'each once, the oldest first')
    }),
  ]
}

function keeping<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    outboxCase(options, 'outbox: it counts what is not delivered', async each => {
      await each.write(['a', 'b'])
      await each.trial.pass(5)
      const beforeMs = await each.trial.now()
      await each.write(['c'])
      const afterMs = await each.trial.now()
      await each.trial.pass(5)
      await each.write(['d'])
      await each.write(['x'], { name: 'invoice', delayMs: 600_000 })
      await each.take('w', { limit: 3 })
      await each.expectEnd('a', 'w', DEAD, 'ok')
      await each.expectEnd('b', 'w', DELIVERED, 'ok')
      const { counts } = await each.outbox.counts()
      const [invoice, mail] = counts
      assert.equal(counts.length, 2)
      const { oldestMs, ...numbers } = mail ?? assert.fail('mail is missing')
      assert.deepEqual(numbers, { name: 'mail', waiting: 1, running: 1, dead: 1 })
      const isOldest = oldestMs !== null && oldestMs >= beforeMs && oldestMs <= afterMs
      assert.ok(isOldest, 'since when the oldest of those waits that are not dead')
      assert.equal(invoice?.waiting, 1)
    }),
    outboxCase(options, 'outbox: a purge removes what was delivered long ago', async each => {
      await each.write(['a', 'b', 'c', 'd'])
      await each.take('w', { limit: 3 })
      await each.expectEnd('a', 'w', DELIVERED, 'ok')
      await each.expectEnd('b', 'w', DEAD, 'ok')
      await each.expectEnd('c', 'w', DELIVERED, 'ok')
      await each.trial.pass(5)
      assert.equal(await each.outbox.purge(600_000, 10), 0, 'too young')
      assert.equal(await each.outbox.purge(0, 1), 1, 'one of those that were delivered')
      assert.equal(await each.outbox.purge(0, 10), 1, 'the other one')
      await each.expectDead(['b'], 'the dead stay')
      assert.deepEqual(await each.keys('x'), ['d'], 'so does what waits')
    }),
  ]
}
