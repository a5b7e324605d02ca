/**
 * One claim inside another, as a condition that is judged at a link or under a key: each hears what
 * the handler says.
 */
import { Readable } from 'node:stream'
import { expect } from 'chai'
import type { Context } from 'koa'
import type { RequestPoe } from 'post-once-exactly/koa'
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { expectProblem, expectSpent } from '../support/answers.js'
import { BOUNDED_MS, type Latch, latch, until } from '../support/meeting.js'
import { placeOrder, startWorld, type World, type WorldOptions } from '../support/world.js'

const KINDS = ([3, 2] as const).map(koa => ({ store: 'memory', koa, at: 'root' }) as const)
const KEPT = { retentionMs: 60_000, dangerouslyNotDurable: true }
const BODY = { json: { sku: 'a' } }
/** Names no state, so that the condition itself cannot tell a repeat from a second change. */
const ANY = { 'If-Match': '*' }
const NAMED = { ...ANY, 'Idempotency-Key': '"k"' }

for (const kind of KINDS) {
  describe(`impatient middleware around two claims, Koa ${kind.koa}`, () => {
    let world: World
    let patience: Latch
    let door: Latch
    let version: number
    afterEach(() => world.close())

    const impatient = async (ctx: Context, next: () => Promise<unknown>) => {
      if (patience.isOpen) return await next()
      const over = patience.opened.then(() => {
        ctx.status = 503
        ctx.body = 'too slow'
      })
      return await Promise.race([next(), over])
    }
    const start = async (handler: NonNullable<WorldOptions['handler']>) => {
      patience = latch()
      door = latch()
      version = 1
      const act = async (ctx: Context) => {
        world.runs += 1
        if (world.runs === 1) await door.opened
        version += 1
        await handler(ctx, world)
      }
      world = await startWorld(kind, {
        outside: [impatient],
        handler: async (ctx, here) => {
          here.runs -= 1
          await act(ctx)
        },
        extend: (app, router, once) => {
          const validator = () => ({ etag: `"${version}"` })
          const key = once.idempotencyKey({ name: 'pay', ...KEPT })
          const step = once.conditional({ name: 'step', validator })
          router.post('/pay', impatient, key, step, act)
          const linked = once.conditional({ name: 'linked', validator })
          app.use((ctx, next) => (ctx.path === '/pay' ? next() : linked(ctx, next)))
        },
      })
    }
    /** The client is told 503, and the handler says what it says afterwards. */
    const overtake = async (path: string, headers: Record<string, string>) => {
      const waiting = world.send('POST', path, { ...BODY, headers })
      await until(() => world.runs === 1, 'the handler runs')
      patience.open()
      expect((await waiting).status).to.equal(503)
      door.open()
    }
    const told = (type: string, times: number) =>
      until(() => world.events.filter(event => event.type === type).length === times, type)

    it('[FALSE-4002] a success afterwards uses the link up: no second effect', async () => {
      await start(placeOrder)
      const link = await world.link()
      await overtake(link, ANY)
      await told('spent', 2)
      await expectSpent(
        await world.send('POST', link, { ...BODY, headers: ANY }),
        '/orders/1',
        link,
      )
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[FALSE-4002] and the key, which tells it again', async () => {
      await start(placeOrder)
      await overtake('/pay', NAMED)
      await told('spent', 2)
      const again = await world.send('POST', '/pay', { ...BODY, headers: NAMED })
      expect([again.status, await again.json()]).to.deep.equal([201, { id: 1 }])
      expect(again.headers.get('Idempotent-Replayed')).to.equal('true')
      expect(world.effects).to.have.lengthOf(1)
    })

    it('[FALSE-4002] a refusal frees both, a surprise leaves both in doubt', async () => {
      await start((ctx, here) => (here.runs > 1 ? placeOrder(ctx, here) : ctx.throw(422)))
      await overtake('/pay', NAMED)
      await told('released', 2)
      expect((await world.send('POST', '/pay', { ...BODY, headers: NAMED })).status).to.equal(201)
      await world.close()
      await start(() => Promise.reject(new Error('planted')))
      await overtake('/pay', NAMED)
      await told('undecided', 2)
      const again = await world.send('POST', '/pay', { ...BODY, headers: NAMED })
      await expectProblem(again, 409, 'undecided')
      expect(world.runs).to.equal(1)
    })
  })
}

describe('a claim inside another, whose handler is overdue', () => {
  const late = async (body: () => unknown) => {
    const kind = { store: 'sqlite', koa: 3, at: 'root' } as const
    const door = latch()
    const world = await startWorld(kind, {
      poe: { leaseMs: 100 },
      extend: (_app, router, once) => {
        const key = once.idempotencyKey({ name: 'pay', retentionMs: 60_000, maxRunMs: 1 })
        const validator = () => ({ etag: '"1"' })
        const step = { name: 'step', validator, transactional: true, maxRunMs: 20 } as const
        router.post('/pay', key, once.conditional(step), async ctx => {
          await (ctx.poe as RequestPoe<SqliteTransaction>).tx.run('CREATE TABLE tea (sku TEXT)')
          await door.opened
          ctx.body = body()
        })
      },
    })
    try {
      const { status } = await world.send('POST', '/pay', { ...BODY, headers: NAMED })
      expect(status).to.equal(409)
      // The door inside, whose time is over last, has let go of its transaction.
      const isOver = () => world.events.some(({ type }) => type === 'released')
      await until(isOver, 'both are overdue')
      door.open()
      const isQuiet = async () => (await world.once.status()).atWork === 0
      await until(isQuiet, 'nothing is at work', BOUNDED_MS)
      const again = await world.send('POST', '/pay', { ...BODY, headers: NAMED })
      await expectProblem(again, 409, 'undecided')
    } finally {
      await world.close()
    }
  }

  it('[FALSE-4649] and gives a body in pieces then: nothing is left at work', async () => {
    await late(() => Readable.from(['done']))
  })

  it('[FALSE-4650] and says that it is done then: what is undone is not', async () => {
    await late(() => 'done')
  })
})
