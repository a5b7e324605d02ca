import { inspect } from 'node:util'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { redisStore } from 'post-once-exactly/stores/redis'
import { Deadlines } from '../../lib/engine/deadlines.js'
import type { PoeEvent } from '../../lib/engine/ports.js'
import type { Store, StoredSecret } from '../../lib/engine/store.js'
import { StoreGuard } from '../../lib/engine/store-guard.js'
import { StoreSecrets } from '../../lib/engine/store-secrets.js'
import { makeSecret, secretFromText } from '../../lib/protocols/poe/index.js'
import { type FakeClock, fakeClock } from '../../lib/testing/fake-clock.js'
import { faultyStore, gate, only, pass, refuse, settle } from '../support/engine-bench.js'
import { describeWith } from '../support/servers/programs.js'
import { sharedRedis } from '../support/servers/redis-server.js'

interface Setting {
  readonly clock?: FakeClock
  readonly real?: Store<unknown>
  readonly secrets?: readonly string[]
}

function setUp({ clock = fakeClock(), real = memoryStore(), secrets }: Setting = {}) {
  const faulty = faultyStore(real)
  const events: PoeEvent[] = []
  const emit = (event: PoeEvent) => events.push(event)
  const { store } = faulty
  const deadlines = new Deadlines(clock)
  const guard = new StoreGuard({
    clock,
    deadlines,
    emit,
    timeoutMs: 900,
    probe: () => store.epoch(),
  })
  const storeSecrets = new StoreSecrets({ store, guard, clock, emit, secrets })
  return { clock, real, faulty, guard, storeSecrets, events }
}

async function epochOf(store: Store<unknown>): Promise<string> {
  return (await store.epoch()).epochs[0] ?? ''
}

describe('the secrets of a store', () => {
  it('knows nothing before the first reading, and the store says it all', async () => {
    const { real, storeSecrets, faulty } = setUp()
    expect([storeSecrets.ready, storeSecrets.signing, storeSecrets.epochOf('k')]).to.deep.equal([
      false,
      null,
      null,
    ])
    await storeSecrets.prepare()
    expect(storeSecrets.ready).to.equal(true)
    expect(storeSecrets.epochOf('k')).to.equal(await epochOf(real))
    const [kept] = await real.secrets([])
    expect(storeSecrets.signing?.id).to.equal(kept?.id)
    await storeSecrets.prepare()
    expect(faulty.calls).to.deep.equal(['secrets', 'epoch'])
  })

  it('many requests share the first reading', async () => {
    const { storeSecrets, faulty } = setUp()
    await Promise.all([storeSecrets.prepare(), storeSecrets.prepare(), storeSecrets.find('AAAA')])
    expect(faulty.calls).to.deep.equal(['secrets', 'epoch'])
  })

  it('two processes that start together use the same secret', async () => {
    const first = setUp()
    const second = setUp({ real: first.real })
    await Promise.all([first.storeSecrets.prepare(), second.storeSecrets.prepare()])
    expect(first.storeSecrets.signing?.id).to.equal(second.storeSecrets.signing?.id)
  })

  it("the application's own secrets are used, and never given to the store", async () => {
    const texts = ['first secret of more than 32 bytes!', 'second secret of more than 32 bytes']
    const { clock, storeSecrets, faulty } = setUp({ secrets: texts })
    await storeSecrets.prepare()
    await clock.advance(1_000)
    const [first, second] = texts.map(text => secretFromText(text).id)
    expect(storeSecrets.signing?.id).to.equal(first)
    expect(await storeSecrets.find(second ?? '')).to.have.property('id', second)
    expect(await storeSecrets.find('AAAA')).to.equal(null)
    expect(faulty.calls).to.deep.equal(['epoch'])
  })

  it('own secrets are enough to judge by, before the store has answered', async () => {
    const text = 'a secret that is longer than 32 bytes'
    const { storeSecrets, faulty } = setUp({ secrets: [text] })
    faulty.fault = refuse
    expect(await storeSecrets.find(secretFromText(text).id)).to.have.property('id')
    expect(storeSecrets.ready).to.equal(false)
  })

  it('bad own secrets are refused at once', () => {
    expect(() => setUp({ secrets: ['too short'] })).to.throw(RangeError)
    expect(() => setUp({ secrets: [] })).to.throw(RangeError)
  })

  it('[FALSE-4562] servers that get another secret in turn, by the guide, verify all', async () => {
    const [older, newer] = ['1', '2'].map(letter => letter.repeat(43)) as [string, string]
    const strangers = async (...lists: readonly (readonly string[])[]): Promise<number> => {
      const servers = lists.map(secrets => setUp({ secrets }).storeSecrets)
      const signed = servers.map(({ signing }) => signing?.id ?? '')
      const found = servers.flatMap(server => signed.map(id => server.find(id)))
      return (await Promise.all(found)).filter(secret => secret === null).length
    }
    expect(await strangers([older], [older, newer])).to.equal(0)
    expect(await strangers([older, newer], [newer, older])).to.equal(0)
    expect(await strangers([older], [newer, older]), 'in one go').to.equal(1)
  })

  it('with an unknown secret, reads again at most once a second', async () => {
    const { clock, storeSecrets, faulty } = setUp()
    await storeSecrets.prepare()
    faulty.calls.length = 0
    expect(await storeSecrets.find('AAAA')).to.equal(null)
    await clock.advance(999)
    expect(await storeSecrets.find('AAAA')).to.equal(null)
    expect(faulty.calls).to.deep.equal([])
    await clock.advance(1)
    expect(await storeSecrets.find('AAAA')).to.equal(null)
    expect(await storeSecrets.find('BBBB')).to.equal(null)
    expect(faulty.calls).to.deep.equal(['secrets', 'epoch'])
  })

  it('finds a secret that another process has put there meanwhile', async () => {
    const { clock, storeSecrets, faulty } = setUp()
    await storeSecrets.prepare()
    const replaced = memoryStore()
    const other = makeSecret()
    await replaced.secrets([other])
    faulty.fault = only(['secrets'], () => replaced.secrets([]))
    await clock.advance(1_000)
    expect(await storeSecrets.find(other.id)).to.have.property('id', other.id)
  })

  it('[FALSE-4553] cannot tell of a secret while the store cannot be read', async () => {
    const { clock, storeSecrets, faulty } = setUp()
    await storeSecrets.prepare()
    await clock.advance(1_000)
    faulty.fault = refuse
    expect(await storeSecrets.find('AAAA')).to.equal('unknown')
    expect(await storeSecrets.find('AAAA'), 'without asking again').to.equal('unknown')
    faulty.fault = pass
    await clock.advance(1_000)
    expect(await storeSecrets.find('AAAA')).to.equal(null)
  })

  it('says that nothing is known while the store has never answered', async () => {
    const { clock, storeSecrets, faulty, guard } = setUp()
    faulty.fault = refuse
    await storeSecrets.prepare()
    expect([storeSecrets.ready, guard.down]).to.deep.equal([false, true])
    expect(await storeSecrets.find('AAAA')).to.equal('unknown')
    expect(faulty.calls).to.deep.equal(['secrets'])
    await clock.advance(200)
    expect(await storeSecrets.find('AAAA')).to.equal('unknown')
    expect(faulty.calls).to.deep.equal(['secrets', 'secrets'])
    faulty.fault = pass
    await clock.advance(200)
    await storeSecrets.prepare()
    expect(storeSecrets.ready).to.equal(true)
  })

  it('a store without any secret to give leaves it unready', async () => {
    const { storeSecrets, faulty } = setUp()
    faulty.fault = only(['secrets'], async () => [])
    await storeSecrets.prepare()
    expect(storeSecrets.ready).to.equal(false)
  })
})

