/**
 * Failure cases LOCK, at the POE door: leases, ownership, and claims that nobody gives back.
 */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { expectBusy, expectProblem, expectSpent, expectUnspent } from '../support/answers.js'
import { aroundStore } from '../support/around-store.js'
import { latch, until } from '../support/meeting.js'
import {
  LOCAL_STORES,
  nameOf,
  placeOrder,
  startWorld,
  type World,
  type WorldOptions,
} from '../support/world.js'

const LEASE_MS = 1_000
const JSON_BODY = { json: { sku: 'a' } }

for (const kind of LOCAL_STORES) {
  describe(`a lease, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    /** An application on a fake clock whose handler waits at a door. */
    async function start(options: WorldOptions = {}) {
      const clock = fakeClock()
      const door = latch()
      world = await startWorld(kind, {
        now: clock.now,
        handler: async (ctx, here) => {
          await door.opened
          placeOrder(ctx, here)
        },
        ...options,
        poe: { clock, leaseMs: LEASE_MS, waitMs: 0, ...options.poe },
      })
      return { clock, door, link: await world.link() }
    }

    it('[LOCK-01] is renewed while the handler outlives it: one run, one effect', async () => {
      const { clock, door, link } = await start()
      const a = world.send('POST', link, JSON_BODY)
      await until(() => world.runs === 1, 'A runs')
      // In steps, so that the renewals have real time to reach the store.
      for (let step = 0; step < 30; step += 1) {
        await clock.advance(100)
        await world.store.read('nothing', null)
      }
      const b = await world.send('POST', link, JSON_BODY)
      expectBusy(b)
      await expectProblem(b, 409, 'running')
      door.open()
      expect((await a).status).to.equal(201)
      await expectSpent(await world.send('POST', link, JSON_BODY), '/orders/1', link)
      expect([world.runs, world.effects.length]).to.deep.equal([1, 1])
      expect(world.events.map(({ type }) => type)).to.not.include('lease-lost')
      expect(world.events).to.deep.include({ type: 'spent', key: world.effects[0], late: false })
    })

    it('[LOCK-01] unrenewed: nobody takes over, and the late completion counts', async () => {
      const { clock, door, link } = await start({
        wrapStore: store =>
          aroundStore(store, (method, _key, call) =>
            method === 'renew' ? Promise.reject(new Error('lost')) : call(),
          ),
      })
      const a = world.send('POST', link, JSON_BODY)
      await until(() => world.runs === 1, 'A runs')
      await clock.advance(LEASE_MS + 500)
      const b = await world.send('POST', link, JSON_BODY)
      expectBusy(b)
      await expectProblem(b, 409, 'undecided')
      door.open()
      expect((await a).status).to.equal(201)
      await expectSpent(await world.send('POST', link, JSON_BODY), '/orders/1', link)
      expect([world.runs, world.effects.length]).to.deep.equal([1, 1])
      expect(world.events).to.deep.include({ type: 'spent', key: world.effects[0], late: true })
    })

    it('[LOCK-05] who looked before the end finds the end: spent, also for all after', async () => {
      const paused = latch()
      let snapshots = 0
      const { clock, door, link } = await start({
        wrapStore: store =>
          aroundStore(store, async (method, _key, call) => {
            if (method === 'renew') throw new Error('lost')
            const reply = (await call()) as { state?: string }
            if (method !== 'claim' || reply.state !== 'undecided') return reply
            snapshots += 1
            await paused.opened
            return reply
          }),
        poe: { dangerouslyRetryUndecided: true },
      })
      const a = world.send('POST', link, JSON_BODY)
      await until(() => world.runs === 1, 'A runs')
      await clock.advance(LEASE_MS * 2)
      const recoverers = [1, 2].map(() => world.send('POST', link, JSON_BODY))
      await until(() => snapshots === 2, 'both see the claim as undecided')
      door.open()
      expect((await a).status).to.equal(201)
      paused.open()
      for (const recoverer of recoverers) {
        await expectSpent(await recoverer, '/orders/1', link)
      }
      await expectSpent(await world.send('POST', link, JSON_BODY), '/orders/1', link)
      expect([world.runs, world.effects.length]).to.deep.equal([1, 1])
    })

    it('[LOCK-09] is alive just before its end and over just after it', async () => {
      const nowMs = 1_800_000_000_000
      let aheadMs = 0
      world = await startWorld(kind, { now: () => nowMs + aheadMs })
      const { store } = world
      const { epochs } = await store.epoch()
      const claim = {
        owner: 'a',
        epoch: epochs[0] ?? '',
        leaseMs: 5_000,
        claimByMs: nowMs + 900,
        tokenExpiresMs: null,
        keepUntilMs: null,
        onSilence: 'undecided',
        fingerprint: null,
        principal: 'p',
      } as const
      expect((await store.claim('order:k', claim)).state).to.equal('claimed')
      for (const [ms, state] of [
        [1_000, 'running'],
        [4_999, 'running'],
        [5_001, 'undecided'],
      ]) {
        aheadMs = Number(ms)
        expect((await store.read('order:k', null)).state, `after ${ms} ms`).to.equal(state)
        const second = await store.claim('order:k', { ...claim, owner: 'b' })
        expect(second.state, `after ${ms} ms`).to.equal(state)
      }
    })
  })

  describe(`what a handler does to its request and answer, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    for (const fails of [false, true]) {
      const title = fails ? 'a reported failure frees the link' : 'the link is spent all the same'
      it(`[LOCK-03] after edits to body, user and path, ${title}`, async () => {
        world = await startWorld(kind, {
          poe: { principal: ctx => ctx.state.user ?? ctx.get('X-User') },
          handler: (ctx, here) => {
            const body = ctx.request.body as Record<string, unknown>
            body.processed = true
            delete body.sku
            ctx.state.user = 'somebody else'
            ctx.path = '/elsewhere'
            ctx.params = { token: 'x' }
            ctx.method = 'PUT'
            if (fails && here.runs === 1) ctx.throw(503)
            placeOrder(ctx, here)
          },
        })
        const headers = { 'X-User': 'me' }
        const link = await world.link({ headers })
        const first = await world.send('POST', link, { ...JSON_BODY, headers })
        if (fails) {
          expectUnspent(first, 503)
          expect((await world.send('POST', link, { ...JSON_BODY, headers })).status).to.equal(201)
        } else expect(first.status).to.equal(201)
        const repeat = await world.send('POST', link, { ...JSON_BODY, headers })
        const document = await expectSpent(repeat, '/orders/1', link)
        expect(document.payloadMatches, 'the bytes as sent').to.equal(true)
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    const spends: Readonly<Record<string, NonNullable<WorldOptions['handler']>>> = {
      'a stream': ctx => {
        ctx.status = 201
        ctx.set('Location', '/orders/1')
        ctx.body = Readable.from(['a', 'b', 'c'])
      },
      'the raw response': ctx => {
        ctx.respond = false
        ctx.res.statusCode = 201
        ctx.res.setHeader('Location', '/orders/1')
        ctx.res.end('x')
      },
      'a redirect': ctx => {
        ctx.redirect('/orders/1')
        ctx.status = 303
      },
    }
    for (const [what, handler] of Object.entries(spends)) {
      it(`[LOCK-07] ${what} spends the link as soon as it ends`, async () => {
        world = await startWorld(kind, { handler })
        const link = await world.link()
        const first = await world.send('POST', link, JSON_BODY)
        expect(first.status).to.be.oneOf([201, 303])
        await first.text()
        await expectSpent(await world.send('POST', link, JSON_BODY), '/orders/1', link)
        expect(world.runs).to.equal(1)
      })
    }

    const frees: Readonly<Record<string, [NonNullable<WorldOptions['handler']>, number, object]>> =
      {
        'a throw with a status': [ctx => ctx.throw(402), 402, {}],
        'a 404 of its own': [
          ctx => {
            ctx.status = 404
          },
          404,
          {},
        ],
        'any throw, by option': [
          () => {
            throw new Error('boom')
          },
          500,
          { releaseOnThrow: true },
        ],
      }
    for (const [what, [handler, status, resource]] of Object.entries(frees)) {
      it(`[LOCK-07] ${what} frees the link, and the retry runs`, async () => {
        world = await startWorld(kind, {
          resource,
          handler: (ctx, here) => (here.runs === 1 ? handler(ctx, here) : placeOrder(ctx, here)),
        })
        const link = await world.link()
        expectUnspent(await world.send('POST', link, JSON_BODY), status)
        expect((await world.send('POST', link, JSON_BODY)).status).to.equal(201)
        expect(world.effects).to.have.lengthOf(1)
      })
    }

    it('[LOCK-07] an unexpected throw is undecided at once, not busy for a lease', async () => {
      world = await startWorld(kind, {
        handler: () => {
          throw new Error('boom')
        },
      })
      const link = await world.link()
      expect((await world.send('POST', link, JSON_BODY)).status).to.equal(500)
      await expectProblem(await world.send('POST', link, JSON_BODY), 409, 'undecided')
      expect(world.runs).to.equal(1)
    })

    it('[LOCK-07] a promise that is not awaited leaves no stuck claim', async () => {
      const floating = latch()
      world = await startWorld(kind, {
        handler: (ctx, here) => {
          floating.opened.then(() => placeOrder(ctx, here)).catch(() => {})
        },
      })
      const link = await world.link()
      expect((await world.send('POST', link, JSON_BODY)).status).to.equal(500)
      floating.open()
      await expectProblem(await world.send('POST', link, JSON_BODY), 409, 'undecided')
      expect(world.effects).to.have.lengthOf(1)
    })
  })
}
