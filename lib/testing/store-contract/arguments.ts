/**
 * Arguments: a verdict that nobody knows and a time that is no number decide nothing and write
 * nothing, and a time with a fraction is as good as a whole one.
 */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Claim, StoredOutcome } from '../../engine/store.js'
import { isMisuse } from './listing.js'
import { answer, type StoreCase, type StoreContractOptions, storeCase } from './trial.js'

/** Cases about what methods are given. */
export function argumentCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [...verdicts(options), ...times(options)]
}

function verdicts<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      '[FALSE-401] settle: a verdict that is none is refused, and the key stays undecided',
      async trial => {
        const odd: unknown[] = [
          ...[undefined, null, '', 'Free', 'FREE', 'freed', ' free', true, 1, [], {}, () => 'free'],
          ...[{ verdict: 'did-not-happen' }, { head: 1, body: null }, { body: null }],
          ...[{ head: '[201,[],"n"]', body: 'text' }, { head: '[201,[],"n"]' }],
        ]
        await trial.fallSilent('key', 'a')
        for (const verdict of odd) {
          const settle = async () => trial.store.settle('key', 'a', verdict as StoredOutcome)
          await assert.rejects(settle(), isMisuse, `settle by ${inspect(verdict)}`)
          await trial.expectState('key', 'undecided', `after settle by ${inspect(verdict)}`)
        }
        for (const [key, owner] of [
          ['', 'a'],
          ['key', ''],
          [undefined, 'a'],
          ['key', undefined],
        ] as [string, string][]) {
          const settle = async () => trial.store.settle(key, owner, 'free')
          await assert.rejects(settle(), isMisuse, `settle of '${key}' for '${owner}'`)
        }
        await trial.expectState('key', 'undecided', 'after all of them')
        assert.equal((await trial.store.settle('key', 'a', answer('settled'))).state, 'ok')
      },
    ),
  ]
}

function times<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(
      options,
      '[FALSE-1703] times with a fraction are as good as whole ones',
      async trial => {
        const nowMs = await trial.now()
        for (const wishes of [
          { leaseMs: 15_000.7 },
          { leaseMs: 10_000 / 3 },
          { claimByMs: nowMs + 5_000.5 },
          { tokenExpiresMs: nowMs + 3_600_000.25 },
          { keepUntilMs: nowMs + 7_200_000.75 },
        ] satisfies Partial<Claim>[]) {
          const key = Object.entries(wishes).join()
          await trial.take(key, 'a', wishes)
          const again = await trial.claim(key, { owner: 'a', ...wishes })
          assert.equal(again.state, 'claimed', `a claim with ${key} that is sent twice`)
          const renewed = await trial.store.renew(key, 'a', 20_000.5)
          assert.equal(renewed.state, 'ok', 'a renewal by 20,000.5')
          const seen = await trial.read(key)
          assert.ok(seen.state === 'running', `the key is ${seen.state}, not running`)
          assert.ok(Number.isInteger(seen.leaseLeftMs), `a lease of ${seen.leaseLeftMs} ms`)
          assert.equal((await trial.store.renew(key, 'a', 0.5)).state, 'ok', 'a renewal by 0.5')
          const silent = await trial.read(key)
          assert.ok(silent.state === 'undecided', `the key is ${silent.state}, not undecided`)
          assert.ok(Number.isInteger(silent.sinceMs), `silent since ${silent.sinceMs}`)
          assert.equal((await trial.store.complete(key, 'a', answer())).state, 'ok')
        }
      },
    ),
    storeCase(
      options,
      '[FALSE-1704] a time that is no number is refused, and nothing is written',
      async trial => {
        const { store } = trial
        for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, '5', undefined] as number[]) {
          for (const name of ['leaseMs', 'claimByMs', 'tokenExpiresMs', 'keepUntilMs'] as const) {
            const claim = { ...(await trial.makeClaim('key')), [name]: odd }
            const make = async () => store.claim('key', claim)
            await assert.rejects(make(), isMisuse, `a claim with ${name} ${String(odd)}`)
          }
        }
        const claim = await trial.makeClaim('key')
        for (const wishes of [{ leaseMs: -1 }, { owner: '' }, { onSilence: 'forget' }]) {
          const make = async () => store.claim('key', { ...claim, ...wishes } as Claim)
          await assert.rejects(make(), isMisuse, `a claim with ${Object.entries(wishes).join()}`)
        }
        await trial.expectState('key', 'none', 'after claims that were refused')
        await trial.take('key', 'a')
        for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, -1, '5'] as number[]) {
          const renew = async () => store.renew('key', 'a', odd)
          await assert.rejects(renew(), isMisuse, `a renewal by ${String(odd)}`)
        }
        for (const odd of [Number.NaN, -1, '5', undefined] as number[]) {
          const purge = async () => store.purge(odd)
          await assert.rejects(purge(), isMisuse, `a purge of ${String(odd)}`)
        }
        await trial.expectState('key', 'running', 'after renewals that were refused')
      },
    ),
  ]
}
