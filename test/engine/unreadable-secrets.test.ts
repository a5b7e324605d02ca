/** Secrets that the store keeps and nobody can read: it is said, once, and nothing is quoted. */

import { expect } from 'chai'
import { Redis } from 'ioredis'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { redisStore } from 'post-once-exactly/stores/redis'
import { Alarms } from '../../lib/engine/alarms.js'
import type { PoeEvent } from '../../lib/engine/ports.js'
import type { Store, StoredSecret } from '../../lib/engine/store.js'
import { StoreGuard } from '../../lib/engine/store-guard.js'
import { Vault } from '../../lib/engine/vault.js'
import { makeSecret } from '../../lib/protocols/poe/index.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { faultyStore, only } from '../support/engine-bench.js'
import { describeWith } from '../support/servers/programs.js'
import { sharedRedis } from '../support/servers/redis-server.js'

function setUp(store: Store<unknown>) {
  const clock = fakeClock()
  const events: PoeEvent[] = []
  const emit = (event: PoeEvent) => events.push(event)
  const alarms = new Alarms(clock)
  const guard = new StoreGuard({ clock, alarms, emit, timeoutMs: 900, probe: () => store.epoch() })
  const vault = new Vault({ store, guard, clock, emit, secrets: undefined })
  return { clock, vault, events }
}

/** Every text of an error and its causes. */
function textsOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${textsOf(error.cause)}` : String(error ?? '')
}

function expectTold(events: readonly PoeEvent[], hidden: string): void {
  const told = events.filter(event => event.type === 'secrets-unreadable')
  expect(told).to.have.lengthOf(1)
  const [event] = told
  expect(event).to.have.nested.property('cause.code', 'ERR_POE_SECRETS')
  expect(textsOf(event !== undefined && 'cause' in event && event.cause)).to.not.contain(hidden)
  expect(events.map(({ type }) => type)).to.not.include('store-down')
}

describe('secrets that cannot be read', () => {
  const good = makeSecret()
  const unreadable: readonly (readonly StoredSecret[])[] = [
    [{ id: 'x', key: good.key }],
    [{ id: good.id, key: good.key.slice(0, 20) }],
    [good, good],
    [{ id: good.id } as StoredSecret],
  ]
  for (const secrets of unreadable) {
    const { length } = JSON.stringify(secrets)
    it(`[FALSE-1702] ${length} characters of nonsense are an event`, async () => {
      const store = memoryStore() as Store<unknown>
      await store.secrets(secrets)
      const { vault, events } = setUp(store)
      await vault.prepare()
      await vault.prepare()
      expect([vault.ready, vault.signing]).to.deep.equal([false, null])
      expectTold(events, good.key.slice(0, 20))
    })
  }

  it('are told of again only where they could be read meanwhile', async () => {
    const faulty = faultyStore(memoryStore())
    const { clock, vault, events } = setUp(faulty.store)
    const counts: number[] = []
    for (const kept of [[], [], [good], []]) {
      faulty.fault = only(['secrets'], async () => kept)
      await vault.find('AAAA')
      counts.push(events.length)
      await clock.advance(1_000)
    }
    expect(counts).to.deep.equal([1, 1, 1, 2])
  })
})

describeWith(['redis-server'], 'secrets in Redis that cannot be read', () => {
  it('[FALSE-1708] half of a secret is an event, and is quoted nowhere', async () => {
    const { url } = await sharedRedis()
    const client = new Redis(url)
    const prefix = `unreadable${process.pid}`
    const half = `[{"id":"abcd","key":"${makeSecret().key.slice(0, 30)}`
    await client.set(`${prefix}:secrets`, half)
    const { vault, events } = setUp(redisStore({ client, prefix }) as Store<unknown>)
    await vault.prepare()
    expectTold(events, half.slice(-20))
    await client.del(`${prefix}:secrets`)
    client.disconnect()
  })
})
