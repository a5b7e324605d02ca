/**
 * Listing: what is undecided can be found by somebody who knows no key, page by page, and decided
 * by what the list tells.
 */
import assert from 'node:assert/strict'
import type { ListedRecord, ListQuery } from '../../engine/store.js'
import {
  answer,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
  timedCase,
} from './trial.js'

/** Enough for several pages, and for several in one bucket of a store that has buckets. */
const MANY = 40
/** Names of which some fall into one bucket of a store: those that only count up do not. */
const MANY_KEYS = Array.from({ length: MANY }, (_, index) => `key-${index}-${index}`).sort()

/** Cases about `list`. */
export function listingCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [...states(options), ...pages(options), ...queries(options)]
}

function states<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'list: what is undecided, and nothing else', async trial => {
      const { store } = trial
      assert.deepEqual(await listAll(trial), [], 'of an empty store')
      await trial.fallSilent('undecided', 'a')
      await trial.take('running', 'b')
      await trial.spend('spent', 'c')
      await trial.fallSilent('free', 'd', { onSilence: 'free' })
      await trial.take('marked', 'e', { onSilence: 'free' })
      await store.mark('marked', 'e')
      await store.renew('marked', 'e', 0)
      const seen = await trial.read('undecided')
      assert.ok(seen.state === 'undecided', 'the key is undecided')
      const listed = await listAll(trial)
      assert.deepEqual(keysOf(listed), ['marked', 'undecided'], 'what is listed')
      const { owner, sinceMs } = seen
      const wanted = { key: 'undecided', owner, sinceMs }
      assert.deepEqual(listed[1], wanted, 'a listed record says what a read says')
    }),
    storeCase(options, 'list: what is decided, by whomever, is listed no more', async trial => {
      const { store } = trial
      for (const key of ['completed', 'released', 'renewed', 'happened', 'freed', 'stays']) {
        await trial.fallSilent(key, 'a')
      }
      await store.complete('completed', 'a', answer('late'))
      await store.release('released', 'a')
      await store.renew('renewed', 'a', 60_000)
      const listed = await listAll(trial)
      assert.deepEqual(keysOf(listed), ['freed', 'happened', 'stays'], 'what is left undecided')
      for (const { key, owner } of listed) {
        if (key === 'stays') continue
        const verdict = key === 'freed' ? 'free' : answer('settled')
        const reply = await store.settle(key, owner, verdict)
        assert.equal(reply.state, 'ok', `settle of '${key}' by what the list told`)
      }
      assert.deepEqual(keysOf(await listAll(trial)), ['stays'], 'after both are settled')
      await trial.expectOutcome('happened', answer('settled'), 'settled by the list')
      await trial.expectState('freed', 'none', 'settled by the list')
    }),
    storeCase(options, 'list: a key is told as it was claimed, whatever is in it', async trial => {
      const keys = ['orders=caf\u00e9 \u20ac', 'a b\n', '\u{1f6d2}', `long${'g'.repeat(600)}`, ' ']
      for (const key of keys) await trial.fallSilent(key, 'own er \u00e9')
      const listed = await listAll(trial)
      assert.deepEqual(keysOf(listed), [...keys].sort(), 'the keys that are listed')
      for (const { key, owner } of listed) {
        assert.equal((await trial.store.release(key, owner)).state, 'ok', 'the key and its owner')
      }
    }),
    timedCase(options, 'list: past its keepUntilMs it is listed no more', async (trial, spanMs) => {
      await trial.fallSilent('over', 'a', { keepUntilMs: (await trial.now()) + spanMs })
      await trial.fallSilent('ever', 'a', { keepUntilMs: null })
      assert.deepEqual(keysOf(await listAll(trial)), ['ever', 'over'], 'before its time is over')
      await trial.pass(spanMs + 50)
      assert.deepEqual(keysOf(await listAll(trial)), ['ever'], 'after its time is over')
    }),
  ]
}

