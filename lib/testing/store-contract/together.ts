/**
 * Calls of one turn of the event loop: a store may do them in one step, and each has its own answer
 * all the same.
 */
import assert from 'node:assert/strict'
import type { Claim } from '../../engine/store.js'
import { listAll } from './listing.js'
import {
  answer,
  type ClaimWishes,
  PATIENT_MS,
  type StoreCase,
  type StoreContractOptions,
  storeCase,
  type Trial,
} from './trial.js'

/** What a key is before the turn, and what a claim of it is told in it. */
interface Case {
  readonly told: string
  readonly before?: <Tx>(trial: Trial<Tx>, key: string) => Promise<void>
  readonly wishes?: ClaimWishes
}

const CLAIMS: Readonly<Record<string, Case>> = {
  fresh: { told: 'claimed' },
  'fresh, for a transaction': { told: 'claimed', wishes: { onSilence: 'free' } },
  'without an end': { told: 'claimed', wishes: { tokenExpiresMs: null, keepUntilMs: null } },
  'of no epoch': { told: 'claimed', wishes: { epoch: null, fingerprint: 'print' } },
  'of another epoch': { told: 'wrong-epoch', wishes: { epoch: 'elsewhere_00' } },
  late: { told: 'late', wishes: { claimByMs: 1 } },
  expired: { told: 'expired', wishes: { tokenExpiresMs: 1 } },
  running: { told: 'running', before: (trial, key) => trial.take(key, 'before') },
  'running, of another epoch': {
    told: 'running',
    before: (trial, key) => trial.take(key, 'before'),
    wishes: { epoch: 'elsewhere_00' },
  },
  'running, sent again': {
    told: 'claimed',
    before: (trial, key) => trial.take(key, 'again'),
    wishes: { owner: 'again' },
  },
  spent: { told: 'spent', before: (trial, key) => trial.spend(key, 'before') },
  undecided: { told: 'undecided', before: (trial, key) => trial.fallSilent(key, 'before') },
  'free again': {
    told: 'claimed',
    before: (trial, key) => trial.fallSilent(key, 'before', { onSilence: 'free' }),
  },
}

/** Cases about many calls in one turn. */
export function togetherCases<Tx>(options: StoreContractOptions<Tx>): StoreCase[] {
  return [
    storeCase(options, 'together: claims of one turn, each with its own answer', claimTogether),
    storeCase(options, 'together: two claims of one key in one turn, one gets it', async trial => {
      const keys = ['one', 'two', 'three', 'two', 'one']
      const claims = await Promise.all(keys.map(key => trial.makeClaim(key)))
      const replies = await Promise.all(
        claims.map((claim, at) => trial.store.claim(keys[at] ?? '', claim, PATIENT_MS)),
      )
      const granted = keys.filter((_, at) => replies[at]?.state === 'claimed')
      assert.deepEqual(granted.toSorted(), ['one', 'three', 'two'], 'who got them')
      for (const [at, key] of keys.entries()) {
        const reply = await trial.store.complete(key, claims[at]?.owner ?? '', answer())
        const wanted = replies[at]?.state === 'claimed' ? 'ok' : 'stale'
        assert.equal(reply.state, wanted, `the completion of claim ${at}`)
      }
    }),
    storeCase(options, 'together: what claims of one turn left in doubt is listed', async trial => {
      const keys = ['doubt 1', 'free', 'doubt 2', 'doubt 3']
      const claims = await Promise.all(
        keys.map(key =>
          trial.makeClaim(key, { owner: key, onSilence: key === 'free' ? 'free' : 'undecided' }),
        ),
      )
      await Promise.all(claims.map(claim => trial.store.claim(claim.owner, claim, PATIENT_MS)))
      await Promise.all(keys.map(key => trial.store.renew(key, key, 0, PATIENT_MS)))
      assert.deepEqual(await listed(trial), ['doubt 1', 'doubt 2', 'doubt 3'], 'after silence')
      await Promise.all(keys.map(key => trial.store.complete(key, key, answer(key), PATIENT_MS)))
      assert.deepEqual(await listed(trial), [], 'after late completions')
      for (const key of keys) await trial.expectOutcome(key, answer(key), 'a late completion')
    }),
    storeCase(options, 'together: completions of one turn, each its own', completeTogether),
  ]
}

async function claimTogether<Tx>(trial: Trial<Tx>): Promise<void> {
  const cases = Object.entries(CLAIMS)
  const claims: Claim[] = []
  for (const [key, { before, wishes }] of cases) {
    await before?.(trial, key)
    claims.push(await trial.makeClaim(key, wishes))
  }
  const replies = await Promise.all(
    cases.map(([key], at) => trial.store.claim(key, claims[at] as Claim, PATIENT_MS)),
  )
  const told = Object.fromEntries(cases.map(([key], at) => [key, replies[at]?.state]))
  assert.deepEqual(told, Object.fromEntries(cases.map(([key, { told }]) => [key, told])))
  for (const [at, reply] of replies.entries()) {
    assert.ok(Number.isFinite(reply.nowMs), 'each reply has the time')
    if (reply.state !== 'running') continue
    assert.ok(reply.leaseLeftMs > 0 && reply.principal === 'somebody', `claim ${at} is told who`)
  }
  for (const [key, { told }] of cases) {
    const isHeld = told === 'claimed' || told === 'running'
    const state = isHeld ? 'running' : told === 'spent' || told === 'undecided' ? told : 'none'
    await trial.expectState(key, state, `'${key}' after the turn`)
  }
}

async function completeTogether<Tx>(trial: Trial<Tx>): Promise<void> {
  const { store } = trial
  const owners: Readonly<Record<string, string>> = {
    ...{ own: 'a', 'own too': 'a', strange: 'stranger', again: 'a', never: 'a', large: 'a' },
    ...{ 'no body': 'a', lapsed: 'a' },
  }
  for (const key of Object.keys(owners)) if (key !== 'never') await trial.take(key, 'a')
  await store.complete('again', 'a', answer('first'))
  await store.renew('lapsed', 'a', 0)
  const outcomeOf = (key: string) =>
    key === 'no body'
      ? { head: '[204,[],"k"]', body: null }
      : answer(key === 'large' ? key.repeat(100_000) : key)
  const entries = Object.entries(owners)
  const replies = await Promise.all(
    entries.map(([key, owner]) => store.complete(key, owner, outcomeOf(key), PATIENT_MS)),
  )
  const told = Object.fromEntries(entries.map(([key], at) => [key, replies[at]?.state]))
  assert.deepEqual(told, {
    ...{ own: 'ok', 'own too': 'ok', strange: 'stale', again: 'ok', never: 'stale', large: 'ok' },
    ...{ 'no body': 'ok', lapsed: 'ok' },
  })
  for (const key of ['own', 'own too', 'large', 'no body', 'lapsed']) {
    await trial.expectOutcome(key, outcomeOf(key), `the outcome of '${key}'`)
  }
  await trial.expectOutcome('again', answer('first'), 'the first outcome stays')
  await trial.expectState('strange', 'running', 'a stranger decides nothing')
  await trial.expectState('never', 'none', 'nobody made it')
}

async function listed<Tx>(trial: Trial<Tx>): Promise<string[]> {
  return (await listAll(trial)).map(({ key }) => key)
}
