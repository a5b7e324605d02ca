/**
 * The stored answer, told again: REPLAY cases, and replay under an id of the application's.
 */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { Context, Middleware } from 'koa'
import { expectProblem } from '../../support/answers.js'
import { EVERY_STORE, nameOf } from '../../support/world.js'
import {
  DAY_MS,
  type DoorWorld,
  inTurn,
  keyOptions,
  sendKeyed,
  startDoorWorld,
} from './door-world.js'

const again: Middleware = ctx => ctx.throw(500, 'it ran again')

/** Mounts one answer under a key; a second run fails. */
function once(answer: (ctx: Context) => unknown) {
  return (kind: Parameters<typeof startDoorWorld>[0]) =>
    startDoorWorld(kind, (router, poe) => {
      router.post('/orders', poe.idempotencyKey(keyOptions()), inTurn(answer, again as never))
    })
}

const EMPTY_OR_FALSY: readonly [string, (ctx: Context) => void][] = [
  ['the text 0', ctx => Object.assign(ctx, { body: '0' })],
  ['JSON false', ctx => json(ctx, 'false')],
  ['JSON null', ctx => json(ctx, 'null')],
  ['an empty text', ctx => Object.assign(ctx, { body: '' })],
  ['204', ctx => Object.assign(ctx, { status: 204 })],
  ['205', ctx => Object.assign(ctx, { status: 205 })],
  [
    'an empty 201 with Location',
    ctx => {
      ctx.status = 201
      ctx.set('Location', '/orders/7')
    },
  ],
]

function json(ctx: Context, text: string): void {
  ctx.body = text
  ctx.type = 'json'
}