function pages<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'list: page by page, each comes once', async trial => {
      const keys = MANY_KEYS
      const keepUntilMs = (await trial.now()) + 7_200_000
      for (const key of keys) await trial.fallSilent(key, `of ${key}`, { keepUntilMs })
      for (const limit of [1, 7, MANY, 1_000]) {
        const listed = await listAll(trial, { limit })
        assert.deepEqual(keysOf(listed), keys, `in pages of ${limit}`)
        assert.ok(
          listed.every(({ key, owner }) => owner === `of ${key}`),
          `each with its owner, in pages of ${limit}`,
        )
      }
    }),
    storeCase(
      options,
      'list: what is decided between two pages makes none be missed',
      async trial => {
        const keys = MANY_KEYS
        // Of one time and of no end: a store may not go by places that move, nor by times alone.
        for (const key of keys) await trial.fallSilent(key, 'a', { keepUntilMs: null })
        const seen: string[] = []
        for await (const { key } of walk(trial, { limit: 3 })) {
          seen.push(key)
          await trial.store.settle(key, 'a', 'free')
        }
        assert.deepEqual(
          seen.sort(),
          keys,
          'each was listed, although those before it were settled',
        )
      },
    ),
    storeCase(options, 'list: before a time, those that fell silent before it', async trial => {
      await trial.fallSilent('early', 'a')
      await trial.pass(50)
      await trial.fallSilent('late', 'a')
      const late = (await listAll(trial)).find(({ key }) => key === 'late')?.sinceMs ?? 0
      assert.deepEqual(
        keysOf(await listAll(trial, { before: late })),
        ['early'],
        'before the later one',
      )
      assert.deepEqual(
        keysOf(await listAll(trial, { before: late + 1 })),
        ['early', 'late'],
        'after it',
      )
      assert.deepEqual(keysOf(await listAll(trial, { before: 1 })), [], 'before both')
    }),
  ]
}

function queries<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'list: a query that makes no sense is refused', async trial => {
      const odd: unknown[] = [
        ...[undefined, null, 'undecided', {}, { state: 'running' }, { state: 'Undecided' }],
        ...[
          { state: 'undecided', limit: 0 },
          { state: 'undecided', limit: 1.5 },
        ],
        ...[
          { state: 'undecided', limit: 1_001 },
          { state: 'undecided', limit: '5' },
        ],
        ...[
          { state: 'undecided', before: Number.NaN },
          { state: 'undecided', before: '1' },
        ],
        ...[
          { state: 'undecided', cursor: 5 },
          { state: 'undecided', Limit: 5 },
        ],
      ]
      for (const query of odd) {
        const said = JSON.stringify(query)
        const ask = async () => trial.store.list(query as ListQuery)
        await assert.rejects(ask(), isMisuse, `list(${said}) must be refused`)
      }
    }),
  ]
}

/** Whether an error says that the caller is wrong, and not the store. */
export function isMisuse(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError
}

async function* walk<Tx>(
  trial: Trial<Tx>,
  wishes: Partial<ListQuery> = {},
): AsyncGenerator<ListedRecord> {
  const limit = wishes.limit ?? 100
  let cursor: string | null = null
  for (let page = 1; page === 1 || cursor !== null; page += 1) {
    assert.ok(page < 1_000, 'a list must come to an end')
    const reply: Awaited<ReturnType<typeof trial.store.list>> = await trial.store.list({
      state: 'undecided',
      cursor,
      ...wishes,
    })
    assert.ok(reply.records.length <= limit, `a page of ${limit} has ${reply.records.length}`)
    assert.ok(Number.isFinite(reply.nowMs), 'a page tells the time')
    yield* reply.records
    cursor = reply.cursor
  }
}

/** Lists all pages, by key. */
export async function listAll<Tx>(
  trial: Trial<Tx>,
  wishes: Partial<ListQuery> = {},
): Promise<readonly ListedRecord[]> {
  const records: ListedRecord[] = []
  for await (const record of walk(trial, wishes)) records.push(record)
  return records.sort((one, other) => (one.key < other.key ? -1 : 1))
}

function keysOf(records: readonly ListedRecord[]): string[] {
  return records.map(({ key }) => key)
}
