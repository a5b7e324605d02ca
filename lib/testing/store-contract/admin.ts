/**
 * The operator's part: what it counts, finds and goes through is what the store's other methods
 * say, and its one write is a compare-and-set.
 */
import assert from 'node:assert/strict'
import type { StoredSecret } from '../../engine/store.js'
import type { ScanQuery, StoreAdmin, StoredRecord } from '../../engine/store-admin.js'
import {
  answer,
  LEASE_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

const MANY = 25

/** Cases about `admin`; none for a store without. */
export function adminCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  if (options.hasAdmin !== true) return []
  return [...states(options), ...pages(options), ...writes(options)]
}

function states<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'admin: counts and finds each record as what it is', async trial => {
      const { admin } = await oneOfEach(trial)
      const { nowMs, oldestUndecidedMs, nextLapseMs, ...counts } = await admin.count()
      const wanted = { running: 2, undecided: 2, spent: 1, free: 1, expired: 0 }
      assert.deepEqual(counts, wanted, 'the counts')
      const undecided = await found(admin, 'undecided')
      assert.equal(oldestUndecidedMs, undecided.leaseUntilMs, 'the oldest undecided')
      const running = await found(admin, 'running')
      assert.equal(nextLapseMs, running.leaseUntilMs, 'the lease that ends first')
      const { owner, onSilence } = await found(admin, 'at-work')
      assert.deepEqual([owner, onSilence], ['owner b', 'free'], 'a claim that is at work')
      const spent = await found(admin, 'spent')
      const { state, bodyBytes, head, keepUntilMs } = spent
      assert.deepEqual([state, bodyBytes, head], ['spent', 4, '[201,[],"k"]'], 'a spent record')
      assert.ok(keepUntilMs !== null && keepUntilMs > nowMs, 'its time')
      assert.equal(spent.owner, null, 'a spent record has no owner')
      assert.equal(await admin.find('nothing'), null, 'a key that has no record')
    }),
    storeCase(options, 'admin: what it finds of a claim is enough to release it', async trial => {
      const { admin } = await oneOfEach(trial)
      const { owner } = await found(admin, 'at-work')
      assert.equal((await trial.store.release('at-work', owner ?? '')).state, 'ok')
      assert.equal(await admin.find('at-work'), null, 'after the release')
      const late = await trial.store.complete('at-work', 'owner b', answer('late'))
      assert.equal(late.state, 'stale', "the old owner's word")
      await trial.expectState('at-work', 'none', 'after that word')
    }),
    storeCase(options, 'admin: a record past its time is expired, or gone', async trial => {
      const admin = adminOf(trial)
      const keepUntilMs = (await trial.now()) + 400
      await trial.spend('over', 'a', { keepUntilMs })
      await trial.fallSilent('doubt', 'a', { keepUntilMs })
      await trial.pass(450)
      const { spent, undecided } = await admin.count()
      assert.deepEqual([spent, undecided], [0, 0], 'what counts')
      for (const key of ['over', 'doubt']) {
        const state = (await admin.find(key))?.state ?? 'gone'
        assert.ok(state === 'expired' || state === 'gone', `'${key}' is ${state}`)
      }
    }),
  ]
}

function pages<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'admin: scan tells what find tells, of each state', async trial => {
      const { admin, keys } = await oneOfEach(trial)
      const one = (record: StoredRecord) => ({ ...record, key: null })
      const expected = await Promise.all(keys.map(async key => one(await found(admin, key))))
      const all = await scanned(admin)
      assert.deepEqual(byId(all.map(one)), byId(expected), 'all records')
      const named = all.filter(({ state }) => state === 'undecided').map(({ key }) => key)
      assert.deepEqual(named.sort(), ['undecided', 'undecided-later'], 'their keys')
      for (const state of ['running', 'undecided', 'spent'] as const) {
        const some = await scanned(admin, { state })
        const wanted = expected.filter(record => record.state === state)
        assert.deepEqual(byId(some.map(one)), byId(wanted), `those that are ${state}`)
      }
    }),
    storeCase(options, 'admin: scan page by page, each comes once', async trial => {
      const admin = adminOf(trial)
      for (let index = 0; index < MANY; index += 1) {
        if (index % 2 === 0) await trial.spend(`key ${index}`, 'a')
        else await trial.fallSilent(`key ${index}`, 'a')
      }
      for (const limit of [1, 4, MANY, 1_000]) {
        const ids = (await scanned(admin, { limit })).map(({ id }) => id)
        assert.equal(new Set(ids).size, MANY, `in pages of ${limit}`)
        assert.equal(ids.length, MANY, `in pages of ${limit}, each once`)
      }
    }),
    storeCase(options, 'admin: a scan that makes no sense is refused', async trial => {
      const admin = adminOf(trial)
      for (const query of [
        { state: 'free' },
        { limit: 0 },
        { limit: 1_001 },
        { cursor: 'none of ours' },
        { cursor: '' },
        { before: 1 },
      ]) {
        const asked = query as unknown as ScanQuery
        await assert.rejects(
          () => admin.scan(asked),
          error => error instanceof TypeError || error instanceof RangeError,
          JSON.stringify(query),
        )
      }
    }),
    storeCase(options, 'admin: settings are named and judged, with advice', async trial => {
      const settings = await adminOf(trial).settings()
      assert.ok(settings.length > 2, 'there are some')
      for (const { name, value, level, advice } of settings) {
        assert.ok(name !== '' && value !== '', `${name} is ${value}`)
        assert.equal(advice === null, level === 'right', `advice on ${name}, which is ${level}`)
      }
    }),
  ]
}