for (const kind of EVERY_STORE) {
  describe(`stored answers, ${nameOf(kind)}`, () => {
    let world: DoorWorld
    afterEach(() => world.close())

    for (const [what, answer] of EMPTY_OR_FALSY) {
      it(`[REPLAY-01] ${what} comes again as it was`, async () => {
        world = await once(answer)(kind)
        const first = await sendKeyed(world, '/orders', '"k"')
        const second = await sendKeyed(world, '/orders', '"k"')
        expect(second.status).to.equal(first.status)
        expect(second.headers.get('Idempotent-Replayed')).to.equal('true')
        for (const name of ['Content-Type', 'Content-Length', 'Location']) {
          expect(second.headers.get(name), name).to.equal(first.headers.get(name))
        }
        expect(await second.text()).to.equal(await first.text())
      })
    }

    it('[REPLAY-03] no cookie, no challenge, no field of one exchange comes again', async () => {
      world = await once(ctx => {
        ctx.set('Set-Cookie', ['a=1', 'b=2'])
        ctx.set('WWW-Authenticate', 'Basic')
        ctx.set('X-Request-Id', 'r')
        ctx.set('RateLimit-Remaining', '3')
        ctx.set('Connection', 'x-foo')
        ctx.set('X-Foo', '1')
        ctx.set('ETag', '"e"')
        ctx.status = 201
      })(kind)
      const first = await sendKeyed(world, '/orders', '"k"')
      expect(first.headers.getSetCookie()).to.have.lengthOf(2)
      const second = await sendKeyed(world, '/orders', '"k"')
      for (const name of [
        'Set-Cookie',
        'WWW-Authenticate',
        'X-Request-Id',
        'RateLimit-Remaining',
      ]) {
        expect(second.headers.get(name), name).to.equal(null)
      }
      expect(second.headers.get('X-Foo')).to.equal(null)
      expect(second.headers.get('ETag')).to.equal('"e"')
    })

    const streams: readonly [string, () => unknown][] = [
      ['a Node stream', () => Readable.from([Buffer.from('a'), Buffer.from('b')])],
      ['a web stream', () => new Blob(['ab']).stream()],
      ['a Blob', () => new Blob(['ab'])],
      ['a Response', () => new Response('ab')],
    ]
    for (const [what, body] of streams) {
      it(`[REPLAY-05] ${what} comes again whole`, async () => {
        world = await once(ctx => {
          ctx.body = body()
        })(kind)
        expect(await (await sendKeyed(world, '/orders', '"k"')).text()).to.equal('ab')
        const second = await sendKeyed(world, '/orders', '"k"')
        expect([second.status, await second.text()]).to.deep.equal([200, 'ab'])
      })
    }

    for (const hasLocation of [true, false]) {
      it(`[REPLAY-07] 5 MB, ${hasLocation ? 'with' : 'without'} Location: told so`, async () => {
        world = await once(ctx => {
          ctx.status = 201
          if (hasLocation) ctx.set('Location', '/orders/7')
          ctx.body = Buffer.alloc(5_000_000, 'x')
        })(kind)
        const first = await sendKeyed(world, '/orders', '"k"')
        expect((await first.arrayBuffer()).byteLength).to.equal(5_000_000)
        const second = await sendKeyed(world, '/orders', '"k"')
        if (hasLocation) {
          expect([second.status, second.headers.get('Location')]).to.deep.equal([303, '/orders/7'])
          expect(second.headers.get('Idempotent-Replayed')).to.equal('true')
        } else {
          const problem = await expectProblem(second, 409, 'body-not-kept')
          expect(problem.title).to.equal('It is done')
        }
      })
    }

    it('[REPLAY-09] a stream that breaks is never told as whole, and not run again', async () => {
      world = await once(ctx => {
        ctx.status = 201
        ctx.set('Location', '/orders/7')
        ctx.body = Readable.from(
          (async function* broken() {
            yield Buffer.from('half')
            throw new Error('broken')
          })(),
        )
      })(kind)
      const first = await sendKeyed(world, '/orders', '"k"')
      expect(await first.text().catch(() => 'broken off')).to.equal('broken off')
      const second = await sendKeyed(world, '/orders', '"k"')
      expect([second.status, await second.text()]).to.deep.equal([303, ''])
    })

    it('[FAIL-05] a 303 after success is kept, and comes again', async () => {
      world = await once(ctx => ctx.redirect('/orders/7'))(kind)
      const statuses = []
      for (let tries = 0; tries < 2; tries += 1) {
        const { status, headers } = await sendKeyed(world, '/orders', '"k"')
        statuses.push([status, headers.get('Location')])
      }
      expect(statuses).to.deep.equal([
        [302, '/orders/7'],
        [302, '/orders/7'],
      ])
    })
  })

  describe(`replay by an application's id, ${nameOf(kind)}`, () => {
    let world: DoorWorld
    afterEach(() => world.close())

    it('the id comes from a member, a field or the query; none is 400, or passes', async () => {
      const options = { retentionMs: DAY_MS, dangerouslyNotDurable: true }
      const memberOf = (ctx: Context) =>
        (ctx.request as unknown as { body: { id?: string } }).body.id
      world = await startDoorWorld(kind, (router, poe, act) => {
        const query = (ctx: Context) => String(ctx.query.action ?? '')
        router.post('/member', poe.replay({ name: 'm', key: memberOf, ...options }), act)
        router.all(
          '/query',
          poe.replay({ name: 'q', key: query, required: false, ...options }),
          act,
        )
      })
      for (let tries = 0; tries < 2; tries += 1) {
        await world.send('POST', '/member', { json: { id: 'x' } })
        await world.send('DELETE', '/query?action=7')
      }
      expect(world.effects).to.deep.equal(['/member', '/query'])
      await expectProblem(await world.send('POST', '/member', { json: {} }), 400, 'key-missing')
      await world.send('DELETE', '/query')
      expect(world.effects).to.have.lengthOf(3)
    })

    it('of two doors on one route the first that finds a name decides', async () => {
      const options = { retentionMs: DAY_MS, dangerouslyNotDurable: true, required: false }
      world = await startDoorWorld(kind, (router, poe, act) => {
        const key = poe.idempotencyKey({ name: 'k', ...options })
        const id = (ctx: Context) => ctx.get('X-Id') || null
        router.post('/both', key, poe.replay({ name: 'r', key: id, ...options }), act)
      })
      const send = (headers: Record<string, string>) =>
        world.send('POST', '/both', { json: {}, headers }).then(({ status }) => status)
      for (const name of ['"a"', '"b"', '"a"']) {
        expect(await send({ 'Idempotency-Key': name, 'X-Id': '1' })).to.equal(201)
      }
      expect(world.effects, 'the id is not looked at').to.have.lengthOf(2)
      for (let tries = 0; tries < 2; tries += 1) expect(await send({ 'X-Id': '1' })).to.equal(201)
      expect(world.effects).to.have.lengthOf(3)
    })

    it('a DELETE is confirmed again; a late PUT does not overwrite what came later', async () => {
      let state = 'none'
      const key = (ctx: Context) => ctx.get('X-Id')
      const put: Middleware = ctx => {
        state = String((ctx.request as unknown as { body: { to: string } }).body.to)
        ctx.body = { state }
      }
      world = await startDoorWorld(kind, (router, poe) => {
        const door = poe.replay({
          name: 's',
          key,
          retentionMs: DAY_MS,
          dangerouslyNotDurable: true,
        })
        router.put('/state', door, put)
        router.delete(
          '/state',
          door,
          inTurn(ctx => {
            state = 'none'
            ctx.status = 204
          }, again as never),
        )
      })
      const send = (method: string, id: string, to?: string) =>
        world.send(method, '/state', { headers: { 'X-Id': id }, ...(to && { json: { to } }) })
      await send('PUT', '1', 'a')
      await send('PUT', '2', 'b')
      const late = await send('PUT', '1', 'a')
      expect([await late.json(), state]).to.deep.equal([{ state: 'a' }, 'b'])
      expect((await send('DELETE', '3')).status).to.equal(204)
      expect((await send('DELETE', '3')).status).to.equal(204)
    })

    it("replay: 'current' answers a repeat from what is there now, and does nothing", async () => {
      let quantity = 0
      world = await startDoorWorld(kind, (router, poe, act) => {
        const door = poe.replay({
          name: 'c',
          key: ctx => ctx.get('X-Id'),
          retentionMs: DAY_MS,
          dangerouslyNotDurable: true,
          replay: 'current',
          current: (ctx, first) => {
            ctx.body = { quantity, first }
          },
        })
        router.post('/orders', door, act)
      })
      const headers = { 'X-Id': '1' }
      await world.send('POST', '/orders', { headers, json: {} })
      quantity = 9
      const second = await world.send('POST', '/orders', { headers, json: {} })
      expect(await second.json()).to.deep.equal({
        quantity: 9,
        first: { status: 201, location: '/orders/1' },
      })
      expect(second.headers.get('Idempotent-Replayed')).to.equal('true')
      expect(world.effects).to.have.lengthOf(1)
    })

    it("[FALSE-4025] replay: 'current' that says nothing is an error, and no 404", async () => {
      const errors: string[] = []
      world = await startDoorWorld(
        kind,
        (router, poe, act) => {
          const common = { retentionMs: DAY_MS, dangerouslyNotDurable: true, replay: 'current' }
          const key = (ctx: Context) => ctx.get('X-Id')
          const silent = poe.replay({ name: 'silent', key, ...common, current: () => {} } as never)
          const gone = { name: 'gone', key, ...common, current: (ctx: Context) => ctx.throw(404) }
          router.post('/silent', silent, act)
          router.post('/gone', poe.replay(gone as never), act)
        },
        { extend: app => void app.on('error', error => errors.push(String(error))) },
      )
      const headers = { 'X-Id': '1' }
      for (const [path, status] of [
        ['/silent', 500],
        ['/gone', 404],
      ] as const) {
        expect((await world.send('POST', path, { headers, json: {} })).status).to.equal(201)
        expect((await world.send('POST', path, { headers, json: {} })).status).to.equal(status)
      }
      expect(errors[0]).to.equal('TypeError: current(ctx) set neither a status nor a body')
      expect(world.effects).to.have.lengthOf(2)
    })
  })
}
