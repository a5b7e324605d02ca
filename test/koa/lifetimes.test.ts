/** Cases of the kind EXPIRE: lifetimes, capacity, clocks. */
import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Store } from '../../lib/engine/store.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { expectBusy, expectProblem, expectSpent } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import { makeSite, type Site } from '../support/server-process.js'
import { emptyServerStore } from '../support/server-stores.js'
import { INSTALLED_STORES } from '../support/stores.js'
import { LOCAL_STORES, startWorld, type World } from '../support/world.js'

const MEMORY = { store: 'memory', koa: 3, at: 'root' } as const
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

describe('lifetimes', () => {
  let world: World
  afterEach(() => world.close())

  for (const kind of LOCAL_STORES) {
    it(`[FALSE-4671] no link of a machine that has slept is too old (${kind.store})`, async () => {
      const { now } = Date
      let sleptMs = 0
      Date.now = () => now.call(Date) + sleptMs
      try {
        world = await startWorld(kind, { now: () => Date.now() })
        await world.link()
        sleptMs = DAY_MS
        const [one, other] = await Promise.all([world.link(), world.link()])
        expect((await world.send('POST', one)).status).to.equal(201)
        expect((await world.send('POST', one)).status).to.equal(405)
        expect((await world.send('POST', other)).status).to.equal(201)
      } finally {
        Date.now = now
      }
    })
  }

  it('[EXP-01] at its capacity the store refuses, and forgets nothing', async () => {
    const door = latch()
    const store = memoryStore({ maxRecords: 100, maxPerPrincipal: 100 }) as Store<unknown>
    world = await startWorld(MEMORY, {
      wrapStore: () => store,
      resource: { waitMs: 0 },
      handler: async (ctx, here) => {
        here.effects.push(ctx.poe.key)
        if (ctx.get('X-Slow') !== '') await door.opened
        ctx.body = 'done'
      },
    })
    const slow = await world.link()
    const running = world.send('POST', slow, { headers: { 'X-Slow': '1' } })
    await until(() => world.runs === 1, 'the slow one runs')
    const answers: number[] = []
    for (let order = 0; order < 110; order += 1) {
      answers.push((await world.send('POST', await world.link())).status)
    }
    expect(answers.filter(status => status === 200)).to.have.length(99)
    expect(answers.filter(status => status === 503)).to.have.length(11)
    expectBusy(await world.send('POST', slow))
    door.open()
    expect((await running).status).to.equal(200)
    await expectSpent(await world.send('POST', slow), slow, slow)
    expect(world.effects).to.have.length(100)
    expect(world.effects.filter(key => key === world.effects[0])).to.have.length(1)
  })

  it('[EXP-01] one principal cannot fill it for the others', async () => {
    const store = memoryStore({ maxRecords: 100, maxPerPrincipal: 5 }) as Store<unknown>
    world = await startWorld(MEMORY, { wrapStore: () => store })
    const order = async (user: string) => {
      const headers = { 'X-User': user }
      const link = await world.link({ headers })
      return (await world.send('POST', link, { json: {}, headers })).status
    }
    for (let time = 0; time < 5; time += 1) expect(await order('ann')).to.equal(201)
    expect(await order('ann')).to.equal(503)
    expect(await order('ben')).to.equal(201)
  })

  it('[EXP-03] processes 90 s ahead and behind agree by the clock of the store', async () => {
    const real = fakeClock()
    const store = memoryStore({ now: real.now }) as Store<unknown>
    const door = latch()
    const skewed = (ms: number) => ({ now: () => real.now() + ms, sleep: real.sleep })
    const shared = {
      wrapStore: () => store,
      resource: { waitMs: 0, lifetimeMs: 60_000 },
    }
    const secrets = ['a secret that both processes know, 32 bytes']
    const ahead = await startWorld(MEMORY, {
      ...shared,
      poe: { leaseMs: 10_000, clock: skewed(90_000), secrets },
      handler: async ctx => {
        await door.opened
        ctx.body = 'done'
      },
    })
    world = await startWorld(MEMORY, {
      ...shared,
      poe: { leaseMs: 10_000, clock: skewed(-90_000), secrets },
    })
    try {
      const link = await ahead.link()
      const running = ahead.send('POST', link)
      await until(() => ahead.runs === 1, 'the first runs')
      const twin = await world.send('POST', link)
      expectBusy(twin)
      expect(Number(twin.headers.get('Retry-After'))).to.be.within(1, 10)
      door.open()
      expect((await running).status).to.equal(200)
      const fresh = await ahead.link()
      await real.advance(30_000)
      expect((await world.send('POST', fresh)).status, 'in the middle of its life').to.equal(201)
      const old = await ahead.link()
      await real.advance(60_001)
      await expectProblem(await world.send('POST', old), 410, 'expired')
    } finally {
      await ahead.close()
    }
  })

  const shared = ['sqlite', 'postgres', 'redis'] as const
  for (const kind of shared) {
    if (!INSTALLED_STORES.includes(kind)) continue
    it(`[EXP-03] two processes, minutes apart, on one ${kind} store`, async () => {
      await orderMinutesApart(
        makeSite(kind === 'sqlite' ? undefined : await emptyServerStore(kind)),
      )
    })
  }

  async function orderMinutesApart(site: Site): Promise<void> {
    try {
      const shared = { leaseMs: 10_000, waitMs: 0, lifetimeMs: 60_000 }
      const [ahead, behind] = await Promise.all([
        site.serve({ ...shared, clockAheadMs: 90_000 }),
        site.serve({ ...shared, clockAheadMs: -90_000 }),
      ])
      const links = [await ahead.link(), await behind.link()]
      for (const [at, link] of links.entries()) {
        const [one, other] = at === 0 ? [ahead, behind] : [behind, ahead]
        const running = one.send('POST', link, { 'X-Until': `twin-${at}` })
        await until(async () => (await one.send('GET', link)).status === 409, 'it runs')
        const twin = await other.send('POST', link)
        site.letGo(`twin-${at}`)
        expectBusy(twin)
        expect(Number(twin.headers.get('Retry-After'))).to.be.within(1, 10)
        expect((await running).status, 'minted by one, accepted by it').to.equal(201)
        expect((await other.send('POST', link)).status).to.equal(405)
        const fresh = await one.link()
        expect((await other.send('POST', fresh)).status, 'accepted by the other').to.equal(201)
      }
      expect(site.effects()).to.have.length(4)
    } finally {
      await site.close()
    }
  }

  for (const kind of LOCAL_STORES) {
    it(`[EXP-05, POE-2-18, H-410-1] ${kind.store}: spent past its life, never run`, async () => {
      const clock = fakeClock()
      world = await startWorld(kind, {
        now: clock.now,
        poe: { clock },
        resource: { createForm: '/page' },
      })
      const link = await world.link()
      const unused = await world.link()
      await clock.advance(HOUR_MS - 1_000)
      expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
      await clock.advance(2_000)
      await expectSpent(await world.send('POST', link, { json: {} }), '/orders/1', link)
      const expired = await world.send('POST', unused, { json: {} })
      expect(expired.headers.get('Link')).to.equal('</page>; rel="create-form"')
      await expectProblem(expired, 410, 'expired')
      await clock.advance(DAY_MS)
      for (const each of [link, unused]) {
        await expectProblem(await world.send('POST', each, { json: {} }), 410, 'forgotten')
        await expectProblem(await world.send('GET', each), 410, 'forgotten')
      }
      expect(world.runs).to.equal(1)
    })
  }

  it('[POE-A-2] a store that was emptied under a running process runs nothing again', async () => {
    let store = memoryStore() as Store<unknown>
    const current = new Proxy({} as Store<unknown>, {
      get: (_target, name) => {
        const value: unknown = Reflect.get(store, name, store)
        return typeof value === 'function' ? value.bind(store) : value
      },
    })
    world = await startWorld(MEMORY, { wrapStore: () => current })
    const spent = await world.link()
    const unused = await world.link()
    expect((await world.send('POST', spent, { json: {} })).status).to.equal(201)
    store = memoryStore() as Store<unknown>
    for (const link of [spent, unused]) {
      await expectProblem(await world.send('POST', link, { json: {} }), 410, 'forgotten')
    }
    expect((await world.send('POST', await world.link(), { json: {} })).status).to.equal(201)
    expect(world.runs).to.equal(2)
  })
})
