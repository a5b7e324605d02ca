/**
 * Any calls, in any order: each store says what the memory says. Leases end at once, by a renewal
 * of no time, and all other times are long over or far away, so that no clock decides.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { bucketOf, type Claim, type ListReply, type Store } from '../../lib/engine/store.js'
import { aroundStore } from '../support/around-store.js'
import { SEED } from '../support/chance.js'
import { INSTALLED_STORES, type OpenStore, openStore, type StoreKind } from '../support/stores.js'

const HOUR_MS = 3_600_000
const LEASE_MS = 60_000
/** What ends now is over in the next millisecond. */
const A_MOMENT_MS = 2
const DIGEST = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'
const RUNS = 80

const keys = fc.constantFrom('one', 'two')
const owners = fc.constantFrom('a', 'b')
const epochs = fc.constantFrom('none', 'none', 'own', 'other')
const outcomes = fc.constantFrom('first', 'second', 'no body')
const ends = fc.constantFrom('far', 'far', 'far', 'over', 'never')
const claims = fc.record({
  call: fc.constant('claim' as const),
  key: keys,
  owner: owners,
  epoch: epochs,
  onSilence: fc.constantFrom('free' as const, 'undecided' as const),
  isLate: fc.constantFrom(false, false, false, true),
  token: ends,
  keep: ends,
  print: fc.constantFrom(null, DIGEST, `content:${DIGEST}`, 'words'),
  replaces: fc.constantFrom('none', 'none', 'seen', 'other'),
})
/** What expires by itself is gone a little sooner or later. */
const unexpired = claims.map(claim => ({ ...claim, keep: 'far' as const }))

const others = fc.oneof(
  fc.record({
    call: fc.constantFrom('complete' as const, 'attachBody' as const),
    key: keys,
    owner: owners,
    outcome: outcomes,
  }),
  fc.record({
    call: fc.constantFrom('mark' as const, 'confirm' as const, 'release' as const),
    key: keys,
    owner: owners,
  }),
  fc.record({
    call: fc.constant('renew' as const),
    key: keys,
    owner: owners,
    leaseMs: fc.constantFrom(0, 0, LEASE_MS),
  }),
  fc.record({
    call: fc.constant('settle' as const),
    key: keys,
    owner: owners,
    verdict: fc.constantFrom('free' as const, 'first', 'no body'),
  }),
  fc.record({ call: fc.constant('read' as const), key: keys, epoch: epochs }),
  fc.record({ call: fc.constantFrom('list' as const, 'purge' as const), key: keys }),
)

type ClaimCall = typeof claims extends fc.Arbitrary<infer Each> ? Each : never
type Call = ClaimCall | (typeof others extends fc.Arbitrary<infer Each> ? Each : never)

function outcomeOf(which: string) {
  return { head: `[201,[],"${which}"]`, body: which === 'no body' ? null : Buffer.from(which) }
}

/** One store, and the names that it has given to what has none of ours. */
class Side {
  readonly #store: Store<unknown>
  readonly #marks: string[] = []
  readonly #seen = new Map<string, string>()

  constructor(store: Store<unknown>) {
    this.#store = store
  }

  async say(call: Call): Promise<unknown> {
    const said = await this.#make(call).catch((error: Error) => ({ error: error.name }))
    return this.#plain(call.key, said as Record<string, unknown>)
  }