describe("the secrets of a store and a memory that is not the store's any more", () => {
  it('a wrong epoch that is ours: nothing is minted until everything was read again', async () => {
    const { clock, real, storeSecrets, events, faulty } = setUp()
    await storeSecrets.prepare()
    const before = await epochOf(real)
    await real.rotateEpoch()
    faulty.fault = refuse
    await storeSecrets.meetWrongEpoch('k', before)
    expect([storeSecrets.ready, storeSecrets.epochOf('k')]).to.deep.equal([false, null])
    await storeSecrets.meetWrongEpoch('k', before)
    faulty.fault = pass
    await clock.advance(250)
    await storeSecrets.prepare()
    expect(storeSecrets.epochOf('k'))
      .to.equal(await epochOf(real))
      .and.not.equal(before)
    const changes = events.filter(event => event.type === 'epoch-changed')
    expect(changes).to.have.lengthOf(1)
  })

  it('[FALSE-4567] that came back is read again before the next link is minted', async () => {
    const { clock, real, faulty, guard, storeSecrets } = setUp()
    await storeSecrets.prepare()
    faulty.fault = refuse
    await guard.call(() => faulty.store.epoch()).catch(() => {})
    await real.rotateEpoch()
    faulty.fault = pass
    await clock.advance(250)
    await settle()
    expect(guard.down).to.equal(false)
    expect(storeSecrets.ready).to.equal(false)
    await storeSecrets.prepare()
    expect(storeSecrets.ready).to.equal(true)
    expect(storeSecrets.epochOf('k')).to.equal(await epochOf(real))
  })

  it('a wrong epoch that is not ours is an old link, and no reason to read', async () => {
    const { storeSecrets, events, faulty } = setUp()
    await storeSecrets.prepare()
    faulty.calls.length = 0
    await storeSecrets.meetWrongEpoch('k', 'long-ago')
    expect([faulty.calls, events, storeSecrets.ready]).to.deep.equal([[], [], true])
  })

  it('puts its secrets back where they were lost, before it mints again', async () => {
    const { storeSecrets, faulty, real } = setUp()
    await storeSecrets.prepare()
    const emptied = memoryStore()
    const before = await epochOf(real)
    const signing = storeSecrets.signing?.id
    faulty.fault = call => {
      const method = Reflect.get(emptied, call.method)
      return method.apply(emptied, call.args)
    }
    await storeSecrets.meetWrongEpoch('k', before)
    const [kept] = await emptied.secrets([])
    expect([kept?.id, storeSecrets.signing?.id]).to.deep.equal([signing, signing])
    expect(storeSecrets.epochOf('k')).to.equal(await epochOf(emptied))
  })

  it('a reading that began before the change is not taken for one after it', async () => {
    const { clock, storeSecrets, faulty, real } = setUp()
    await storeSecrets.prepare()
    const before = await epochOf(real)
    const reply = gate<unknown>()
    faulty.fault = only(['epoch'], () => reply.promise)
    await clock.advance(1_000)
    const finding = storeSecrets.find('AAAA')
    await settle()
    const old = await real.epoch()
    await real.rotateEpoch()
    const met = storeSecrets.meetWrongEpoch('k', before)
    faulty.fault = pass
    reply.open(old)
    await Promise.all([finding, met])
    expect(storeSecrets.epochOf('k'))
      .to.equal(await epochOf(real))
      .and.not.equal(before)
  })

  it('gives a second key in the same memory, always the same one', async () => {
    const { storeSecrets, faulty } = setUp()
    expect(storeSecrets.keyBeside('a:1', 'undo'), 'before the store has answered').to.equal(null)
    await storeSecrets.prepare()
    expect(storeSecrets.keyBeside('a:1', 'undo')).to.equal('a:1:undo0')
    const epochs = ['e0', 'e1', 'e2', 'e3']
    faulty.fault = only(['epoch'], async () => ({ nowMs: Date.now(), epochs }))
    await storeSecrets.meetWrongEpoch('a:1', storeSecrets.epochOf('a:1') ?? '')
    for (let index = 0; index < 32; index += 1) {
      const beside = storeSecrets.keyBeside(`a:${index}`, 'undo') ?? ''
      expect(storeSecrets.epochOf(beside)).to.equal(storeSecrets.epochOf(`a:${index}`))
    }
  })

  it('[STORE-01] names the bucket that a key belongs to', async () => {
    const { storeSecrets, faulty } = setUp()
    const epochs = ['e0', 'e1', 'e2', 'e3']
    faulty.fault = only(['epoch'], async () => ({ nowMs: Date.now(), epochs }))
    await storeSecrets.prepare()
    const named = new Set(
      Array.from({ length: 64 }, (_, index) => storeSecrets.epochOf(`k${index}`)),
    )
    expect([...named].sort()).to.deep.equal(epochs)
    faulty.fault = only(['epoch'], async () => ({ nowMs: Date.now(), epochs: [] }))
    await storeSecrets.meetWrongEpoch('k', storeSecrets.epochOf('k') ?? '')
    expect(storeSecrets.epochOf('k')).to.equal(null)
  })
})

