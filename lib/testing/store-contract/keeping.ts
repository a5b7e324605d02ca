/**
 * Keeping: no record goes before its time, whatever the pressure, and each may go after it.
 */
import assert from 'node:assert/strict'
import {
  answer,
  PATIENT_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
  timedCase,
} from './trial.js'

/** Cases about `keepUntilMs`, `purge` and `full`. */
export function keepingCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [...kept(options), ...purged(options), ...pressure(options)]
}

function kept<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'purge: nothing goes before its keepUntilMs, or with none', async trial => {
      const keepUntilMs = (await trial.now()) + 60_000
      for (const [suffix, until] of [
        ['timed', keepUntilMs],
        ['for-ever', null],
      ] as const) {
        await trial.take(`running-${suffix}`, 'a', { keepUntilMs: until })
        await trial.spend(`spent-${suffix}`, 'a', { keepUntilMs: until })
        await trial.fallSilent(`undecided-${suffix}`, 'a', { keepUntilMs: until })
        await trial.fallSilent(`free-${suffix}`, 'a', { keepUntilMs: until, onSilence: 'free' })
      }
      assert.deepEqual(await trial.store.purge(100), { removed: 0, more: false })
      for (const suffix of ['timed', 'for-ever']) {
        for (const state of ['running', 'spent', 'undecided'] as const) {
          const key = `${state}-${suffix}`
          await trial.expectState(key, state, 'after a purge')
          const claimed = await trial.claim(key, { owner: 'b' })
          assert.equal(claimed.state, state, `what a claim of '${key}' finds`)
        }
        const late = await trial.store.complete(`free-${suffix}`, 'a', answer('late'))
        assert.equal(late.state, 'ok', 'of a lapsed free key that nobody took, after a purge')
      }
    }),
    timedCase(
      options,
      '[FALSE-4334] keepUntilMs: no write on a record moves it',
      async (trial, spanMs) => {
        const { store } = trial
        const times = { keepUntilMs: (await trial.now()) + spanMs }
        await trial.spend('attached', 'a', times)
        await store.attachBody('attached', 'a', answer('whole'))
        await trial.fallSilent('settled', 'a', times)
        await store.settle('settled', 'a', answer('settled'))
        await trial.take('marked', 'a', { ...times, onSilence: 'free' })
        await store.mark('marked', 'a')
        await store.renew('marked', 'a', 0)
        for (const [key, state] of [
          ['attached', 'spent'],
          ['settled', 'spent'],
          ['marked', 'undecided'],
        ] as const) {
          await trial.expectState(key, state, `'${key}' before its time is over`)
        }
        await trial.pass(spanMs + 100)
        for (const key of ['attached', 'settled', 'marked']) {
          await trial.expectState(key, 'none', `'${key}' after its time`)
        }
      },
    ),
    timedCase(
      options,
      'purge: a claim that somebody is at work on stays past its time',
      async (trial, spanMs) => {
        await trial.take('key', 'a', { keepUntilMs: (await trial.now()) + spanMs })
        await trial.pass(spanMs + 100)
        await trial.store.purge(100)
        await trial.expectState('key', 'running', 'a live claim past keepUntilMs')
        assert.equal(
          (await trial.store.complete('key', 'a', answer())).state,
          'ok',
          'its completion',
        )
      },
    ),
  ]
}

function purged<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    timedCase(
      options,
      '[EXP-05] purge: past its keepUntilMs a record goes, and never runs again',
      async (trial, spanMs) => {
        const nowMs = await trial.now()
        const epoch = await trial.epochFor('key')
        const times = { epoch, tokenExpiresMs: nowMs + spanMs, keepUntilMs: nowMs + spanMs }
        await trial.spend('key', 'a', times)
        await trial.expectState('key', 'spent', 'within its time')
        await trial.pass(spanMs + 100)
        await trial.store.purge(100)
        await trial.expectState('key', 'none', 'past its time')
        const reply = await trial.claim('key', { ...times, owner: 'b' })
        assert.equal(reply.state, 'expired', 'a claim with the old token')
      },
    ),
    ...(options.capabilities.nativeExpiry ? nativeExpiry(options) : ownPurge(options)),
  ]
}

function nativeExpiry<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    timedCase(
      options,
      'purge: the store expires records by itself, so it has nothing to do',
      async (trial, spanMs) => {
        const keepUntilMs = (await trial.now()) + spanMs
        await trial.spend('key', 'a', { keepUntilMs })
        await trial.fallSilent('undecided', 'a', { keepUntilMs })
        await trial.pass(spanMs + 100)
        await trial.expectState('key', 'none', 'past its time, without a purge')
        await trial.expectState('undecided', 'none', 'past its time, without a purge')
        assert.deepEqual(await trial.store.purge(100), { removed: 0, more: false })
      },
    ),
  ]
}

