/**
 * Conditional requests on every store: COND cases, the caller's own change, and states that come
 * back.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context } from 'koa'
import type { ConditionalOptions } from 'post-once-exactly/koa'
import { expectProblem, expectSpent } from '../../support/answers.js'
import { aroundStore } from '../../support/around-store.js'
import { latch, until } from '../../support/meeting.js'
import { EVERY_STORE, nameOf, type WorldOptions } from '../../support/world.js'
import { type DoorWorld, startDoorWorld } from './door-world.js'

/** One thing with a version, or nothing. */
interface Thing {
  etag: string | null
  /** How often it was changed. */
  changes: number
}

for (const kind of EVERY_STORE) {
  describe(`conditional requests, ${nameOf(kind)}`, () => {
    let world: DoorWorld
    let thing: Thing
    afterEach(() => world.close())

    /** A handler changes the tag to whatever comes next. */
    const start = async (
      etag: string | null,
      next: () => string | null,
      more: Partial<ConditionalOptions<unknown>> = {},
      options: WorldOptions = {},
    ) => {
      thing = { etag, changes: 0 }
      world = await startDoorWorld(
        kind,
        (router, once) => {
          const validator = () => (thing.etag === null ? null : { etag: thing.etag })
          const door = once.conditional({ name: 'thing', validator, ...more })
          router.all('/thing', door, (ctx: Context) => {
            thing.changes += 1
            thing.etag = next()
            ctx.status = 201
            ctx.body = { change: thing.changes }
          })
        },
        options,
      )
    }
    const counted = (prefix = 'v') => {
      let version = 1
      return () => {
        version += 1
        return `"${prefix}${version}"`
      }
    }
    const send = (headers: Record<string, string>, json: unknown = { add: 1 }, method = 'POST') =>
      world.send(method, '/thing', { headers, json })

    it('[COND-01] strong comparison only', async () => {
      await start('"v1"', counted())
      const statusOf = async (tag: string, json?: unknown) =>
        (await send({ 'If-Match': tag }, json)).status
      expect(await statusOf('W/"v1"')).to.equal(412)
      expect(await statusOf('"v1"', { add: 1 })).to.equal(201)
      expect(await statusOf('"v0", "v1"', { add: 2 })).to.equal(412)
      expect(await statusOf('"v0"', { add: 3 })).to.equal(412)
      expect(await statusOf('*', { add: 4 })).to.equal(201)
      expect(await statusOf('v3', { add: 5 })).to.equal(400)
      expect(await statusOf('"a,v3"', { add: 6 })).to.equal(412)
      thing.etag = '"a,v3"'
      expect(await statusOf('"a,v3"', { add: 7 })).to.equal(201)
      expect(thing.changes).to.equal(3)
    })

    it('[COND-03] create only: 201, then 412; two at once: one of each', async () => {
      await start(null, counted())
      const create = (user: string) =>
        send({ 'If-None-Match': '*', 'X-User': user }, { user }, 'PUT').then(({ status }) => status)
      for (let round = 0; round < 10; round += 1) {
        thing.etag = null
        const both = await Promise.all([create(`a${round}`), create(`b${round}`)])
        expect(both.sort()).to.deep.equal([201, 412])
        expect(await create('c')).to.equal(412)
      }
      expect(thing.changes).to.equal(10)
    })

    it('[COND-05, H-428-1] nothing there: 412, or 404 where that is said', async () => {
      await start(null, counted(), { required: true })
      for (const tag of ['"x"', '*']) {
        await expectProblem(await send({ 'If-Match': tag }), 412, 'precondition-failed')
      }
      await expectProblem(await send({}), 428, 'precondition-required')
      thing.etag = '"v1"'
      const both = { 'If-Match': '"v1"', 'If-None-Match': '"v1"' }
      expect((await send(both)).status, 'both must hold').to.equal(412)
      // A date that cannot be read is a condition that nobody can judge.
      const unreadable = await send({ 'If-Unmodified-Since': 'yesterday' })
      await expectProblem(unreadable, 400, 'precondition-malformed')
      expect(thing.changes).to.equal(0)
      await world.close()
      await start(null, counted(), { validator: ctx => ctx.throw(404, 'no such thing') })
      expect((await send({ 'If-Match': '"x"' })).status).to.equal(404)
    })

    it('[COND-05, H-412-2] a spent link with a stale condition stays 405', async () => {
      thing = { etag: '"v1"', changes: 0 }
      world = await startDoorWorld(kind, (router, once) => {
        const door = once.conditional({ name: 't', validator: () => ({ etag: thing.etag }) })
        const resource = { name: 'guarded', path: '/guarded/:token' }
        once.resource(router, resource, door as never, ctx => {
          thing.changes += 1
          thing.etag = '"v2"'
          ctx.status = 201
          ctx.set('Location', '/things/1')
        })
        router.get('/guarded', ctx => {
          ctx.body = { link: ctx.poe.link('guarded') }
        })
      })
      const take = async () => {
        const { link } = (await (await world.send('GET', '/guarded')).json()) as { link: string }
        return link
      }
      const link = await take()
      const post = (to: string, tag: string, json: unknown = {}) =>
        world.send('POST', to, { headers: { 'If-Match': tag }, json })
      expect((await post(link, '"v0"')).status, 'stale: the link stays open').to.equal(412)
      expect((await post(link, '"v1"')).status).to.equal(201)
      await expectSpent(await post(link, '"v1"'), '/things/1', link)
      const other = { other: true }
      expect((await post(await take(), '"v1"', other)).status, 'another link').to.equal(412)
      expect((await post(await take(), '"v1"')).status, 'the same change').to.equal(201)
      expect(thing.changes).to.equal(1)
    })

    it('[COND-03] two links and two spellings of one target: one of two at once', async () => {
      const versions = new Map<string, number>()
      world = await startDoorWorld(kind, (router, once) => {
        const nameOf = (ctx: Context) => String(ctx.params.page ?? 'linked')
        const validator = (ctx: Context) => ({ etag: `"${versions.get(nameOf(ctx)) ?? 0}"` })
        const change = (ctx: Context) => {
          versions.set(nameOf(ctx), (versions.get(nameOf(ctx)) ?? 0) + 1)
          ctx.status = 201
        }
        const resource = { name: 'guarded', path: '/guarded/:token' }
        const linked = once.conditional({ name: 'linked', validator })
        once.resource(router, resource, linked as never, change as never)
        router.get('/guarded', ctx => {
          ctx.body = [ctx.poe.link('guarded'), ctx.poe.link('guarded')]
        })
        router.post('/pages/:page', once.conditional({ name: 'page', validator }), change)
        const target = () => 'one and the same'
        router.post('/a/:any', once.conditional({ name: 'own', validator, target }), change)
      })
      const links = (await (await world.send('GET', '/guarded')).json()) as string[]
      for (const [paths, name] of [
        [links, 'linked'],
        [['/pages/x', '/pages/%78'], 'x'],
      ] as const) {
        const both = await Promise.all(
          paths.map((path, index) =>
            world.send('POST', path, {
              headers: { 'If-Match': '"0"', 'X-N': String(index) },
              json: { index },
            }),
          ),
        )
        expect(both.map(({ status }) => status).sort()).to.deep.equal([201, 412])
        expect(versions.get(name)).to.equal(1)
      }
      const own = await world.send('POST', '/a/1', { headers: { 'If-Match': '"1"' }, json: {} })
      expect(own.status).to.equal(201)
    })

    it("the caller's own change is told again; another's, and other content, are 412", async () => {
      await start('"v1"', counted())
      const first = await send({ 'If-Match': '"v1"' })
      const again = await send({ 'If-Match': '"v1"' })
      expect([again.status, again.headers.get('Idempotent-Replayed')]).to.deep.equal([201, 'true'])
      expect(await again.text()).to.equal(await first.text())
      const other = await send({ 'If-Match': '"v1"', 'X-User': 'bob' })
      expect(other.headers.get('ETag')).to.equal('"v2"')
      await expectProblem(other, 412, 'precondition-failed')
      expect((await send({ 'If-Match': '"v1"' }, { add: 2 })).status).to.equal(412)
      expect(thing.changes).to.equal(1)
    })

    it('a state that comes back is left once more, by one of two', async () => {
      const tags = ['"on"', '"off"']
      await start('"off"', () => tags[thing.changes % 2 === 1 ? 0 : 1] ?? null)
      const toggle = (tag: string, user: string) =>
        send({ 'If-Match': tag, 'X-User': user }, {}).then(({ status }) => status)
      expect(await toggle('"off"', 'ann')).to.equal(201)
      expect(await toggle('"on"', 'bob')).to.equal(201)
      // Off again, as at first: Ann's old record is in nobody's way, not even her own.
      const both = await Promise.all([toggle('"off"', 'ann'), toggle('"off"', 'bob')])
      expect(both.sort()).to.deep.equal([201, 412])
      expect(thing.changes).to.equal(3)
    })

    for (const [now, title] of [
      ['"v1"', 'it is here again'],
      ['"v9"', 'it is another'],
    ] as const) {
      it(`[FALSE-4673] left by another since, ${title}: it runs no more`, async () => {
        const [kept, over] = [latch(), latch()]
        let completions = 0
        // Its record is kept, and the reply to that is lost.
        const wrapStore: WorldOptions['wrapStore'] = store =>
          aroundStore(store, async (method, _key, call) => {
            if (method !== 'complete' || completions++ > 0) return await call()
            await call()
            kept.open()
            await over.opened
            throw new Error('ECONNRESET')
          })
        const patient = { storeTimeoutMs: 20_000, recordForMs: 40_000, leaseMs: 60_000 }
        await start('"v1"', counted(), {}, { wrapStore, poe: patient })
        const first = send({ 'If-Match': '"v1"' })
        await kept.opened
        thing.etag = '"v1"'
        expect((await send({ 'If-Match': '"v1"' }, { add: 2 })).status).to.equal(201)
        thing.etag = now
        over.open()
        await expectProblem(await first, 409, 'undecided')
        expect(thing.changes).to.equal(2)
      })
    }

    it('[FALSE-4443] also where the step out of it was decided after a crash', async () => {
      const reconcile = () => ({ verdict: 'happened', outcome: {} }) as const
      const toggle = () => (thing.etag === '"on"' ? '"off"' : '"on"')
      let crashes = 0
      const success = () => {
        crashes += 1
        if (crashes > 2) return true
        throw new Error('planted')
      }
      await start('"off"', toggle, { reconcile, success })
      const set = async (from: string, json: object) =>
        (await send({ 'If-Match': `"${from}"` }, json)).status
      for (const round of [1, 2]) {
        expect(await set('off', { round }), 'a crash after the change').to.equal(500)
        expect(await set('off', { round }), 'told what became of it').to.equal(200)
        thing.etag = '"off"'
      }
      expect(await set('off', { round: 3 })).to.equal(201)
      expect(await set('on', { round: 4 })).to.equal(201)
      expect(thing.changes).to.equal(4)
    })

    it('a refusal of the handler leaves the state as it was', async () => {
      let refuse = true
      world = await startDoorWorld(kind, (router, once) => {
        const door = once.conditional({ name: 't', validator: () => ({ etag: '"v1"' }) })
        router.post('/thing', door, ctx => {
          if (refuse) return ctx.throw(422, 'no')
          ctx.status = 201
          return undefined
        })
      })
      expect((await send({ 'If-Match': '"v1"' })).status).to.equal(422)
      refuse = false
      expect((await send({ 'If-Match': '"v1"' })).status).to.equal(201)
    })

    it('by date: held within the second, and told again where that is all there is', async () => {
      const atMs = Date.UTC(2026, 0, 1, 12, 0, 0)
      let modifiedMs = atMs + 400
      await start(null, () => null, {
        validator: () => ({ modifiedMs }),
      })
      const since = (ms: number) => ({ 'If-Unmodified-Since': new Date(ms).toUTCString() })
      expect((await send(since(atMs - 1_000))).status).to.equal(412)
      expect((await send(since(atMs))).status).to.equal(201)
      modifiedMs = atMs + 5_000
      const again = await send(since(atMs))
      expect([again.status, thing.changes]).to.deep.equal([201, 1])
    })

    it('If-None-Exist: made once; one is told, several are 412', async () => {
      const found: string[] = []
      world = await startDoorWorld(kind, (router, once) => {
        const exists = (_ctx: Context, search: string) => (search === 'id=7' ? found : [])
        router.post('/patients', once.conditional({ name: 'p', exists }), ctx => {
          found.push('/patients/1')
          ctx.status = 201
          ctx.set('Location', '/patients/1')
          ctx.body = { id: 1 }
        })
      })
      const create = (user: string) =>
        world.send('POST', '/patients', {
          headers: { 'If-None-Exist': 'id=7', 'X-User': user },
          json: {},
        })
      const first = await create('ann')
      expect(first.status).to.equal(201)
      const own = await create('ann')
      expect([own.status, await own.text()]).to.deep.equal([201, await first.text()])
      const other = await create('bob')
      expect([other.status, other.headers.get('Location')]).to.deep.equal([200, '/patients/1'])
      found.push('/patients/2')
      expect((await create('bob')).status).to.equal(412)
      expect(found).to.have.lengthOf(2)
    })

    it('[FALSE-4444] If-None-Exist: made once, though others change what is there', async () => {
      const [gate, entered] = [latch(), latch()]
      const made: string[] = []
      world = await startDoorWorld(kind, (router, once) => {
        const validator = () => ({ etag: `"${made.length}"` })
        const exists = (_ctx: Context, search: string) => made.filter(each => each === search)
        const door = once.conditional({ name: 'p', validator, exists, waitMs: 5_000 })
        router.post('/patients', door, async ctx => {
          const search = ctx.get('If-None-Exist')
          entered.open()
          if (search === 'id=7') await gate.opened
          made.push(search)
          ctx.status = 201
          ctx.body = { made: made.length }
        })
      })
      const create = (search: string) =>
        world.send('POST', '/patients', { headers: { 'If-None-Exist': search }, json: {} })
      const first = create('id=7')
      await entered.opened
      expect((await create('id=8')).status).to.equal(201)
      const again = create('id=7')
      await Promise.race([again, pause(100)])
      gate.open()
      const answers = await Promise.all([first, again])
      expect(answers.map(({ status }) => status)).to.deep.equal([201, 201])
      const [text, other] = await Promise.all(answers.map(each => each.text()))
      expect([text, other]).to.deep.equal(['{"made":2}', '{"made":2}'])
      expect(made).to.deep.equal(['id=8', 'id=7'])
    })

    it('nothing is searched for where the request names no search', async () => {
      world = await startDoorWorld(kind, (router, once) => {
        const exists = (_ctx: Context, search: string) => (search.length > 0 ? [] : ['/none'])
        const validator = () => ({ etag: '"v1"' })
        router.post('/thing', once.conditional({ name: 't', exists, validator }), ctx => {
          ctx.status = 201
        })
      })
      expect((await send({ 'If-Match': '"v1"' })).status).to.equal(201)
    })

    it('If-None-Exist: what came between the look and the claim is seen inside it', async () => {
      let looks = 0
      let runs = 0
      world = await startDoorWorld(kind, (router, once) => {
        const exists = () => {
          looks += 1
          return looks === 1 ? [] : ['/patients/9']
        }
        router.post('/patients', once.conditional({ name: 'p', exists }), ctx => {
          runs += 1
          ctx.status = 201
        })
      })
      const headers = { 'If-None-Exist': 'id=7' }
      const told = await world.send('POST', '/patients', { headers, json: {} })
      expect([told.status, told.headers.get('Location')]).to.deep.equal([200, '/patients/9'])
      expect(runs).to.equal(0)
    })

    it('a state that moved on between the look and the claim is left by its own step', async () => {
      let looks = 0
      let runs = 0
      let etag = '"v2"'
      const gate = latch()
      world = await startDoorWorld(kind, (router, once) => {
        const validator = () => {
          looks += 1
          return { etag: looks === 1 ? '"v1"' : etag }
        }
        router.post('/thing', once.conditional({ name: 't', validator }), async ctx => {
          runs += 1
          await gate.opened
          etag = '"v3"'
          ctx.status = 201
        })
      })
      const change = () => send({ 'If-Match': '"v1", "v2"' })
      const first = change()
      await until(() => runs === 1, 'the first is at work')
      // As a proxy sends it once more: the state is what the first one has met by now.
      const copy = change()
      await Promise.race([copy, pause(300)])
      gate.open()
      expect((await Promise.all([first, copy])).map(({ status }) => status)).to.eql([201, 201])
      expect(runs).to.equal(1)
    })

    it('a surprise after the change: 409 to the caller, 412 to others', async () => {
      thing = { etag: '"v1"', changes: 0 }
      world = await startDoorWorld(kind, (router, once) => {
        const door = once.conditional({ name: 't', validator: () => ({ etag: thing.etag }) })
        router.post('/thing', door, () => {
          thing.etag = '"v2"'
          throw new Error('after the change')
        })
      })
      expect((await send({ 'If-Match': '"v1"' })).status).to.equal(500)
      await expectProblem(await send({ 'If-Match': '"v1"' }), 409, 'undecided')
      const other = await send({ 'If-Match': '"v1"', 'X-User': 'bob' })
      await expectProblem(other, 412, 'precondition-failed')
    })
  })
}