/** The one event so far quotes nothing of what was found. */
function expectTold([event, ...others]: readonly PoeEvent[], hidden: string): void {
  expect(event).to.have.property('type', 'secrets-unreadable')
  expect(event).to.have.nested.property('cause.code', 'ERR_POE_SECRETS')
  expect(inspect(event, { depth: null })).to.not.contain(hidden)
  expect(others).to.deep.equal([])
}

describe('secrets of a store that cannot be read', () => {
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
      const { real, storeSecrets, events } = setUp()
      await real.secrets(secrets)
      await storeSecrets.prepare()
      await storeSecrets.prepare()
      expect([storeSecrets.ready, storeSecrets.signing]).to.deep.equal([false, null])
      expectTold(events, good.key.slice(0, 20))
    })
  }

  it('are told of again only where they could be read meanwhile', async () => {
    const { clock, storeSecrets, faulty, events } = setUp()
    const counts: number[] = []
    for (const kept of [[], [], [good], []]) {
      faulty.fault = only(['secrets'], async () => kept)
      await storeSecrets.find('AAAA')
      counts.push(events.length)
      await clock.advance(1_000)
    }
    expect(counts).to.deep.equal([1, 1, 1, 2])
  })

  describeWith(['redis-server'], 'in Redis', () => {
    it('[FALSE-1708] half of a secret is an event, and is quoted nowhere', async () => {
      const { url } = await sharedRedis()
      const client = new Redis(url)
      const prefix = `unreadable${process.pid}`
      const half = `[{"id":"abcd","key":"${makeSecret().key.slice(0, 30)}`
      await client.set(`${prefix}:secrets`, half)
      const { storeSecrets, events } = setUp({
        real: redisStore({ client, prefix }) as Store<unknown>,
      })
      await storeSecrets.prepare()
      await client.del(`${prefix}:secrets`)
      client.disconnect()
      expectTold(events, half.slice(-20))
    })
  })
})
