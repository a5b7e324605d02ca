/**
 * Duplicate detection on every store: DEDUP cases, the override, and explicit identity first.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context } from 'koa'
import type { DuplicateOptions } from 'post-once-exactly/koa'
import { expectProblem } from '../../support/answers.js'
import { storeSwitch } from '../../support/around-store.js'
import { until } from '../../support/meeting.js'
import { EVERY_STORE, nameOf, type WorldOptions } from '../../support/world.js'
import { type DoorWorld, keyOptions, startDoorWorld } from './door-world.js'

const bodyOf = (ctx: Context) => (ctx.request as { body?: unknown }).body

for (const kind of EVERY_STORE) {
  describe(`duplicate detection, ${nameOf(kind)}`, () => {
    let world: DoorWorld
    afterEach(() => world.close())

    const start = async (more: Partial<DuplicateOptions> = {}, options: WorldOptions = {}) => {
      world = await startDoorWorld(
        kind,
        (router, once, act) => {
          const key = once.idempotencyKey(keyOptions({ required: false }))
          const options = { name: 'order', windowMs: 60_000, identity: bodyOf, ...more }
          router.post('/orders', key, once.detectDuplicates(options), act)
        },
        options,
      )
    }
    const send = (json: unknown, headers: Record<string, string> = {}) =>
      world.send('POST', '/orders', { json, headers })

    it('[DEDUP-01] within the window suspected and told; after it, it runs', async () => {
      await start({ windowMs: 700 })
      const first = await send({ sku: 'a' })
      const second = await send({ sku: 'a' })
      expect(second.headers.get('Link')).to.include(
        `<${first.headers.get('Location')}>; rel="related urn:post-once-exactly:rel:result"`,
      )
      const told = await expectProblem(second, 409, 'suspected-duplicate')
      expect(told.result).to.equal(first.headers.get('Location'))
      expect(told.override).to.be.a('string')
      await pause(800)
      expect((await send({ sku: 'a' })).status).to.equal(201)
      expect(world.effects).to.have.lengthOf(2)
    })

    it('[DEDUP-01] explicit identity beats content: two keys, two runs', async () => {
      await start()
      for (const key of ['"1"', '"2"']) {
        expect((await send({ sku: 'a' }, { 'Idempotency-Key': key })).status).to.equal(201)
      }
      expect(world.effects).to.have.lengthOf(2)
    })

    it('[DEDUP-01] and two conditions: each step is its own', async () => {
      let version = 0
      world = await startDoorWorld(kind, (router, once, act) => {
        const asSeen = once.conditional({ name: 'c', validator: () => ({ etag: `"${version}"` }) })
        const alike = once.detectDuplicates({ name: 'o', windowMs: 60_000, identity: () => 'same' })
        router.post('/orders', asSeen, alike, (ctx, next) => {
          version += 1
          return act(ctx, next)
        })
      })
      for (const tag of ['"0"', '"1"']) {
        expect((await send({ sku: 'a' }, { 'If-Match': tag })).status).to.equal(201)
      }
    })

    it('[DEDUP-01] and two POE links: two runs', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        const alike = once.detectDuplicates({ name: 'o', windowMs: 60_000, identity: bodyOf })
        const resource = { name: 'linked', path: '/linked/:token' }
        once.resource(router, resource, alike as never, act as never)
        router.get('/linked', ctx => {
          ctx.body = { link: ctx.poe.link('linked') }
        })
      })
      for (let count = 0; count < 2; count += 1) {
        const page = await world.send('GET', '/linked')
        const { link } = (await page.json()) as { link: string }
        expect((await world.send('POST', link, { json: { sku: 'a' } })).status).to.equal(201)
      }
    })

    it('[DEDUP-03] forty alike, half at once: one run, 39 told; a batch is one', async () => {
      await start()
      const one = () => send({ items: [1, 1, 1, 1, 1] }).then(({ status }) => status)
      const statuses = await Promise.all(Array.from({ length: 20 }, one))
      for (let count = 0; count < 20; count += 1) statuses.push(await one())
      expect(statuses.filter(status => status === 201)).to.have.lengthOf(1)
      expect(statuses.filter(status => status === 409)).to.have.lengthOf(39)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[DEDUP-03] the store down: 503, not let through', async () => {
      const lever = storeSwitch()
      await start({}, { wrapStore: lever.wrap })
      lever.mode = 'down'
      await expectProblem(await send({ sku: 'a' }), 503, 'store-down')
      expect(world.effects).to.have.lengthOf(0)
      lever.mode = 'up'
      await until(async () => (await send({ sku: 'a' })).status === 201, 'the store is back')
    })

    it('an override is a request of its own, and works once', async () => {
      await start()
      await send({ sku: 'a' })
      const { override } = (await (await send({ sku: 'a' })).json()) as { override: string }
      const again = () => send({ sku: 'a' }, { 'Duplicate-Override': override })
      const [first, second] = [await again(), await again()]
      expect([first.status, second.status]).to.deep.equal([201, 201])
      expect(second.headers.get('Idempotent-Replayed')).to.equal('true')
      expect(world.effects).to.have.lengthOf(2)
      const wrong = await send({ sku: 'a' }, { 'Duplicate-Override': 'not a value' })
      await expectProblem(wrong, 400, 'override-malformed')
    })

    it('a form can say it in a member, and a page gives the form again', async () => {
      const identity = (ctx: Context) => (bodyOf(ctx) as { sku: string }).sku
      await start({
        identity,
        rerender: (ctx, { result, override }) => {
          ctx.type = 'html'
          const field = `<input name="duplicate-override" value="${override}">`
          ctx.body = `<a href="${result}">x</a>${field}`
        },
      })
      const form = (fields: Record<string, string>) =>
        world.send('POST', '/orders', {
          headers: { Accept: 'text/html' },
          body: new URLSearchParams(fields),
        })
      expect((await form({ sku: 'a' })).status).to.equal(201)
      const page = await form({ sku: 'a' })
      expect(page.status).to.equal(409)
      const [, override = ''] = /value="([\w-]+)"/.exec(await page.text()) ?? []
      expect((await form({ sku: 'a', 'duplicate-override': override })).status).to.equal(201)
      await expectProblem(await send({ sku: 'a' }), 409, 'suspected-duplicate')
      expect(world.effects).to.have.lengthOf(2)
    })

    it('an identity that is nested too deeply is 400, and runs nothing', async () => {
      await start()
      const body = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
      const headers = { 'Content-Type': 'application/json' }
      const refused = await world.send('POST', '/orders', { headers, body })
      await expectProblem(refused, 400, 'too-deep')
      expect(world.effects).to.deep.equal([])
    })

    it('[FALSE-3512] an identity of which JSON shows nothing runs nothing', async () => {
      await start({ identity: ctx => new Map(Object.entries(bodyOf(ctx) as object)) })
      for (const sku of ['a', 'b']) expect((await send({ sku })).status).to.equal(500)
      expect(world.effects).to.deep.equal([])
    })

    it("answer: 'redirect' leads to the first result", async () => {
      await start({ answer: 'redirect' })
      const first = await send({ sku: 'a' })
      const second = await send({ sku: 'a' })
      expect([second.status, second.headers.get('Location')]).to.deep.equal([
        303,
        first.headers.get('Location'),
      ])
    })

    it('a refusal is no first; no identity is no suspicion; other callers are others', async () => {
      let refuse = true
      world = await startDoorWorld(kind, (router, once, act) => {
        const identity = (ctx: Context) => (bodyOf(ctx) as { sku?: string }).sku
        const door = once.detectDuplicates({ name: 'o', windowMs: 60_000, identity })
        router.post('/orders', door, (ctx, next) => (refuse ? ctx.throw(422) : act(ctx, next)))
      })
      expect((await send({ sku: 'a' })).status).to.equal(422)
      refuse = false
      expect((await send({ sku: 'a' })).status).to.equal(201)
      expect([(await send({})).status, (await send({})).status]).to.deep.equal([201, 201])
      expect((await send({ sku: 'a' }, { 'X-User': 'bob' })).status).to.equal(201)
    })

    it('a key door behind it is a mistake, and says so', async () => {
      world = await startDoorWorld(kind, (router, once, act) => {
        const alike = once.detectDuplicates({ name: 'o', windowMs: 60_000, identity: bodyOf })
        router.post('/orders', alike, once.idempotencyKey(keyOptions()), act)
      })
      expect((await send({ sku: 'a' }, { 'Idempotency-Key': '"k"' })).status).to.equal(500)
      expect(world.effects).to.have.lengthOf(0)
    })
  })
}
