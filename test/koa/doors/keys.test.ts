/**
 * Idempotency-Key on every store: the draft's rules, and the failure cases that speak of keys.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context } from 'koa'
import { expectProblem } from '../../support/answers.js'
import { storeSwitch } from '../../support/around-store.js'
import { latch, until } from '../../support/meeting.js'
import { EVERY_STORE, nameOf } from '../../support/world.js'
import { type DoorWorld, inTurn, keyOptions, sendKeyed, startDoorWorld } from './door-world.js'

const ACCEPT_HTML = { Accept: 'text/html' }

for (const kind of EVERY_STORE) {
  describe(`Idempotency-Key, ${nameOf(kind)}`, () => {
    let world: DoorWorld
    afterEach(() => world.close())

    const plain = async (more = {}) => {
      world = await startDoorWorld(kind, (router, once, act) => {
        once.policy(router, '/policy')
        router.post('/orders', once.idempotencyKey(keyOptions(more)), act)
      })
    }

    it('[IK-1-1, IK-2.6-1, IK-2.6-2, IK-2.5.2-4] the first runs, a repeat is told', async () => {
      await plain()
      const first = await sendKeyed(world, '/orders', '"k"')
      expect([first.status, first.headers.get('Idempotent-Replayed')]).to.deep.equal([201, null])
      const again = await sendKeyed(world, '/orders', '"k"')
      expect([again.status, again.headers.get('Idempotent-Replayed')]).to.deep.equal([201, 'true'])
      for (const name of ['Location', 'Content-Type', 'Content-Length']) {
        expect(again.headers.get(name), name).to.equal(first.headers.get(name))
      }
      expect(await again.text()).to.equal(await first.text())
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[IK-2.1-4, IK-2.1-3] bare, quoted and with parameters: one key; strict: 400', async () => {
      await plain()
      for (const spelled of ['abc-1', '"abc-1"', '"abc-1";p=1', 'abc-1;p=1']) {
        expect((await sendKeyed(world, '/orders', spelled)).status, spelled).to.equal(201)
      }
      expect(world.effects).to.have.lengthOf(1)
      await world.close()
      await plain({ syntax: 'strict' })
      await expectProblem(await sendKeyed(world, '/orders', 'abc-1'), 400, 'key-malformed')
      expect((await sendKeyed(world, '/orders', '"abc-1"')).status).to.equal(201)
    })

    it('[IK-2.1-2, IK-5-1, IK-5-2] what is no key is 400, and the store is not asked', async () => {
      const lever = storeSwitch()
      world = await startDoorWorld(
        kind,
        (router, once, act) => {
          for (const required of [true, false]) {
            const name = required ? 'must' : 'may'
            const door = once.idempotencyKey(keyOptions({ name, required }))
            router.post(`/${name}`, door, act)
          }
        },
        { wrapStore: lever.wrap },
      )
      await world.send('GET', '/page')
      const calls = lever.calls.length
      const wrong = ['"open', '(a b)', ':YQ==:', '?1', '"a", "b"', '"a"x', 'a b', '"\\x"', '""']
      for (const key of [...wrong, `"${'k'.repeat(10_000)}"`, `"${'k'.repeat(256)}"`]) {
        for (const path of ['/must', '/may']) {
          await expectProblem(await sendKeyed(world, path, key), 400, 'key-malformed')
        }
      }
      expect(lever.calls.length, 'calls of the store').to.equal(calls)
      expect(world.entered).to.deep.equal([])
      expect((await sendKeyed(world, '/must', `"${'k'.repeat(255)}"`)).status).to.equal(201)
      expect((await sendKeyed(world, '/must', `"it's * ; -- \\" \\\\"`)).status).to.equal(201)
    })

    it('[IK-2.7-1, IK-2.7-4, BIND-05, H-CACHE-3] missing: 400, with the rules', async () => {
      await plain()
      for (const key of [null, '', '   ', '""']) {
        const refused = await sendKeyed(world, '/orders', key)
        expect(refused.status).to.equal(400)
        expect(refused.headers.get('Content-Type')).to.equal('application/problem+json')
        expect(refused.headers.get('Link')).to.equal('</policy>; rel="describedby"')
        expect(refused.headers.get('Cache-Control')).to.equal('no-store')
      }
      const page = await sendKeyed(world, '/orders', null, {}, ACCEPT_HTML)
      expect(page.headers.get('Content-Type')).to.include('text/html')
      expect(world.effects).to.have.lengthOf(0)
    })

    it('[BIND-05, IK-2.5.1-2] optional and missing: each runs, and nothing is stored', async () => {
      await plain({ required: false })
      for (const id of [1, 2]) {
        expect(await (await sendKeyed(world, '/orders', null)).json()).to.deep.equal({ id })
      }
      expect(world.effects).to.have.lengthOf(2)
      const claimed = world.events.filter(({ type }) => type === 'claimed')
      expect(claimed).to.deep.equal([])
    })

    it('[IK-2.7-2, IK-2.4-1, IK-2.5.2-5, IK-2.5.2-6] another content: 422, and again', async () => {
      await plain()
      await sendKeyed(world, '/orders', '"k"', { a: 1 })
      for (let tries = 0; tries < 2; tries += 1) {
        await expectProblem(await sendKeyed(world, '/orders', '"k"', { a: 2 }), 422, 'mismatch')
      }
      expect((await sendKeyed(world, '/orders', '"k"', { a: 1 })).status).to.equal(201)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[RACE-05, IK-2.6-3, IK-2.7-3] ten more while it runs: 409, and when to ask', async () => {
      const gate = latch()
      world = await startDoorWorld(kind, (router, once, act) => {
        router.post('/orders', once.idempotencyKey(keyOptions()), async (ctx, next) => {
          await gate.opened
          return act(ctx, next)
        })
      })
      const first = sendKeyed(world, '/orders', '"k"')
      await until(() => world.events.some(({ type }) => type === 'claimed'), 'the claim')
      const others = await Promise.all(
        Array.from({ length: 10 }, () => sendKeyed(world, '/orders', '"k"')),
      )
      for (const other of others) {
        expect(Number(other.headers.get('Retry-After'))).to.be.within(1, 15)
        await expectProblem(other, 409, 'running')
      }
      // Another content is told first: waiting would not help it.
      await expectProblem(await sendKeyed(world, '/orders', '"k"', { a: 2 }), 422, 'mismatch')
      gate.open()
      expect((await first).status).to.equal(201)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[RACE-01] with waitMs a twin is held, and told the answer', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        const door = once.idempotencyKey(keyOptions({ waitMs: 4_000 }))
        router.post('/orders', door, async (ctx, next) => {
          await pause(80)
          return act(ctx, next)
        })
      })
      const both = await Promise.all([1, 2].map(() => sendKeyed(world, '/orders', '"k"')))
      expect(both.map(({ status }) => status)).to.deep.equal([201, 201])
      const marks = both.map(({ headers }) => headers.get('Idempotent-Replayed')).sort()
      expect(marks).to.deep.equal(['true', null].sort())
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[BIND-01, RACE-09, IK-5-3] one key at two targets: no answer of the other', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        for (const name of ['payments', 'refunds']) {
          router.post(`/${name}`, once.idempotencyKey(keyOptions({ name })), async (ctx, next) => {
            await pause(name === 'payments' ? 60 : 10)
            return act(ctx, next)
          })
        }
        const shared = once.idempotencyKey(keyOptions({ name: 'projects' }))
        router.all('/projects/:id', shared, act)
        router.all('/t', shared, act)
      })
      const paths = ['/payments', '/refunds']
      const first = await Promise.all(paths.map(path => sendKeyed(world, path, '"k"')))
      const again = await Promise.all(paths.map(path => sendKeyed(world, path, '"k"')))
      expect(first.map(({ status }) => status)).to.deep.equal([201, 201])
      for (const [index, answer] of again.entries()) {
        expect(answer.headers.get('Location')).to.equal(first[index]?.headers.get('Location'))
      }
      expect(world.effects).to.have.lengthOf(2)
      // One door on several targets and methods: reuse is found out.
      const key = { 'Idempotency-Key': '"p"' }
      expect((await world.send('PUT', '/projects/1', { headers: key })).status).to.equal(201)
      expect((await world.send('PUT', '/projects/2', { headers: key })).status).to.equal(422)
      expect((await world.send('DELETE', '/projects/1', { headers: key })).status).to.equal(201)
      expect((await world.send('POST', '/t?dry=1', { headers: key })).status).to.equal(201)
      expect((await world.send('POST', '/t?dry=0', { headers: key })).status).to.equal(422)
    })

    it('[BIND-03, IK-5-4] another caller with the same key runs, and sees nothing', async () => {
      await plain()
      const ann = await sendKeyed(world, '/orders', '"1"', { a: 1 }, { 'X-User': 'ann' })
      const bob = await sendKeyed(world, '/orders', '"1"', { a: 1 }, { 'X-User': 'bob' })
      expect(await bob.text()).to.not.equal(await ann.text())
      expect(world.effects).to.have.lengthOf(2)
    })

    it('[FAIL-01, IK-2.7-6] a refusal fails again; corrected, the key is free for it', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        router.post('/orders', once.idempotencyKey(keyOptions()), (ctx, next) => {
          const { a } = (ctx.request as unknown as { body: { a: number } }).body
          if (a < 0) return ctx.throw(422, 'a')
          return act(ctx, next)
        })
      })
      for (let tries = 0; tries < 2; tries += 1) {
        expect((await sendKeyed(world, '/orders', '"k"', { a: -1 })).status).to.equal(422)
      }
      expect((await sendKeyed(world, '/orders', '"k"', { a: 1 })).status).to.equal(201)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[FAIL-11] a redirect to a login in front of the door keeps nothing', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        const login = (ctx: Context, next: () => Promise<unknown>) =>
          ctx.get('X-User') === '' ? ctx.redirect('/login') : next()
        router.post('/orders', login as never, once.idempotencyKey(keyOptions()), act)
      })
      expect((await sendKeyed(world, '/orders', '"k"')).status).to.equal(302)
      const ann = { 'X-User': 'ann' }
      const first = await sendKeyed(world, '/orders', '"k"', { a: 1 }, ann)
      expect([first.status, first.headers.get('Idempotent-Replayed')]).to.deep.equal([201, null])
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[BIND-07] spelled in another way: 422 by its bytes, a repeat by its meaning', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        router.post('/raw', once.idempotencyKey(keyOptions({ name: 'raw' })), act)
        const meant = keyOptions({ name: 'meant', fingerprint: 'semantic' })
        router.post('/meant', once.idempotencyKey(meant), act)
      })
      for (const [path, expected] of [
        ['/raw', [201, 422, 422, 422]],
        ['/meant', [201, 201, 422, 422]],
      ] as const) {
        const statuses = []
        for (const [body, type, query] of [
          ['{"a":1,"b":2}', 'application/json', ''],
          ['{ "b": 2.0, "a": 1 }', 'application/json', ''],
          ['{"a":1,"b":2}', 'text/plain', ''],
          ['{"a":1,"b":2}', 'application/json', '?x=1'],
        ] as const) {
          const headers = { 'Content-Type': type, 'Idempotency-Key': '"k"' }
          statuses.push((await world.send('POST', path + query, { headers, body })).status)
        }
        expect(statuses, path).to.deep.equal(expected)
      }
      expect(world.effects).to.have.lengthOf(2)
    })

    it('[FAIL-03] failures are not kept; with kept: every they are, and marked', async () => {
      const fail = (ctx: Context) => {
        ctx.status = 500
        ctx.body = { failed: true }
      }
      const work = (ctx: Context) => {
        ctx.status = 201
      }
      world = await startDoorWorld(kind, (router, once) => {
        const free = keyOptions({ reports: [500] })
        router.post('/free', once.idempotencyKey(free), inTurn(fail, work))
        const every = keyOptions({ name: 'every', kept: 'every' })
        router.post('/every', once.idempotencyKey(every), inTurn(fail, work))
      })
      expect((await sendKeyed(world, '/free', '"k"')).status).to.equal(500)
      expect((await sendKeyed(world, '/free', '"k"')).status).to.equal(201)
      const first = await sendKeyed(world, '/every', '"k"')
      const again = await sendKeyed(world, '/every', '"k"')
      expect([first.status, again.status]).to.deep.equal([500, 500])
      expect(again.headers.get('Idempotent-Replayed')).to.equal('true')
      expect(await again.text()).to.equal(await first.text())
    })

    it('[FAIL-07, RACE-03] the store is down: 503, nothing runs; then it works once', async () => {
      const lever = storeSwitch()
      world = await startDoorWorld(
        kind,
        (router, once, act) => {
          router.post('/orders', once.idempotencyKey(keyOptions()), act)
        },
        { wrapStore: lever.wrap },
      )
      lever.mode = 'down'
      const refused = await sendKeyed(world, '/orders', '"k"')
      expect(Number(refused.headers.get('Retry-After'))).to.be.at.least(1)
      await expectProblem(refused, 503, 'store-down')
      expect(world.effects).to.have.lengthOf(0)
      lever.mode = 'up'
      const works = async () => (await sendKeyed(world, '/orders', '"k"')).status === 201
      await until(works, 'the store is back')
      expect((await sendKeyed(world, '/orders', '"k"')).status).to.equal(201)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[LOCK-03] what the handler does to the request does not change the key', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        router.post('/orders', once.idempotencyKey(keyOptions()), (ctx, next) => {
          act(ctx, next)
          const request = ctx.request as unknown as { body: unknown; rawBody: unknown }
          request.body = { other: true }
          request.rawBody = 'other'
          ctx.path = '/elsewhere'
          ctx.method = 'PUT'
          ctx.req.headers['idempotency-key'] = '"other"'
        })
      })
      expect((await sendKeyed(world, '/orders', '"k"')).status).to.equal(201)
      const again = await sendKeyed(world, '/orders', '"k"')
      expect([again.status, world.effects.length]).to.deep.equal([201, 1])
    })

    it('[EXP-05, IK-2.3-1, IK-2.5.2-3] after the retention it is new, and not marked', async () => {
      await plain({ retentionMs: 1_000 })
      await sendKeyed(world, '/orders', '"k"')
      expect((await sendKeyed(world, '/orders', '"k"')).status).to.equal(201)
      expect(world.effects).to.have.lengthOf(1)
      await pause(1_150)
      const late = await sendKeyed(world, '/orders', '"k"')
      expect([late.status, late.headers.get('Idempotent-Replayed')]).to.deep.equal([201, null])
      expect(world.effects).to.have.lengthOf(2)
    })

    it('[ACT-05] a DELETE under a key: the repeat gets the first 204', async () => {
      world = await startDoorWorld(kind, (router, once) => {
        const gone = inTurn(
          ctx => {
            ctx.status = 204
          },
          ctx => ctx.throw(404),
        )
        router.delete('/orders/7', once.idempotencyKey(keyOptions()), gone)
      })
      const headers = { 'Idempotency-Key': '"k"' }
      for (let tries = 0; tries < 2; tries += 1) {
        const { status } = await world.send('DELETE', '/orders/7', { headers })
        expect(status).to.equal(204)
      }
    })

    it('[POE-2-5] at a POE link the link wins: a repeat under the same key is 405', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        const key = once.idempotencyKey(keyOptions())
        const resource = { name: 'linked', path: '/linked/:token' }
        once.resource(router, resource, key as never, act as never)
        router.get('/linked', ctx => {
          ctx.body = { link: ctx.poe.link('linked') }
        })
      })
      const { link } = (await (await world.send('GET', '/linked')).json()) as { link: string }
      expect((await sendKeyed(world, link, '"k"')).status).to.equal(201)
      expect((await sendKeyed(world, link, '"k"')).status).to.equal(405)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('a login between two tries does not run it twice', async () => {
      world = await startDoorWorld(
        kind,
        (router, once, act) => {
          router.post('/orders', once.idempotencyKey(keyOptions()), act)
        },
        {
          poe: {
            principal: ctx => (ctx.get('X-User') ? [ctx.get('X-User'), 'cart'] : 'cart'),
          },
        },
      )
      await sendKeyed(world, '/orders', '"k"')
      const after = await sendKeyed(world, '/orders', '"k"', { a: 1 }, { 'X-User': 'ann' })
      expect(after.headers.get('Idempotent-Replayed')).to.equal('true')
      expect(world.effects).to.have.lengthOf(1)
    })

    for (const verdict of ['happened', 'did-not-happen'] as const) {
      it(`[FALSE-4446] begun before a login and undecided: asked about; ${verdict}`, async () => {
        const principal = (ctx: Context) =>
          ctx.get('X-User') ? [ctx.get('X-User'), 'cart'] : 'cart'
        const known = { status: 201, location: '/known' }
        const reconcile = () =>
          verdict === 'happened' ? { verdict, outcome: known } : ({ verdict } as const)
        const crash = () => {
          throw new Error('planted')
        }
        world = await startDoorWorld(
          kind,
          (router, once, act) => {
            const handle = inTurn(crash, act as never)
            router.post('/orders', once.idempotencyKey(keyOptions({ reconcile })), handle)
          },
          { poe: { principal } },
        )
        expect((await sendKeyed(world, '/orders', '"k"')).status).to.equal(500)
        const after = await sendKeyed(world, '/orders', '"k"', { a: 1 }, { 'X-User': 'ann' })
        const location = verdict === 'happened' ? '/known' : '/orders/1'
        expect([after.status, after.headers.get('Location')]).to.deep.equal([201, location])
        expect(world.effects).to.have.lengthOf(verdict === 'happened' ? 0 : 1)
      })
    }

    it('nobody: 403, and nothing runs; a GET passes', async () => {
      world = await startDoorWorld(
        kind,
        (router, once, act) => {
          router.all('/orders', once.idempotencyKey(keyOptions()), act)
        },
        { poe: { principal: () => null } },
      )
      await expectProblem(await sendKeyed(world, '/orders', '"k"'), 403, 'nobody')
      expect((await world.send('GET', '/orders')).status).to.equal(201)
    })
  })
}
