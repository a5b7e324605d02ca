/**
 * The profiles of the key door, the policy document, and what is refused when a door is made.
 */
import { setTimeout as pause } from 'node:timers/promises'
import Router from '@koa/router'
import { expect } from 'chai'
import type { Context } from 'koa'
import { type IdempotencyKeyOptions, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { PostgresTransaction } from 'post-once-exactly/stores/postgres'
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { expectProblem } from '../../support/answers.js'
import { openRequest } from '../../support/open-request.js'
import { INSTALLED_STORES } from '../../support/stores.js'
import type { WorldKind } from '../../support/world.js'
import {
  DAY_MS,
  type DoorWorld,
  inTurn,
  keyOptions,
  type Mount,
  sendKeyed,
  startDoorWorld,
} from './door-world.js'

const MEMORY: WorldKind = { store: 'memory', koa: 3, at: 'root' }
const PREFIX: WorldKind = { store: 'memory', koa: 2, at: 'prefix' }
const work = (ctx: Context) => {
  ctx.status = 201
  ctx.body = { done: true }
}

describe('profiles of the key door', () => {
  let world: DoorWorld
  afterEach(() => world.close())

  describe('stripe', () => {
    const options = keyOptions({ profile: 'stripe', retentionMs: undefined })

    it('keeps whatever was answered, refusals and surprises too, word for word', async () => {
      const throws: readonly ((ctx: Context) => unknown)[] = [
        ctx => ctx.throw(402, 'no money', { headers: { 'X-Why': 'card' } }),
        () => {
          throw new Error('secret detail')
        },
        ctx => ctx.throw(500, 'secret detail'),
      ]
      world = await startDoorWorld(MEMORY, (router, once) => {
        for (const [index, step] of throws.entries()) {
          const door = once.idempotencyKey({ ...options, name: `door-${index}` })
          router.post(`/${index}`, door, inTurn(step, work))
        }
      })
      for (const [path, status, text] of [
        ['/0', 402, 'no money'],
        ['/1', 500, 'Internal Server Error'],
        ['/2', 500, 'Internal Server Error'],
      ] as const) {
        const first = await sendKeyed(world, path, 'k')
        const again = await sendKeyed(world, path, 'k')
        expect([first.status, await first.text()]).to.deep.equal([status, text])
        expect([again.status, await again.text()]).to.deep.equal([status, text])
        expect(again.headers.get('Idempotent-Replayed')).to.equal('true')
        expect(again.headers.get('Stripe-Should-Retry')).to.equal('false')
      }
    })

    it('keeps an error that isRefusal accepts in its own words', async () => {
      class NoMoney extends Error {
        readonly status = 402
        readonly expose = true
        readonly headers = { 'X-Why': 'card' }
      }
      world = await startDoorWorld(MEMORY, (router, once) => {
        const isRefusal = (error: unknown) => error instanceof NoMoney
        const refuse = () => {
          throw new NoMoney('no money')
        }
        router.post('/own', once.idempotencyKey({ ...options, isRefusal }), inTurn(refuse, work))
      })
      for (const time of ['first', 'again']) {
        const told = await sendKeyed(world, '/own', 'k')
        expect([told.status, await told.text()], time).to.deep.equal([402, 'no money'])
      }
    })

    it('[FALSE-4447] a refusal too large to be kept is repeated as one', async () => {
      const large = 'declined '.repeat(40_000)
      world = await startDoorWorld(MEMORY, (router, once) => {
        router.post('/pay', once.idempotencyKey(options), ctx => {
          ctx.status = 402
          ctx.set('Location', '/charges/other')
          ctx.body = large
        })
      })
      const first = await sendKeyed(world, '/pay', 'k')
      expect([first.status, await first.text()]).to.deep.equal([402, large])
      const again = await sendKeyed(world, '/pay', 'k')
      expect(again.headers.get('Stripe-Should-Retry')).to.equal('false')
      await expectProblem(again, 402, 'body-not-kept')
    })

    for (const rule of ['transactional', 'marks', 'releaseOnThrow']) {
      it(`a surprise is not kept where nothing happened: ${rule}`, async () => {
        const kind: WorldKind = { store: 'sqlite', koa: 3, at: 'root' }
        const boom = () => {
          throw new Error('a surprise')
        }
        world = await startDoorWorld(kind, (router, once) => {
          const door = once.idempotencyKey({ ...options, [rule]: true })
          router.post(
            '/pay',
            door,
            inTurn(boom, ctx => ctx.throw(402, 'no money'), work),
          )
        })
        expect((await sendKeyed(world, '/pay', 'k')).status).to.equal(500)
        expect((await sendKeyed(world, '/pay', 'k')).status).to.equal(402)
        expect((await sendKeyed(world, '/pay', 'k')).status, 'kept').to.equal(402)
      })
    }

    for (const rule of ['transactional', 'marks']) {
      it(`[FALSE-4648] a redirect that leads nowhere, of what is undone: ${rule}`, async () => {
        const kind: WorldKind = { store: 'sqlite', koa: 3, at: 'root' }
        const lead = (ctx: Context) => {
          ctx.status = 303
        }
        world = await startDoorWorld(kind, (router, once) => {
          const door = once.idempotencyKey({ ...options, [rule]: true })
          router.post('/pay', door, inTurn(lead, work))
        })
        expect((await sendKeyed(world, '/pay', 'k')).status).to.equal(500)
        expect((await sendKeyed(world, '/pay', 'k')).status).to.equal(201)
      })
    }

    for (const store of INSTALLED_STORES.filter(each => each === 'sqlite' || each === 'postgres')) {
      it(`a kept refusal undoes what the handler wrote, ${store}`, async () => {
        const table = `kept_${process.pid}_${Date.now()}`
        const run = async (ctx: Context, sql: string): Promise<number> => {
          const { tx } = ctx.poe as { tx: Partial<SqliteTransaction & PostgresTransaction> }
          if (tx.query !== undefined) return (await tx.query(sql)).rows.length
          if (sql.startsWith('SELECT')) return (await tx.all?.(sql))?.length ?? 0
          await tx.run?.(sql)
          return 0
        }
        world = await startDoorWorld({ store, koa: 3, at: 'root' }, (router, once) => {
          const door = once.idempotencyKey({ ...options, transactional: true })
          router.post('/pay', door, async ctx => {
            const { sql, status } = ctx.request.body as { sql: string; status: number }
            ctx.body = { rows: await run(ctx as Context, sql.replace('$', table)) }
            ctx.status = status
          })
        })
        const send = async (key: string, sql: string, status: number) => {
          const answer = await sendKeyed(world, '/pay', key, { sql, status })
          return [answer.status, ((await answer.json()) as { rows: number }).rows]
        }
        expect(await send('1', 'CREATE TABLE $ (n integer)', 201)).to.deep.equal([201, 0])
        const insert = 'INSERT INTO $ VALUES (1)'
        expect(await send('2', insert, 402)).to.deep.equal([402, 0])
        expect(await send('2', insert, 402), 'kept').to.deep.equal([402, 0])
        expect(await send('3', 'SELECT n FROM $', 200), 'undone').to.deep.equal([200, 0])
        expect(await send('4', insert, 201)).to.deep.equal([201, 0])
        expect(await send('5', 'SELECT n FROM $', 200)).to.deep.equal([200, 1])
        expect(await send('6', 'DROP TABLE $', 200)).to.deep.equal([200, 0])
      })
    }

    it('refusals carry an error member, so that its clients see no success in them', async () => {
      world = await startDoorWorld(MEMORY, (router, once) => {
        router.post('/pay', once.idempotencyKey(options), work)
      })
      await sendKeyed(world, '/pay', 'k')
      const refused = await sendKeyed(world, '/pay', 'k', { a: 2 })
      const { error } = (await refused.json()) as { error: Record<string, string> }
      expect(refused.status).to.equal(400)
      expect(error).to.include({ type: 'idempotency_error', code: 'mismatch' })
      expect(refused.headers.get('Stripe-Should-Retry')).to.equal('false')
      expect((await sendKeyed(world, '/pay', '"k"')).status, 'quoted is the same').to.equal(201)
    })
  })

  describe('repeatable-requests', () => {
    const now = () => new Date().toUTCString()
    const start = async (retentionMs = DAY_MS, clock = Date.now) => {
      const options = keyOptions({ profile: 'repeatable-requests', retentionMs })
      const mount: Mount = (router, once, act) => {
        router.post('/orders', once.idempotencyKey(options), act)
        router.post('/plain', once.refuseRepeatability(), act)
        const failing = once.idempotencyKey({ ...options, name: 'failing' })
        const down = (ctx: Context) => ctx.throw(503, 'down')
        const refuse = (ctx: Context) => ctx.throw(422, 'no')
        router.post('/failing', failing, inTurn(down, refuse, work))
      }
      world = await startDoorWorld(MEMORY, mount, { now: clock })
    }
    const send = (path: string, id: string | null, sent: string | null, json: unknown = {}) =>
      world.send('POST', path, {
        json,
        headers: {
          ...(id !== null && { 'Repeatability-Request-ID': id }),
          ...(sent !== null && { 'Repeatability-First-Sent': sent }),
        },
      })
    const resultOf = (response: Response) => [
      response.status,
      response.headers.get('Repeatability-Result'),
    ]

    it('accepted, repeated, and refused for what differs', async () => {
      await start()
      const sent = now()
      expect(resultOf(await send('/orders', 'a', sent))).to.deep.equal([201, 'accepted'])
      expect(resultOf(await send('/orders', 'a', sent))).to.deep.equal([201, 'accepted'])
      expect(resultOf(await send('/orders', 'a', sent, { b: 1 }))).to.deep.equal([400, 'rejected'])
      const other = new Date(Date.now() - 5_000).toUTCString()
      expect(resultOf(await send('/orders', 'a', other))).to.deep.equal([400, 'rejected'])
      expect(world.effects).to.have.lengthOf(1)
    })

    it('half of it, or what cannot be read: 400', async () => {
      await start()
      for (const [id, sent] of [
        ['a', null],
        [null, now()],
        ['a', 'yesterday'],
        ['x'.repeat(256), now()],
        [null, null],
      ] as const) {
        expect(resultOf(await send('/orders', id, sent))).to.deep.equal([400, 'rejected'])
      }
    })

    it('outside the window: 412, and what was forgotten never runs again', async () => {
      await start(1_000)
      const sent = now()
      await send('/orders', 'a', sent)
      await pause(2_100)
      const late = await send('/orders', 'a', sent)
      expect(resultOf(late)).to.deep.equal([412, 'rejected'])
      await expectProblem(late, 412, 'outside-window')
      const future = new Date(Date.now() + 3_600_000).toUTCString()
      expect((await send('/orders', 'b', future)).status).to.equal(412)
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[FALSE-4441] a repeat whose content comes after its key is forgotten: 412', async () => {
      let aheadMs = 0
      await start(1_000, () => Date.now() + aheadMs)
      const sent = now()
      expect(resultOf(await send('/orders', 'a', sent))).to.deep.equal([201, 'accepted'])
      const { stream, told } = openRequest(
        { port: world.port, isHttp2: false },
        'POST',
        '/orders',
        {
          ...{ 'Content-Type': 'application/json', 'Content-Length': 2 },
          ...{ 'Repeatability-Request-ID': 'a', 'Repeatability-First-Sent': sent },
        },
      )
      stream.write('{')
      await pause(50)
      aheadMs = 120_000
      stream.end('}')
      const { status, body, headers } = await told
      expect(world.effects).to.have.lengthOf(1)
      expect([status, headers['repeatability-result']], body).to.deep.equal([412, 'rejected'])
      expect(JSON.parse(body).type).to.equal('urn:post-once-exactly:problem:outside-window')
    })

    it('a 5xx is done again, a 4xx is kept', async () => {
      await start()
      const sent = now()
      const statuses = []
      for (let tries = 0; tries < 3; tries += 1) {
        statuses.push((await send('/failing', 'a', sent)).status)
      }
      expect(statuses).to.deep.equal([503, 422, 422])
    })

    it('501 where it is not kept, and nothing runs', async () => {
      await start()
      expect(resultOf(await send('/plain', 'a', now()))).to.deep.equal([501, 'rejected'])
      expect(world.effects).to.deep.equal([])
      expect((await send('/plain', null, null)).status).to.equal(201)
    })
  })

  it('[IK-2.5.2-1, IK-2.5.2-2, IK-2.3-2] the rules are published, expiry included', async () => {
    world = await startDoorWorld(PREFIX, (router, once) => {
      once.policy(router, '/policy')
      router.post('/orders', once.idempotencyKey(keyOptions()), work)
      const format = /^[0-9a-f-]{36}$/g
      const more = keyOptions({ name: 'uuid', format, retentionMs: null, fingerprint: ['/a'] })
      router.post('/uuid', once.idempotencyKey(more), work)
      const repeatable = keyOptions({ name: 'rr', profile: 'repeatable-requests' })
      router.post('/rr', once.idempotencyKey({ ...repeatable, waitMs: 50 }), work)
    })
    const refused = await sendKeyed(world, `/shop/v1/orders`, null)
    expect(refused.headers.get('Link')).to.equal('</shop/v1/policy>; rel="describedby"')
    const policy = await world.send('GET', '/shop/v1/policy')
    const { operations } = (await policy.json()) as { operations: Record<string, never>[] }
    expect(operations.map(({ operation }) => operation)).to.deep.equal(['key', 'uuid', 'rr'])
    expect(operations[0]?.expiry).to.deep.include({ retentionSeconds: 86_400 })
    expect(operations[1]?.expiry).to.deep.include({ retentionSeconds: null })
    // What becomes of a key after that: it runs again, never ends, or is refused by its date.
    for (const [index, told] of [/runs again/, /never expires/, /never runs again/].entries()) {
      expect(operations[index]?.expiry).to.have.property('afterwards').that.matches(told)
    }
    expect(operations[1]?.keyFormat).to.include({ pattern: '^[0-9a-f-]{36}$' })
    expect((await world.send('OPTIONS', '/shop/v1/policy')).status).to.equal(204)
    const bad = await sendKeyed(world, '/shop/v1/uuid', '"k"')
    await expectProblem(bad, 400, 'key-malformed')
    const uuid = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
    for (let tries = 0; tries < 3; tries += 1) {
      expect((await sendKeyed(world, '/shop/v1/uuid', uuid)).status).to.equal(201)
    }
  })

  it('[FALSE-4254, H-405-1] the policy is only read: all else is 405, never kept', async () => {
    world = await startDoorWorld(PREFIX, (router, once) => once.policy(router, '/policy'))
    const { status, headers } = await world.send('PUT', '/shop/v1/policy')
    const told = [status, headers.get('Allow'), headers.get('Cache-Control')]
    expect(told).to.deep.equal([405, 'GET, HEAD', 'no-store'])
  })

  it('a documentation of its own takes the place of the policy', async () => {
    world = await startDoorWorld(MEMORY, (router, once) => {
      once.policy(router, '/policy')
      const door = once.idempotencyKey(keyOptions({ documentation: 'https://a.example/rules' }))
      router.post('/orders', door, work)
    })
    const refused = await sendKeyed(world, '/orders', null)
    expect(refused.headers.get('Link')).to.equal('<https://a.example/rules>; rel="describedby"')
  })

  it('what a door is made with is checked, and the error says what to do', async () => {
    world = await startDoorWorld(MEMORY, () => {})
    const once = poe({ store: memoryStore(), principal: () => 'p' })
    let made = 0
    const key = (options: object) => () => {
      made += 1
      const door = { name: `k${made}`, retentionMs: 1_000, ...options }
      return once.idempotencyKey(door as IdempotencyKeyOptions)
    }
    const current = () => {}
    for (const [make, words] of [
      [key({}), /store forgets at a restart.*dangerouslyNotDurable/],
      [key({ retentionMs: undefined }), /say how long a key is remembered/],
      [key({ retentionMs: 5 }), /retentionMs must be a number from 1000/],
      [key({ profile: 'toString' }), /no profile toString; known are draft-07/],
      [key({ profile: 'repeatable-requests', retentionMs: null }), /give retentionMs/],
      [key({ syntax: 'loose' }), /syntax must be/],
      [key({ format: '^ord-' }), /format must be a RegExp/],
      [key({ kept: 'some' }), /kept must be/],
      [key({ fingerprint: [] }), /fingerprint must be/],
      [key({ fingerprint: ['amount'] }), /fingerprint must be/],
      [key({ waitMs: -1 }), /waitMs must be/],
      [key({ unknown: 1 }), /no option unknown; known are name/],
      [key({ name: '' }), /needs a name/],
      [key({ name: undefined }), /needs options with a name/],
      [key({ documentation: 'not a uri' }), /documentation must be/],
      [key({ contentLimitBytes: -1 }), /contentLimitBytes must be/],
      [key({ transactional: true }), /has no transactions/],
      [() => once.replay({ name: 'r', retentionMs: 1_000 } as never), /give key/],
      [() => once.replay({ name: 'r2', key: () => 'x', retentionMs: 1 }), /retentionMs must be/],
      [replay({ replay: 'current' }), /need each other/],
      [replay({ current }), /need each other/],
      [replay({ replay: 'other' }), /must be 'stored' or 'current'/],
      [() => once.conditional({ name: 'c' }), /give validator, or exists/],
      [() => once.detectDuplicates({ name: 'd', windowMs: 1 } as never), /declare identity/],
      [duplicates({ windowMs: 0 }), /windowMs must be/],
      [duplicates({ answer: 'perhaps' }), /answer must be/],
      [() => once.actions(new Router(), '/a', { name: 'a' } as never), /give do/],
      [() => once.actions({} as never, '/a', { name: 'b' } as never), /must be a router/],
    ] as const) {
      expect(make, String(words)).to.throw(words)
    }
    function replay(options: object) {
      const name = JSON.stringify(Object.entries(options))
      return () => once.replay({ name, key: () => 'x', retentionMs: null, ...options } as never)
    }
    function duplicates(options: object) {
      const name = JSON.stringify(options)
      return () =>
        once.detectDuplicates({ name, windowMs: 1, identity: () => 1, ...options } as never)
    }
    const twice = () => once.conditional({ name: 'same', validator: () => null })
    twice()
    expect(twice).to.throw(/is there already/)
  })
})
