/**
 * The memory store: the contract, its limits, and what a record costs.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import type { Store } from '../../lib/engine/store.js'
import { ExpiryHeap } from '../../lib/stores/memory/expiry-heap.js'
import { type MemoryStoreOptions, memoryStore } from '../../lib/stores/memory.js'
import { storeContract } from '../../lib/testing/store-contract.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { memoryContract } from './helpers/memory-options.js'
import { failuresOf } from './helpers/plain-options.js'

describe('memoryStore', () => {
  describe('keeps the store contract', () => {
    for (const { title, run } of storeContract(memoryContract())) it(title, run)
  })

  it('keeps the store contract in real time too', async () => {
    const small = { maxRecords: 12 }
    const { advance, ...options } = memoryContract(() => memoryStore())
    expect(advance).to.be.a('function')
    const cases = storeContract({
      ...options,
      limited: { ...small, open: async () => memoryStore(small) },
    })
    const failures = await Promise.all(cases.map(each => failuresOf([each])))
    expect(failures.flat()).to.deep.equal([])
  })

  describe('options', () => {
    const refused: [given: unknown, kind: typeof Error, text: string][] = [
      [null, TypeError, 'options must be an object'],
      [7, TypeError, 'options must be an object'],
      [{ max: 5 }, TypeError, "no option 'max'. Use one of: maxRecords"],
      [{ maxRecords: 0 }, RangeError, 'maxRecords must be at least 1'],
      [{ maxRecords: '5' }, TypeError, 'maxRecords must be a whole number'],
      [{ maxPerPrincipal: 1.5 }, TypeError, 'maxPerPrincipal must be a whole number'],
      [{ maxBodyBytes: Number.POSITIVE_INFINITY }, TypeError, 'maxBodyBytes'],
      [{ now: 7 }, TypeError, 'like Date.now'],
    ]
    for (const [given, kind, text] of refused) {
      it(`refuses ${JSON.stringify(given)}`, () => {
        expect(() => memoryStore(given as MemoryStoreOptions)).to.throw(kind, text)
      })
    }

    it('takes undefined as absent', async () => {
      const store = memoryStore({ maxRecords: undefined, now: undefined })
      expect(await claimState(store, 'key')).to.equal('claimed')
    })
  })

  describe('at its capacity', () => {
    it('[EXP-01] a running claim outlives 700 others, and its key runs once', async () => {
      const store = memoryStore({ maxRecords: 100, maxPerPrincipal: 100 })
      expect(await claimState(store, 'u', { owner: 'a' })).to.equal('claimed')
      const states: Record<string, number> = {}
      for (let index = 0; index < 700; index += 1) {
        const state = await claimState(store, `other-${index}`, { owner: 'b' })
        states[state] = (states[state] ?? 0) + 1
        if (state === 'claimed') await store.complete(`other-${index}`, 'b', outcome())
      }
      expect(states).to.deep.equal({ claimed: 99, full: 601 })
      expect(await claimState(store, 'u', { owner: 'c' }), 'a retry meanwhile').to.equal('running')
      expect((await store.complete('u', 'a', outcome())).state).to.equal('ok')
      expect(await claimState(store, 'u', { owner: 'd' }), 'a retry later').to.equal('spent')
    })

    it('expired records make room at once, however many live ones there are', async () => {
      let nowMs = 1_000
      const store = memoryStore({ maxRecords: 100, maxPerPrincipal: 100, now: () => nowMs })
      for (let index = 0; index < 100; index += 1) {
        const keepUntilMs = index === 57 ? 2_000 : null
        await spend(store, `key-${index}`, { keepUntilMs })
      }
      expect(await claimState(store, 'new')).to.equal('full')
      nowMs = 2_001
      expect(await claimState(store, 'new')).to.equal('claimed')
      expect((await store.read('key-57', null)).state).to.equal('none')
      expect(await claimState(store, 'newer')).to.equal('full')
    })

    it('nobody fills it alone, and what goes is counted down', async () => {
      let nowMs = 1_000
      const store = memoryStore({ maxRecords: 50, now: () => nowMs })
      const claim = (key: string, principal: string) =>
        claimState(store, key, { owner: key, principal, keepUntilMs: nowMs + 500 })
      for (let index = 0; index < 5; index += 1) {
        expect(await claim(`ann-${index}`, 'ann')).to.equal('claimed')
      }
      expect(await claim('ann-5', 'ann'), "a tenth is ann's").to.equal('full')
      expect(await claim('bob-1', 'bob'), 'bob has room').to.equal('claimed')
      await store.release('ann-0', 'ann-0')
      expect(await claim('ann-6', 'ann'), 'after a release').to.equal('claimed')
      expect(await claim('ann-7', 'ann')).to.equal('full')
      await store.complete('ann-1', 'ann-1', outcome())
      nowMs += 100_000
      expect(await claim('ann-8', 'ann'), 'after their time').to.equal('claimed')
    })

    it('a record that makes room for its own successor is counted down once', async () => {
      let nowMs = 1_000
      const store = memoryStore({ maxRecords: 50, now: () => nowMs })
      const claim = (key: string, principal: string, keepUntilMs: number | null = null) =>
        claimState(store, key, { owner: key, principal, keepUntilMs, tokenExpiresMs: null })
      for (const [key, principal, untilMs] of [
        ['bob-0', 'bob', 1_500],
        ...[0, 1, 2, 3, 4].map(index => [`ann-${index}`, 'ann', 1_600] as const),
      ] as const) {
        await claim(key, principal, untilMs)
        await store.complete(key, key, outcome())
      }
      await claim('bob-1', 'bob')
      nowMs = 2_000
      expect(await claim('bob-0', 'ann'), 'taken by ann').to.equal('claimed')
      const states: string[] = []
      for (const index of [2, 3, 4, 5, 6]) states.push(await claim(`bob-${index}`, 'bob'))
      expect(states).to.deep.equal(['claimed', 'claimed', 'claimed', 'claimed', 'full'])
    })

    it('[EXP-05] a record that was worked on past its time is gone when the work is', async () => {
      let nowMs = 1_000
      const store = memoryStore({ now: () => nowMs })
      const wishes = { owner: 'o', keepUntilMs: 2_000, leaseMs: 5_000 }
      for (const key of ['completed', 'released', 'silent']) await claimState(store, key, wishes)
      nowMs = 3_000
      expect(await store.purge(9)).to.deep.equal({ removed: 0, more: false })
      await store.complete('completed', 'o', outcome())
      await store.release('released', 'o')
      await store.renew('silent', 'o', 0)
      for (const key of ['completed', 'released', 'silent']) {
        expect((await store.read(key, null)).state, key).to.equal('none')
      }
      expect(await store.purge(1)).to.deep.equal({ removed: 1, more: true })
      expect(await store.purge(9)).to.deep.equal({ removed: 1, more: false })
    })

    it('a principal that stands for everybody has no quota', async () => {
      const store = memoryStore({ maxRecords: 30 })
      for (let index = 0; index < 30; index += 1) {
        expect(await claimState(store, `key-${index}`, { principal: '*' })).to.equal('claimed')
      }
      expect(await claimState(store, 'one more', { principal: '*' })).to.equal('full')
    })
  })

  describe('bodies', () => {
    it('the longest unread go first; their records stay, without a body', async () => {
      const store = memoryStore({ maxBodyBytes: 3_000 })
      const body = outcome('x'.repeat(1_000))
      for (const key of ['a', 'b', 'c']) await spend(store, key, {}, body)
      await store.read('a', null)
      await spend(store, 'd', {}, body)
      const kept = await Promise.all(['a', 'b', 'c', 'd'].map(key => hasBody(store, key)))
      expect(kept).to.deep.equal([true, false, true, true])
      expect(await claimState(store, 'b'), 'it is spent all the same').to.equal('spent')
      expect(await store.read('b', null)).to.have.nested.property('outcome.head', body.head)
    })

    it('one that is larger than all of the room is not kept', async () => {
      const store = memoryStore({ maxBodyBytes: 100 })
      await spend(store, 'large', {}, outcome('x'.repeat(101)))
      await spend(store, 'fits', {}, outcome('x'.repeat(100)))
      expect([await hasBody(store, 'large'), await hasBody(store, 'fits')]).to.deep.equal([
        false,
        true,
      ])
    })

    it('many small ones share segments, and each comes back as it was', async () => {
      const store = memoryStore()
      for (let index = 0; index < 2_000; index += 1) {
        await spend(store, `key-${index}`, {}, outcome(`${index}`.repeat(1 + (index % 50))))
      }
      for (let index = 0; index < 2_000; index += 1) {
        const reply = await store.read(`key-${index}`, null)
        if (reply.state !== 'spent') throw new Error(`key-${index} is ${reply.state}`)
        const text = Buffer.from(reply.outcome.body ?? []).toString()
        expect(text).to.equal(`${index}`.repeat(1 + (index % 50)))
      }
    })

    it('a new one is kept also after the segment that was being filled has gone', async () => {
      const store = memoryStore({ maxBodyBytes: 64_000 })
      await spend(store, 'small', {}, outcome('x'.repeat(100)))
      for (let index = 0; index < 64; index += 1) {
        await spend(store, `large-${index}`, {}, outcome('x'.repeat(1_000)))
      }
      expect(await hasBody(store, 'small'), 'the longest unread').to.equal(false)
      await spend(store, 'new', {}, outcome('new'))
      expect(await hasBody(store, 'new')).to.equal(true)
    })

    it('one that goes takes none of its segment along', async () => {
      const store = memoryStore()
      await spend(store, 'one', {}, outcome('one'))
      await spend(store, 'two', {}, outcome('two'))
      await store.attachBody('one', 'x', { head: '[]', body: null })
      expect([await hasBody(store, 'one'), await hasBody(store, 'two')]).to.deep.equal([
        false,
        true,
      ])
    })

    it('they stay bounded when records come and go', async () => {
      let nowMs = 1_000
      const store = memoryStore({ maxRecords: 10, maxBodyBytes: 200_000, now: () => nowMs })
      for (let index = 0; index < 500; index += 1) {
        await spend(
          store,
          `key-${index}`,
          { keepUntilMs: nowMs + 1, principal: '*' },
          outcome('x'.repeat(9_000)),
        )
        nowMs += 1
        expect(await hasBody(store, `key-${index}`), `the newest, ${index}`).to.equal(true)
      }
    })
  })

  it('needs at most 450 bytes for a spent record with an answer of 150 bytes', async () => {
    const records = 60_000
    const store = memoryStore()
    const digest = (index: number) => Buffer.from(`${index}`.padStart(16)).toString('base64url')
    const before = memoryInUse()
    for (let index = 0; index < records; index += 1) {
      const owner = `owner-${index}`.padEnd(21, '-')
      const fingerprint = digest(index).repeat(2)
      const who = { owner, fingerprint, principal: digest(index % 500) }
      const head =
        `[201,[["content-type","application/json; charset=utf-8"],` +
        `["location","/orders/${index}"]],"k"]`
      await store.claim(`order\n${digest(index)}`, makeClaim(Date.now(), who))
      await store.complete(`order\n${digest(index)}`, owner, { head, body: Buffer.alloc(150, 'x') })
    }
    const bytes = (memoryInUse() - before) / records
    expect(bytes).to.be.within(200, 450)
    expect((await store.read(`order\n${digest(7)}`, null)).state).to.equal('spent')
  })
})

describe('the heap of what may go', () => {
  it('gives entries in their order', () => {
    const heap = new ExpiryHeap<{ keepUntilMs: number; gone: boolean }>()
    const times = Array.from({ length: 500 }, (_, index) => (index * 7_919) % 1_009)
    for (const keepUntilMs of times) heap.push({ keepUntilMs, gone: false })
    const order: number[] = []
    for (let entry = heap.peek(); entry !== undefined; entry = heap.peek()) {
      order.push(entry.keepUntilMs)
      heap.pop()
    }
    expect(order).to.deep.equal(times.sort((one, other) => one - other))
  })

  it('gives entries in their order, with dead ones in between', () => {
    const heap = new ExpiryHeap<{ keepUntilMs: number; gone: boolean }>()
    const entries = Array.from({ length: 1_000 }, (_, index) => {
      return { keepUntilMs: (index * 7_919) % 1_009, gone: false }
    })
    for (const entry of entries) heap.push(entry)
    for (const entry of entries.filter((_, index) => index % 3 !== 0)) {
      entry.gone = true
      heap.noteGone()
    }
    expect(heap.size, 'the dead are at most as many as the living').to.be.at.most(2 * 334 + 64)
    const order: number[] = []
    for (let entry = heap.peek(); entry !== undefined; entry = heap.peek()) {
      order.push(entry.keepUntilMs)
      heap.pop()
    }
    const living = entries.filter(entry => !entry.gone).map(entry => entry.keepUntilMs)
    expect(order).to.deep.equal(living.sort((one, other) => one - other))
  })
})

async function spend(
  store: Store,
  key: string,
  wishes: Parameters<typeof claimState>[2] = {},
  what = outcome(),
): Promise<void> {
  expect(await claimState(store, key, { owner: 'x', ...wishes }), key).to.equal('claimed')
  expect((await store.complete(key, 'x', what)).state).to.equal('ok')
}

async function hasBody(store: Store, key: string): Promise<boolean> {
  const reply = await store.read(key, null)
  return reply.state === 'spent' && reply.outcome.body !== null
}

function memoryInUse(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