  async #make(call: Call): Promise<object> {
    const store = this.#store
    const { key } = call
    switch (call.call) {
      case 'claim':
        return await store.claim(key, await this.#claim(call))
      case 'complete':
      case 'attachBody':
        return await store[call.call](key, call.owner, outcomeOf(call.outcome))
      case 'mark':
      case 'confirm':
      case 'release':
        return await store[call.call](key, call.owner)
      case 'renew': {
        const reply = await store.renew(key, call.owner, call.leaseMs)
        if (call.leaseMs === 0) await pause(A_MOMENT_MS)
        return reply
      }
      case 'settle': {
        const { verdict, owner } = call
        return await store.settle(key, owner, verdict === 'free' ? 'free' : outcomeOf(verdict))
      }
      case 'read':
        return await store.read(key, await this.#epoch(key, call.epoch))
      case 'list':
        return { listed: await this.#listed() }
      case 'purge':
        await store.purge(1_000)
        return { purged: true }
    }
  }

  /** All pages: one that was slow may be short, also empty, and not be the last. */
  async #listed(): Promise<readonly string[]> {
    const listed: string[] = []
    let cursor: string | null = null
    do {
      const page: ListReply = await this.#store.list({ state: 'undecided', cursor })
      listed.push(...page.records.map(record => record.key))
      cursor = page.cursor
    } while (cursor !== null)
    return listed.sort()
  }

  async #claim(call: ClaimCall): Promise<Claim> {
    const { nowMs } = await this.#store.epoch()
    const until = (end: string) => {
      if (end === 'never') return null
      return nowMs + (end === 'far' ? HOUR_MS : -HOUR_MS)
    }
    const seen = this.#seen.get(call.key) ?? 'never seen'
    return {
      owner: call.owner,
      epoch: await this.#epoch(call.key, call.epoch),
      leaseMs: LEASE_MS,
      claimByMs: nowMs + (call.isLate ? -HOUR_MS : LEASE_MS),
      tokenExpiresMs: until(call.token),
      keepUntilMs: until(call.keep),
      onSilence: call.onSilence,
      fingerprint: call.print,
      principal: 'ann',
      replaces: { none: null, seen, other: 'another mark' }[call.replaces] ?? null,
    }
  }

  async #epoch(key: string, which: string): Promise<string | null> {
    if (which === 'none') return null
    const { epochs } = await this.#store.epoch()
    return which === 'other' ? 'AAAAAAAAAAAA' : String(epochs[bucketOf(key, epochs.length)])
  }

  /** Without times, and with marks by the order in which they came. */
  #plain(
    key: string,
    { nowMs, sinceMs, leaseLeftMs, mark, owner, ...said }: Record<string, unknown>,
  ) {
    const { outcome } = said as { outcome?: { head: string; body: Uint8Array | null } }
    if (typeof mark === 'string') {
      this.#seen.set(key, mark)
      if (!this.#marks.includes(mark)) this.#marks.push(mark)
    }
    return {
      ...said,
      ...(leaseLeftMs === undefined ? {} : { isLeased: Number(leaseLeftMs) > 0 }),
      ...(mark === undefined ? {} : { mark: this.#marks.indexOf(String(mark)) }),
      ...(outcome && { outcome: [outcome.head, outcome.body && String(outcome.body)] }),
    }
  }
}

/** Both are told the same, and must say the same. */
async function compare(calls: readonly Call[], model: Side, real: Side): Promise<void> {
  for (const [at, call] of calls.entries()) {
    const looks: Call[] = [call, { call: 'read', key: call.key, epoch: 'none' }]
    for (const each of looks) {
      const [expected, said] = [await model.say(each), await real.say(each)]
      expect(said, `call ${at}: ${JSON.stringify(each)}`).to.deep.equal(expected)
    }
  }
}

function agreement(open: () => Promise<OpenStore>) {
  const claim = open === OPEN.redis ? unexpired : claims
  const rows = fc.array(fc.oneof(claim, others), { minLength: 5, maxLength: 40, size: 'max' })
  return fc.asyncProperty(rows, async all => {
    const opened = await Promise.all([openStore('memory'), open()])
    // What was over before a memory began is over from its next millisecond on.
    await pause(A_MOMENT_MS)
    const [model, real] = opened.map(({ store }) => new Side(store))
    try {
      await compare(all, model as Side, real as Side)
    } finally {
      await Promise.all(opened.map(each => each.discard()))
    }
  })
}

const OPEN: Partial<Record<StoreKind, () => Promise<OpenStore>>> = Object.fromEntries(
  INSTALLED_STORES.map(kind => [kind, () => openStore(kind)]),
)

describe('any calls', function () {
  this.timeout(120_000)

  for (const [kind, open] of Object.entries(OPEN)) {
    it(`are answered by ${kind} as by the memory`, async () => {
      await fc.assert(agreement(open), { seed: SEED, numRuns: RUNS })
    })
  }

  it('a planted fault is found: marks that are not kept', async () => {
    const forgetful = async () => {
      const opened = await openStore('memory')
      const store = aroundStore(opened.store, (method, _key, call) =>
        method === 'mark' ? opened.store.confirm('none', 'none') : call(),
      )
      return { ...opened, store }
    }
    const { failed } = await fc.check(agreement(forgetful), { seed: 1, numRuns: RUNS })
    expect(failed).to.equal(true)
  })
})