function ownPurge<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    timedCase(
      options,
      'purge: up to the limit, and it tells whether there is more',
      async (trial, spanMs) => {
        const keepUntilMs = (await trial.now()) + spanMs
        for (const index of [1, 2, 3]) {
          await trial.spend(`spent-${index}`, 'a', { keepUntilMs })
          await trial.fallSilent(`undecided-${index}`, 'a', { keepUntilMs })
        }
        await trial.fallSilent('free', 'a', { keepUntilMs, onSilence: 'free' })
        await trial.spend('later', 'a', { keepUntilMs: keepUntilMs + 60_000 })
        await trial.pass(spanMs + 100)
        const { store } = trial
        assert.deepEqual(await store.purge(5), { removed: 5, more: true }, '5 of 7')
        assert.deepEqual(await store.purge(5), { removed: 2, more: false }, 'the other 2')
        assert.deepEqual(await store.purge(5), { removed: 0, more: false }, 'nothing is left to do')
        await trial.expectState('later', 'spent', 'a record with time left')
        for (const key of ['spent-1', 'undecided-1', 'free']) {
          await trial.expectState(key, 'none', 'a purged record')
        }
      },
    ),
  ]
}

function pressure<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  const { limited } = options
  if (limited !== undefined) return [refuses(options, limited), makesRoom(options, limited)]
  return [
    storeCase(options, '[EXP-01] full: a store without a limit takes what comes', async trial => {
      await trial.take('first', 'a')
      const claim = await trial.makeClaim('key', { owner: 'b', epoch: null })
      for (let index = 0; index < 300; index += 1) {
        const { state } = await trial.store.claim(`key-${index}`, claim, PATIENT_MS)
        assert.equal(state, 'claimed', `claim ${index} of many`)
      }
      await trial.expectState('first', 'running', 'the first of many')
    }),
  ]
}

type Limited<Tx> = NonNullable<StoreContractOptions<Tx>['limited']>

function refuses<Tx>(
  options: StoreContractOptions<Tx>,
  { maxRecords, open }: Limited<Tx>,
): StoreCase {
  const title = '[EXP-01] full: at its limit the store refuses, and forgets nothing'
  const body = async (trial: Trial<Tx>): Promise<void> => {
    await trial.take('running', 'a', { principal: 'p-a' })
    await trial.spend('spent', 'b', { principal: 'p-b' })
    await trial.fallSilent('undecided', 'c', { principal: 'p-c' })
    await spendMany(trial, maxRecords - 3)
    for (let index = 0; index < 20; index += 1) {
      const reply = await trial.claim(`more-${index}`, { principal: `q${index}` })
      assert.equal(reply.state, 'full', `claim ${index} beyond the limit of ${maxRecords}`)
    }
    for (const state of ['running', 'spent', 'undecided'] as const) {
      await trial.expectState(state, state, 'in a full store')
    }
    const again = await trial.claim('running', { owner: 'a' })
    assert.equal(again.state, 'claimed', "the owner's claim, come again in a full store")
    const expired = await trial.claim('more', { tokenExpiresMs: (await trial.now()) - 1 })
    assert.equal(expired.state, 'expired', 'expired comes before full')
    assert.equal((await trial.store.complete('running', 'a', answer())).state, 'ok', 'completion')
  }
  return storeCase(options, title, body, open)
}

function makesRoom<Tx>(
  options: StoreContractOptions<Tx>,
  { maxRecords, open }: Limited<Tx>,
): StoreCase {
  const title = 'full: room comes from releases and from records past their time'
  const body = async (trial: Trial<Tx>, spanMs: number): Promise<void> => {
    const keepUntilMs = (await trial.now()) + spanMs
    await trial.take('released', 'a', { principal: 'p-a' })
    await trial.spend('short', 'b', { principal: 'p-b', keepUntilMs })
    await spendMany(trial, maxRecords - 2)
    await trial.store.release('released', 'a')
    await trial.take('after-release', 'c', { principal: 'p-c' })
    const full = await trial.claim('too-many', { principal: 'p-d' })
    assert.equal(full.state, 'full', 'full again')
    await trial.pass(spanMs + 100)
    await trial.take('after-expiry', 'd', { principal: 'p-d' })
    await trial.expectState('short', 'none', 'the record whose time was over')
    await trial.expectState('after-release', 'running', 'a record with time left')
  }
  return timedCase(options, title, body, open)
}

async function spendMany<Tx>(trial: Trial<Tx>, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await trial.spend(`key-${index}`, 'x', { principal: `p${index}` })
  }
}
