/**
 * Action ids on every store: ACT cases, what each method is told in each state, and the ways in.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Middleware } from 'koa'
import type { ActionOptions } from 'post-once-exactly/koa'
import { resourceOf } from '../../../lib/engine/resource-of.js'
import { allowed, expectProblem } from '../../support/answers.js'
import { storeSwitch } from '../../support/around-store.js'
import { latch, until } from '../../support/meeting.js'
import { EVERY_STORE, nameOf, type WorldOptions } from '../../support/world.js'
import { type DoorWorld, startDoorWorld } from './door-world.js'

for (const kind of EVERY_STORE) {
  describe(`action ids, ${nameOf(kind)}`, () => {
    let world: DoorWorld
    let undone: string[]
    afterEach(() => world.close())

    const start = async (
      more: Partial<ActionOptions<unknown>> = {},
      options: WorldOptions = {},
      around: Middleware = (_ctx, next) => next(),
    ) => {
      undone = []
      world = await startDoorWorld(
        kind,
        (router, once, act) => {
          once.actions(router, '/actions', {
            name: 'action',
            do: (ctx, next) => around(ctx as never, () => act(ctx as never, next) as never),
            undo: ctx => {
              undone.push(ctx.poe.key)
              ctx.body = { undone: undone.length }
            },
            ...more,
          })
          once.entryPoint(router, { path: '/do-it', resource: 'action' })
        },
        options,
      )
    }
    const issue = async () => {
      const issued = await world.send('POST', '/actions')
      return issued.headers.get('Location') ?? ''
    }
    const put = (at: string, json: unknown = { m: 'x' }) => world.send('PUT', at, { json })

    it('[ACT-01] issued, done, repeated, misused, and never reused', async () => {
      await start()
      const issued = await world.send('POST', '/actions')
      const { id, action, expires } = (await issued.json()) as Record<string, string>
      expect(issued.status).to.equal(201)
      expect(issued.headers.get('Location')).to.equal(action)
      expect(action).to.equal(`/actions/${id}`)
      expect(Date.parse(expires ?? '')).to.be.above(Date.now())
      expect(issued.headers.get('POE-Links'), 'it is no POE link').to.equal(null)
      const at = action ?? ''
      const first = await put(at)
      expect(first.status).to.equal(201)
      const again = await put(at)
      expect([again.status, again.headers.get('Idempotent-Replayed')]).to.deep.equal([201, 'true'])
      expect(await again.text()).to.equal(await first.text())
      await expectProblem(await put(at, { m: 'y' }), 422, 'mismatch')
      expect((await put('/actions/ZZ')).status).to.equal(404)
      expect(world.effects).to.have.lengthOf(1)
      expect(await issue()).to.not.equal(at)
    })

    it('[ACT-03] an empty or blank id is none', async () => {
      await start()
      for (const path of ['/actions/', '/actions/%20', '/actions', '/actions//x']) {
        expect((await put(path)).status, path).to.be.oneOf([404, 405])
      }
      expect(world.effects).to.have.lengthOf(0)
    })

    it('[ACT-05] cancelled before its use: for good; undone after it: once', async () => {
      await start()
      const unused = await issue()
      const cancelled = await world.send('DELETE', unused)
      expect([cancelled.status, allowed(cancelled)]).to.deep.equal([204, ['DELETE', 'OPTIONS']])
      expect((await world.send('DELETE', unused)).status).to.equal(204)
      await expectProblem(await put(unused), 410, 'cancelled')
      await expectProblem(await world.send('GET', unused), 410, 'cancelled')
      expect(world.effects).to.have.lengthOf(0)

      const used = await issue()
      const done = await put(used)
      const first = await world.send('DELETE', used)
      const again = await world.send('DELETE', used)
      expect([first.status, await first.text()]).to.deep.equal([200, '{"undone":1}'])
      expect([again.status, await again.text()]).to.deep.equal([200, '{"undone":1}'])
      // A late repeat does not do it once more.
      expect(await (await put(used)).text()).to.equal(await done.text())
      expect([world.effects.length, undone.length]).to.deep.equal([1, 1])
    })

    it('without undo, what is done stays done', async () => {
      await start({ undo: undefined })
      const at = await issue()
      await put(at)
      const refused = await world.send('DELETE', at)
      expect(allowed(refused)).to.deep.equal(['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])
      await expectProblem(refused, 405, 'cannot-undo')
    })

    it('[CACHE-03] each state has its Allow, and only reading reads', async () => {
      await start()
      const at = await issue()
      const allow = async (method: string) => allowed(await world.send(method, at))
      expect(await allow('OPTIONS')).to.deep.equal(['DELETE', 'OPTIONS', 'POST', 'PUT'])
      const unread = await world.send('GET', at)
      expect(unread.headers.get('Cache-Control')).to.equal('no-store')
      await expectProblem(unread, 405, 'method-not-allowed')
      expect(await allow('PATCH')).to.deep.equal(['DELETE', 'OPTIONS', 'POST', 'PUT'])
      const done = await put(at)
      const all = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']
      expect(await allow('OPTIONS')).to.deep.equal(all)
      const read = await world.send('GET', at)
      expect([read.status, await read.text()]).to.deep.equal([200, await done.text()])
      expect((await world.send('HEAD', at)).status).to.equal(200)
      const preflight = { Origin: 'http://a.example', 'Access-Control-Request-Method': 'PUT' }
      const passed = await world.send('OPTIONS', at, { headers: preflight })
      expect(passed.headers.get('Cache-Control'), 'left to the application').to.equal(null)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('running: PUT with other content, DELETE and GET are told so', async () => {
      const gate = latch()
      await start({ waitMs: 30 }, {}, async (_ctx, next) => {
        await gate.opened
        await next()
      })
      const at = await issue()
      const first = put(at)
      await until(() => world.events.some(({ type }) => type === 'claimed'), 'the claim')
      await expectProblem(await put(at), 409, 'running')
      await expectProblem(await put(at, { m: 'y' }), 422, 'mismatch')
      await expectProblem(await world.send('DELETE', at), 409, 'running')
      await expectProblem(await world.send('GET', at), 409, 'running')
      gate.open()
      expect((await first).status).to.equal(201)
      expect((await world.send('DELETE', at)).status).to.equal(200)
    })

    it('undecided: nothing is done again, and nothing undone', async () => {
      await start({}, {}, () => {
        throw new Error('a surprise')
      })
      const at = await issue()
      expect((await put(at)).status).to.equal(500)
      await expectProblem(await put(at), 409, 'undecided')
      await expectProblem(await world.send('DELETE', at), 409, 'undecided')
      expect(undone).to.deep.equal([])
    })

    for (const isAsked of [false, true]) {
      const who = isAsked ? 'reconcileUndo is asked, by ctx.poe.key' : 'reconcile is not asked'
      it(`[FALSE-4442] about an undecided undoing ${who}`, async () => {
        const asked: string[] = []
        const ask = (what: string) => (key: string) => {
          asked.push(`${what} ${key}`)
          return { verdict: 'happened', outcome: { status: 204 } } as const
        }
        await start({
          undo: ctx => {
            undone.push(ctx.poe.key)
            throw new Error('a surprise')
          },
          reconcile: ask('do'),
          ...(isAsked && { reconcileUndo: ask('undo') }),
        })
        const at = await issue()
        await put(at)
        expect((await world.send('DELETE', at)).status).to.equal(500)
        expect((await world.send('DELETE', at)).status).to.equal(isAsked ? 204 : 409)
        expect(undone).to.have.lengthOf(1)
        expect(asked).to.deep.equal(isAsked ? [`undo ${undone[0]}`] : [])
      })
    }

    it('[FALSE-4450] whatever is told of an undoing names its resource, and no nonce', async () => {
      await start()
      const at = await issue()
      await put(at)
      await world.send('DELETE', at)
      const keys = world.events.flatMap(event => (event.type === 'claimed' ? [event.key] : []))
      expect(keys).to.have.lengthOf(2)
      expect(keys.map(resourceOf)).to.deep.equal(['action', 'action'])
    })

    it('forged, or another caller’s: 404, and the store is not asked', async () => {
      const lever = storeSwitch()
      await start({}, { wrapStore: lever.wrap })
      const at = await issue()
      const calls = lever.calls.length
      const forged = at.replace(/.$/, last => (last === 'A' ? 'B' : 'A'))
      expect((await put(forged)).status).to.equal(404)
      for (const method of ['GET', 'DELETE', 'OPTIONS']) {
        expect((await world.send(method, forged)).status, method).to.equal(404)
      }
      const headers = { 'X-User': 'bob' }
      expect((await world.send('PUT', at, { headers, json: {} })).status).to.equal(404)
      expect(lever.calls.length).to.equal(calls)
    })

    it('its life over unused: 410; used in time, it is told for long after', async () => {
      await start({ lifetimeMs: 400 })
      const [used, unused] = [await issue(), await issue()]
      await put(used)
      await pause(600)
      await expectProblem(await put(unused), 410, 'expired')
      expect((await put(used)).status).to.equal(201)
      expect((await world.send('DELETE', used)).status, 'undone later').to.equal(200)
    })

    it('a POST with content to the collection is refused: 201 would look like it', async () => {
      await start()
      const refused = await world.send('POST', '/actions', { json: { m: 'x' } })
      await expectProblem(refused, 400, 'not-empty')
      expect(world.effects).to.have.lengthOf(0)
    })

    it('307 sends a POST on to an id, and its repeats there are one', async () => {
      await start()
      const sent = await world.send('POST', '/do-it', { json: { m: 'x' } })
      const at = sent.headers.get('Location') ?? ''
      expect([sent.status, at.startsWith('/actions/')]).to.deep.equal([307, true])
      const post = () => world.send('POST', at, { json: { m: 'x' } })
      expect([(await post()).status, (await post()).status]).to.deep.equal([201, 201])
      expect((await put(at)).status, 'PUT is the same').to.equal(201)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[FAIL-07] the store down: 503 for both, then it works', async () => {
      const lever = storeSwitch()
      await start({}, { wrapStore: lever.wrap })
      const at = await issue()
      lever.mode = 'down'
      expect((await put(at)).status).to.equal(503)
      expect((await world.send('DELETE', at)).status).to.equal(503)
      expect((await world.send('GET', at)).status).to.equal(503)
      expect((await world.send('POST', '/actions')).status, 'no id meanwhile').to.equal(503)
      lever.mode = 'up'
      await until(async () => (await put(at)).status === 201, 'the store is back')
      expect(world.effects).to.have.lengthOf(1)
    })

    it('nobody: no id', async () => {
      await start({}, { poe: { principal: () => null } })
      await expectProblem(await world.send('POST', '/actions'), 403, 'nobody')
      expect((await put('/actions/ZZ')).status).to.equal(404)
    })
  })
}