function writes<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'admin: secrets are replaced only as they were seen', async trial => {
      const admin = adminOf(trial)
      const [one, two, three] = ['one1', 'two2', 'thr3'].map(id => ({ id, key: id.repeat(11) }))
      assert.ok(one !== undefined && two !== undefined && three !== undefined)
      assert.equal(await admin.replaceSecrets([], [one]), false, 'where none are kept')
      assert.deepEqual(await trial.store.secrets([]), [], 'nothing was written')
      await trial.store.secrets([one])
      assert.equal(await admin.replaceSecrets(['two2'], [three]), false, 'others than were seen')
      assert.equal(await admin.replaceSecrets(['one1'], [two, one]), true, 'those that were seen')
      assert.deepEqual(await trial.store.secrets([three]), [two, one], 'in the new order')
      const other = await trial.reopen()
      assert.deepEqual(await other.secrets([]), [two, one], 'seen by another process')
      const both = [
        admin.replaceSecrets(['two2', 'one1'], [three, two]),
        (other.admin ?? admin).replaceSecrets(['two2', 'one1'], [three, one]),
      ]
      const won = (await Promise.all(both)).filter(isDone => isDone)
      assert.equal(won.length, 1, 'one of two at once')
      await assert.rejects(() => admin.replaceSecrets(['thr3'], []), TypeError, 'none')
      await assert.rejects(() => admin.replaceSecrets([], [one, one]), TypeError, 'one id twice')
      const ids = (await trial.store.secrets([])).map(({ id }) => id)
      for (const wrong of [{ id: 'four', key: 'short' }, { ...one, id: 'five5' }, { id: 'four' }]) {
        const replacing = () => admin.replaceSecrets(ids, [wrong as StoredSecret])
        await assert.rejects(replacing, TypeError, JSON.stringify(wrong))
      }
    }),
    storeCase(options, 'admin: after close its calls reject', async trial => {
      const admin = adminOf(trial)
      await trial.store.close()
      await assert.rejects(() => admin.count(), 'count')
      await assert.rejects(() => admin.find('key'), 'find')
      await assert.rejects(() => admin.scan({}), 'scan')
      await assert.rejects(() => admin.settings(), 'settings')
      await assert.rejects(() => admin.replaceSecrets([], [{ id: 'a', key: 'k' }]), 'secrets')
    }),
  ]
}

async function oneOfEach<Tx>(trial: Trial<Tx>) {
  await trial.take('running', 'owner a')
  await trial.take('at-work', 'owner b', { onSilence: 'free', leaseMs: 2 * LEASE_MS })
  await trial.fallSilent('undecided', 'owner c')
  await trial.pass(10)
  await trial.fallSilent('undecided-later', 'owner c')
  await trial.fallSilent('free', 'owner d', { onSilence: 'free' })
  await trial.spend('spent', 'owner e')
  const keys = ['running', 'at-work', 'undecided', 'undecided-later', 'free', 'spent']
  return { admin: adminOf(trial), keys }
}

function adminOf<Tx>({ store }: Trial<Tx>): StoreAdmin {
  assert.ok(store.admin !== undefined, 'the store has an admin, as the options say')
  return store.admin
}

async function found(admin: StoreAdmin, key: string): Promise<StoredRecord> {
  const record = await admin.find(key)
  assert.ok(record !== null, `'${key}' has a record`)
  assert.equal(record.key, key, `the key of '${key}'`)
  return record
}

async function scanned(admin: StoreAdmin, query: ScanQuery = {}): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  let cursor: string | null = null
  do {
    const page = await admin.scan({ ...query, cursor })
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== null)
  return records
}

function byId(records: readonly StoredRecord[]): StoredRecord[] {
  return [...records].sort((one, other) => (one.id < other.id ? -1 : 1))
}
