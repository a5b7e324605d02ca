/**
 * POE resources that the application names itself, as the draft's own example does.
 *
 * @see POE draft 2, 5 (`/accounts/bob/orders/12345`)
 */
import { expect } from 'chai'
import type { Context } from 'koa'
import type { AppKey } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Store } from '../../lib/engine/store.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { expectProblem, expectSpent } from '../support/answers.js'
import { startWorld, type World } from '../support/world.js'

const SQLITE = { store: 'sqlite', koa: 3, at: 'root' } as const
const MEMORY = { store: 'memory', koa: 3, at: 'root' } as const
const PATH = '/accounts/bob/orders/12345'

describe('a POE resource that the application names', () => {
  let world: World
  afterEach(() => world.close())

  const resource = (key: (order: string) => AppKey) => ({
    path: '/accounts/:account/orders/:order',
    key: (ctx: Context) => key(ctx.params.order),
  })

  it('[POE-2-1, POE-5-7] is spent once and for all, without any token', async () => {
    world = await startWorld(SQLITE, { resource: resource(order => order) })
    expect((await world.send('GET', PATH)).headers.get('Allow')).to.equal('POST, OPTIONS')
    expect((await world.send('POST', PATH, { json: {} })).status).to.equal(201)
    await expectSpent(await world.send('POST', PATH, { json: {} }), '/orders/1', PATH)
    expect(await (await world.send('GET', PATH)).json()).to.deep.equal({ id: 1 })
    expect(await world.store.purge(1_000)).to.deep.equal({ removed: 0, more: false })
    expect((await world.send('POST', '/accounts/bob/orders/6', { json: {} })).status).to.equal(201)
    expect(world.effects).to.have.length(2)
  })

  it('[POE-8-5] what one has sent nobody else can see or send', async () => {
    world = await startWorld(SQLITE, { resource: resource(order => order) })
    const [ann, ben] = [{ 'X-User': 'ann' }, { 'X-User': 'ben' }]
    expect((await world.send('POST', PATH, { json: {}, headers: ann })).status).to.equal(201)
    for (const method of ['POST', 'GET']) {
      const refused = await world.send(method, PATH, { headers: ben })
      await expectProblem(refused, 404, 'unverifiable')
    }
    expect((await world.send('GET', PATH, { headers: ann })).status).to.equal(200)
  })

  it('is advertised like any other', async () => {
    world = await startWorld(SQLITE, {
      resource: resource(order => order),
      extend: (_app, router) => {
        router.get('/accounts', ctx => {
          ctx.body = ctx.poe.mint('order', { account: 'bob', order: 12_345 })
        })
      },
    })
    const page = await world.send('GET', '/accounts')
    expect(await page.json()).to.deep.equal({ link: PATH, expiresAtMs: null })
    expect(page.headers.get('POE-Links')).to.equal(`"${PATH}"`)
  })

  it('[POE-2-18] ends where the application says', async () => {
    const clock = fakeClock()
    const expiresAt = new Date(clock.now() + 60_000)
    world = await startWorld(MEMORY, {
      wrapStore: () => memoryStore({ now: clock.now }) as Store<unknown>,
      poe: { clock },
      resource: { ...resource(key => ({ key, expiresAt })), dangerouslyNotDurable: true },
    })
    expect((await world.send('POST', PATH, { json: {} })).status).to.equal(201)
    await clock.advance(60_001)
    expect((await world.send('POST', PATH, { json: {} })).status).to.equal(405)
    const other = '/accounts/bob/orders/6'
    await expectProblem(await world.send('POST', other, { json: {} }), 410, 'expired')
  })

  it('[EXP-606] is forgotten, and not unused, once its record is gone', async () => {
    const clock = fakeClock()
    const expiresAt = new Date(clock.now() + 60_000)
    world = await startWorld(MEMORY, {
      wrapStore: () => memoryStore({ now: clock.now }) as Store<unknown>,
      poe: { clock, horizonMs: 60_000 },
      resource: { ...resource(key => ({ key, expiresAt })), dangerouslyNotDurable: true },
    })
    expect((await world.send('POST', PATH, { json: {} })).status).to.equal(201)
    await clock.advance(120_001)
    for (const method of ['POST', 'GET']) {
      await expectProblem(await world.send(method, PATH), 410, 'forgotten')
    }
    expect(world.runs).to.equal(1)
  })

  it('[HTTP-05] keys that no store should see are 404', async () => {
    world = await startWorld(SQLITE, {
      resource: resource(order => (order === 'none' ? null : decodeURIComponent(order))),
    })
    for (const order of ['none', 'a%00b', '%0A', 'x'.repeat(513), '%ED%A0%80', '%']) {
      const answer = await world.send('POST', `/accounts/bob/orders/${order}`, { json: {} })
      expect(answer.status, order.slice(0, 20)).to.be.oneOf([404, 500])
      expect(world.runs, order.slice(0, 20)).to.equal(0)
    }
  })

  it('a key that is no key is a mistake of the app', async () => {
    world = await startWorld(SQLITE, {
      resource: resource(order =>
        order === '1' ? (7 as unknown as string) : { key: 'k', expiresAt: new Date(Number.NaN) },
      ),
    })
    for (const order of ['1', '2']) {
      const answer = await world.send('POST', `/accounts/bob/orders/${order}`, { json: {} })
      expect(answer.status).to.equal(500)
    }
    expect(world.runs).to.equal(0)
  })
})
