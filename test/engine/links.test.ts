import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { Deadlines } from '../../lib/engine/deadlines.js'
import { judge, mint } from '../../lib/engine/links.js'
import { bucketOf, type Store } from '../../lib/engine/store.js'
import { StoreGuard } from '../../lib/engine/store-guard.js'
import { StoreSecrets } from '../../lib/engine/store-secrets.js'
import { isTokenShaped, recordKey } from '../../lib/protocols/poe/index.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { faultyStore, refuse } from '../support/engine-bench.js'

const SCOPE = { route: 'order', params: [['shop', '7']] as const }
const LIFE_MS = 60_000
const HORIZON_MS = 600_000

/** A process with its own clock, which runs ahead of the store's. */
function processOn(given: Store<unknown> | null, startMs: number) {
  const clock = fakeClock(startMs)
  const real = given ?? memoryStore({ now: clock.now })
  const faulty = faultyStore(real)
  const { store } = faulty
  const emit = () => {}
  const deadlines = new Deadlines(clock)
  const guard = new StoreGuard({
    clock,
    deadlines,
    emit,
    timeoutMs: 900,
    probe: () => store.epoch(),
  })
  const secrets = new StoreSecrets({ store, guard, clock, emit, secrets: undefined })
  return {
    clock,
    faulty,
    secrets,
    mint: (principal = 'alice') => mint(secrets, guard, { ...SCOPE, principal }, LIFE_MS),
    judge: async (token: string, principals: readonly string[] = ['alice'], scope = SCOPE) =>
      await judge(secrets, guard, token, scope, principals, HORIZON_MS),
  }
}

async function setUp() {
  const one = processOn(null, 1_000_000)
  await one.secrets.prepare()
  return one
}

async function minted(from: { mint(principal?: string): ReturnType<typeof mint> }, who?: string) {
  const link = from.mint(who)
  if (link === null) throw new Error('no link could be minted')
  return link
}

describe('minting and judging links', () => {
  it('a process that has no secret yet asks for the one that a link names', async () => {
    const store = memoryStore({ now: () => 1_000_000 })
    const host = processOn(store, 1_000_000)
    await host.secrets.prepare()
    const { token } = await minted(host)
    expect(await processOn(store, 1_000_000).judge(token)).to.be.an('object')
  })

  it('a link is genuine where it was minted for, and names one record', async () => {
    const host = await setUp()
    const { token, expiresAtMs } = await minted(host)
    expect(isTokenShaped(token)).to.equal(true)
    expect(expiresAtMs).to.equal(1_000_000 + LIFE_MS)
    const judged = await host.judge(token)
    if (typeof judged === 'string') throw new Error(judged)
    expect(judged).to.deep.include({ principals: ['alice'], expiresAtMs })
    expect(judged.keepUntilMs).to.equal(expiresAtMs + HORIZON_MS)
    expect(judged.epoch).to.equal(host.secrets.epochOf(judged.key))
    expect(judged.key.startsWith(recordKey('order', ''))).to.equal(true)
    expect(bucketOf(judged.key, 1)).to.equal(0)
  })

  it('[POE-A-2] no two links are the same', async () => {
    const host = await setUp()
    const tokens = await Promise.all(Array.from({ length: 2_000 }, () => minted(host)))
    expect(new Set(tokens.map(({ token }) => token)).size).to.equal(2_000)
  })

  it('[BIND-01] nobody else can use it, nor at another route', async () => {
    const host = await setUp()
    const { token } = await minted(host)
    const no = 'unverifiable'
    expect(await host.judge(token, ['mallory'])).to.equal(no)
    expect(await host.judge(token, [])).to.equal(no)
    const elsewhere = { ...SCOPE, route: 'refund' }
    expect(await host.judge(token, ['alice'], elsewhere)).to.equal(no)
    expect(await host.judge('nonsense')).to.equal(no)
    expect(await host.judge(`${token.slice(0, -1)}-`)).to.equal(no)
  })

  it('any of several principals verifies, and it is told which', async () => {
    const host = await setUp()
    const { token } = await minted(host, 'cart-7')
    const judged = await host.judge(token, ['alice', 'cart-7'])
    expect(judged).to.deep.include({ principals: ['cart-7'] })
  })

  it('is genuine until its horizon is past, long after its expiry', async () => {
    const host = await setUp()
    const { token } = await minted(host)
    await host.clock.advance(LIFE_MS + HORIZON_MS)
    expect(await host.judge(token)).to.be.an('object')
    await host.clock.advance(1)
    expect(await host.judge(token)).to.equal('past-horizon')
  })

  it("an unknown secret is nobody's link; with no secret known, that cannot be told", async () => {
    const host = await setUp()
    const { token } = await minted(host)
    const other = await setUp()
    expect(await other.judge(token)).to.equal('unverifiable')
    const starting = processOn(null, 1_000_000)
    starting.faulty.fault = refuse
    expect(await starting.judge(token)).to.equal('store-down')
    expect(starting.mint()).to.equal(null)
  })

  it('[POE-2-23] minting and judging ask the store for nothing, the secret known', async () => {
    const host = await setUp()
    host.faulty.calls.length = 0
    const { token } = await minted(host)
    await host.judge(token)
    await host.judge(token, ['mallory'])
    expect(host.faulty.calls).to.deep.equal([])
  })

  it('[EXP-03] two processes whose clocks differ by three minutes agree on its life', async () => {
    const time = fakeClock(10_000_000)
    const store = memoryStore({ now: time.now }) as Store<unknown>
    const ahead = processOn(store, time.now() + 90_000)
    const behind = processOn(store, time.now() - 90_000)
    const all = [time, ahead.clock, behind.clock]
    await Promise.all([ahead.secrets.prepare(), behind.secrets.prepare()])
    for (const [from, to] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const startMs = time.now()
      const { token, expiresAtMs } = await minted(from)
      expect(expiresAtMs).to.equal(startMs + LIFE_MS)
      for (const clock of all) await clock.advance(30_000)
      expect(await to.judge(token)).to.be.an('object')
      for (const clock of all) await clock.advance(LIFE_MS - 30_000 + HORIZON_MS)
      expect(await to.judge(token)).to.be.an('object')
      for (const clock of all) await clock.advance(1)
      expect(await to.judge(token)).to.equal('past-horizon')
    }
  })
})
