/**
 * The end of a record's time, and a spent record whose place is taken: a key can be used anew, by
 * one claim only, and nothing of what was before comes back.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  answer,
  PATIENT_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
  timedCase,
} from './trial.js'

const AT_ONCE = 20

/** Cases about `keepUntilMs` as the end of a record, and about `replaces`. */
export function replacingCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    ...overCases(options),
    ...replacedCases(options),
    ...settledCases(options),
    ...notReplacedCases(options),
  ]
}

function overCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    timedCase(
      options,
      '[EXP-05] keepUntilMs: past it a record is gone, purged or not, and the key is new',
      async (trial, spanMs) => {
        const keepUntilMs = (await trial.now()) + spanMs
        await trial.spend('spent', 'a', { keepUntilMs })
        await trial.fallSilent('undecided', 'a', { keepUntilMs })
        await trial.pass(spanMs + 100)
        for (const key of ['spent', 'undecided']) {
          await trial.expectState(key, 'none', `a ${key} record past its time`)
          await trial.take(key, 'b')
          await trial.expectState(key, 'running', 'claimed anew')
          const late = await trial.store.complete(key, 'a', answer('late'))
          assert.equal(late.state, 'stale', 'the owner of what is gone')
          const fresh = await trial.store.complete(key, 'b', answer('fresh'))
          assert.equal(fresh.state, 'ok', 'the new owner')
          await trial.expectOutcome(key, answer('fresh'), 'the new outcome')
        }
      },
    ),
    timedCase(
      options,
      '[FALSE-4330] keepUntilMs: in the place of what is gone a claim is judged as any other',
      async (trial, spanMs) => {
        const times = { keepUntilMs: (await trial.now()) + spanMs }
        await trial.spend('spent', 'a', times)
        await trial.fallSilent('undecided', 'a', times)
        await trial.fallSilent('free', 'a', { ...times, onSilence: 'free' })
        await trial.pass(spanMs + 100)
        for (const key of ['spent', 'undecided', 'free']) {
          await expectRefusals(trial, key, {})
          await trial.expectState(key, 'none', 'after claims that were refused')
        }
      },
    ),
    timedCase(
      options,
      'keepUntilMs: what is gone is claimed by one of many',
      async (trial, spanMs) => {
        const keepUntilMs = (await trial.now()) + spanMs
        await trial.spend('key', 'a', { keepUntilMs })
        await trial.pass(spanMs + 100)
        assert.equal(await winners(trial, {}), 1, 'claims that were granted')
      },
    ),
  ]
}

function replacedCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'replaces: the record that it names counts as free', async trial => {
      await trial.spend('key', 'a', {}, answer('first'))
      const replaces = await markOf(trial)
      const reply = await trial.claim('key', { owner: 'b', replaces, fingerprint: 'print' })
      assert.equal(reply.state, 'claimed', 'a claim that names the record')
      const seen = await trial.read('key')
      assert.ok(seen.state === 'running', `the key is ${seen.state}, not running`)
      assert.equal(seen.fingerprint, 'print', 'what it tells is of the new claim')
      for (const write of [
        trial.store.complete('key', 'a', answer('late')),
        trial.store.attachBody('key', 'a', answer('late')),
        trial.store.release('key', 'a'),
      ]) {
        assert.equal((await write).state, 'stale', 'the owner of what was replaced')
      }
      const done = await trial.store.complete('key', 'b', answer('second'))
      assert.equal(done.state, 'ok', 'the new owner completes')
      await trial.expectOutcome('key', answer('second'), 'the new outcome')
      assert.notEqual(await markOf(trial), replaces, 'the new outcome has a mark of its own')
    }),
    storeCase(
      options,
      'replaces: released, the key is free, and nothing comes back',
      async trial => {
        await trial.spend('key', 'a')
        const reply = await trial.claim('key', { owner: 'b', replaces: await markOf(trial) })
        assert.equal(reply.state, 'claimed', 'a claim that names the record')
        assert.equal((await trial.store.release('key', 'b')).state, 'ok', 'its release')
        await trial.expectState('key', 'none', 'afterwards')
      },
    ),
    storeCase(options, '[RACE-01] replaces: of many at once one takes the place', async trial => {
      await trial.spend('key', 'a')
      assert.equal(await winners(trial, { replaces: await markOf(trial) }), 1, 'granted claims')
    }),
    storeCase(options, 'replaces: sent twice, a claim recognises itself', async trial => {
      await trial.spend('key', 'a')
      const claim = await trial.makeClaim('key', { owner: 'b', replaces: await markOf(trial) })
      assert.equal((await trial.store.claim('key', claim)).state, 'claimed', 'the first time')
      assert.equal((await trial.store.claim('key', claim)).state, 'claimed', 'the second time')
    }),
  ]
}

function settledCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      '[FALSE-4443] replaces: what an operator decided is replaced as any other',
      async trial => {
        const marks: string[] = []
        for (const owner of ['a', 'b']) {
          await trial.fallSilent('key', owner, { replaces: marks.at(-1) ?? null })
          await trial.store.settle('key', owner, answer(`settled for ${owner}`))
          marks.push(await markOf(trial))
          const late = await trial.store.complete('key', owner, answer('late'))
          assert.equal(late.state, 'stale', 'the silent owner')
        }
        assert.notEqual(marks[0], marks[1], 'each decision has a mark of its own')
        for (const replaces of ['', marks[0] ?? '']) {
          const reply = await trial.claim('key', { owner: 'c', replaces })
          assert.equal(reply.state, 'spent', `a claim that names '${replaces}'`)
        }
        await trial.expectOutcome('key', answer('settled for b'), 'the last decision')
      },
    ),
  ]
}

function notReplacedCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'replaces: another record than it names answers as it is', async trial => {
      await trial.spend('key', 'a')
      const old = await markOf(trial)
      await trial.claim('key', { owner: 'b', replaces: old })
      await trial.store.complete('key', 'b', answer('second'))
      for (const replaces of [old, '', '0'.repeat(12), '0'.repeat(16)]) {
        const reply = await trial.claim('key', { owner: 'c', replaces })
        assert.equal(reply.state, 'spent', `a claim that names '${replaces}'`)
      }
      await trial.expectOutcome('key', answer('second'), 'the record')
    }),
    storeCase(options, 'replaces: nothing but a spent record is replaced', async trial => {
      await trial.spend('other', 'a')
      const replaces = await markOf(trial, 'other')
      await trial.take('running', 'a')
      await trial.fallSilent('undecided', 'a')
      for (const state of ['running', 'undecided'] as const) {
        const reply = await trial.claim(state, { owner: 'b', replaces })
        assert.equal(reply.state, state, `a claim on a key that is ${state}`)
      }
    }),
    storeCase(options, 'replaces: late, wrong-epoch and expired are refused', async trial => {
      await trial.spend('key', 'a')
      await expectRefusals(trial, 'key', { replaces: await markOf(trial) })
      await trial.expectOutcome('key', answer(), 'the record is still there')
    }),
  ]
}

/** Claims a key that counts as free, in each way that is refused. */
async function expectRefusals<Tx>(
  trial: Trial<Tx>,
  key: string,
  also: { readonly replaces?: string },
): Promise<void> {
  const nowMs = await trial.now()
  for (const [state, wishes] of [
    ['late', { claimByMs: nowMs - 1_000 }],
    ['wrong-epoch', { epoch: 'aaaaaaaaaaaa' }],
    ['expired', { tokenExpiresMs: nowMs - 1_000 }],
  ] as const) {
    const reply = await trial.claim(key, { ...wishes, ...also })
    assert.equal(reply.state, state, `a claim of '${key}' that is ${state}`)
  }
}

async function markOf<Tx>(trial: Trial<Tx>, key = 'key'): Promise<string> {
  const seen = await trial.read(key)
  assert.ok(seen.state === 'spent', `'${key}' is ${seen.state}, not spent`)
  return seen.mark
}

async function winners<Tx>(
  trial: Trial<Tx>,
  wishes: { readonly replaces?: string },
): Promise<number> {
  const claims = await Promise.all(
    Array.from({ length: AT_ONCE }, () =>
      trial.makeClaim('key', { owner: randomUUID(), ...wishes }),
    ),
  )
  const replies = await Promise.all(
    claims.map(claim => trial.store.claim('key', claim, PATIENT_MS)),
  )
  return replies.filter(reply => reply.state === 'claimed').length
}
