/** `ctx.poe.later()` and `once.worker()` through HTTP, on each store that keeps an outbox. */
import { expect } from 'chai'
import type { Context } from 'koa'
import {
  type Delivered,
  PermanentError,
  type PoeEvent,
  type RequestPoe,
  type WorkerOptions,
} from 'post-once-exactly/koa'
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import type { OutboxStore } from '../../lib/engine/outbox/outbox-store.js'
import { PoeError } from '../../lib/errors.js'
import { until } from '../support/meeting.js'
import { EVERY_STORE, nameOf, startWorld, type World } from '../support/world.js'

const SQLITE = { store: 'sqlite', koa: 3, at: 'root' } as const

const TRANSACTIONAL = EVERY_STORE.filter(({ store }) => store === 'sqlite' || store === 'postgres')

/** As an application without declared messages calls it. */
type Later = (name: string, payload: unknown, options?: object) => Promise<string>
const later = (ctx: Context): Later => ctx.poe.later.bind(ctx.poe) as Later

for (const kind of TRANSACTIONAL) {
  describe(`messages of a transaction, ${nameOf(kind)}`, () => {
    let world: World
    afterEach(() => world.close())

    const start = async (handler: (ctx: Context, world: World) => unknown) => {
      world = await startWorld(kind, { resource: { transactional: true }, handler })
    }
    const post = async () => {
      const link = await world.link()
      const { status } = await world.send('POST', link, { json: { sku: 'tea' } })
      return { link, status }
    }
    const waiting = async () => {
      const counts = await world.once.outbox.counts()
      return counts.reduce((sum, count) => sum + count.waiting + count.running, 0)
    }
    const work = (handler: (message: Delivered) => unknown, options: WorkerOptions = {}) => {
      const worker = world.once.worker({ mail: handler } as object, { pollMs: 20, ...options })
      worker.start()
      return worker
    }
    const told = (type: PoeEvent['type']) => world.events.filter(event => event.type === type)

    it('[OUT-01] a message is delivered with its key, once its link is spent', async () => {
      const keys: string[] = []
      await start(async ctx => {
        keys.push(await later(ctx)('mail', { to: 'Ada', by: ctx.poe.key }))
        ctx.status = 201
      })
      const seen: Delivered[] = []
      work(message => void seen.push(message), { pollMs: 60_000 })
      expect((await post()).status).to.equal(201)
      await until(() => told('outbox-delivered').length === 1, 'the delivery')
      expect(seen.map(({ key, name, attempt }) => [key, name, attempt])).to.deep.equal([
        [keys[0], 'mail', 1],
      ])
      const [written] = told('outbox-written')
      expect(written).to.include({ key: keys[0], name: 'mail' })
      const by = written?.type === 'outbox-written' ? written.by : ''
      expect(seen[0]?.payload).to.deep.equal({ to: 'Ada', by })
      expect(await waiting()).to.equal(0)
    })

    for (const [how, fail] of [
      ['refuses', (ctx: Context) => ctx.throw(409, 'sold out')],
      ['answers 422', (ctx: Context) => Object.assign(ctx, { status: 422 })],
      ['throws', () => Promise.reject(new Error('broken'))],
    ] as const) {
      for (const awaits of [true, false]) {
        const does = awaits ? 'awaits' : 'does not await'
        it(`[OUT-01, OUT-09] a handler that ${does} it and ${how} leaves no message`, async () => {
          await start(async ctx => {
            const written = later(ctx)('mail', {})
            if (awaits) await written
            await fail(ctx)
          })
          expect((await post()).status).to.be.above(400)
          expect([await waiting(), told('outbox-written').length]).to.deep.equal([0, 0])
        })
      }
    }

    it('[OUT-09] a success does not go without a message that was not awaited', async () => {
      await start(ctx => {
        void later(ctx)('mail', { n: 1 })
        void later(ctx)('mail', { n: 2 })
        ctx.status = 201
      })
      expect((await post()).status).to.equal(201)
      expect(await waiting()).to.equal(2)
    })

    it('[OUT-10] what is no message is refused at once, and nothing happens', async () => {
      const circle: Record<string, unknown> = {}
      circle.self = circle
      const faults: readonly (readonly [unknown, unknown, object?])[] = [
        ['a b', {}],
        ['mail', circle],
        ['mail', 'x'.repeat(70_000)],
        ['mail', {}, { delay: 1 }],
      ]
      const thrown: string[] = []
      await start((ctx, { runs }) => {
        const [name, payload, options] = faults[runs - 1] ?? []
        try {
          void later(ctx)(name as string, payload, options)
        } catch (error) {
          thrown.push((error as Error).message)
          throw error
        }
        ctx.status = 201
      })
      for (const _ of faults) expect((await post()).status).to.equal(500)
      expect(thrown).to.have.lengthOf(faults.length)
      for (const message of thrown) expect(message).to.match(/^ctx\.poe\.later\(\)/)
      expect(thrown.join(' ')).to.include('Write the content to a table of yours')
      expect(await waiting()).to.equal(0)
    })

    it('[OUT-06] an operator sees what is dead, and revives or drops it', async () => {
      await start(async ctx => {
        await later(ctx)('mail', { to: 'Ada' })
        await later(ctx)('mail', { to: 'Bob' })
        ctx.status = 201
      })
      await post()
      const seen: string[] = []
      let isBroken = true
      work(({ key }) => {
        seen.push(key)
        if (isBroken) throw Object.assign(new Error('refused'), { retry: false })
      })
      await until(() => told('outbox-dead').length === 2, 'both')
      const dead = []
      for await (const letter of world.once.outbox.dead()) dead.push(letter)
      expect(dead.map(({ payload }) => payload)).to.deep.equal([{ to: 'Ada' }, { to: 'Bob' }])
      expect(dead[0]).to.include({ name: 'mail', attempts: 1, error: 'Error: refused' })
      isBroken = false
      const [first = '', second = ''] = dead.map(({ key }) => key)
      expect(await world.once.outbox.revive(first)).to.equal(true)
      expect(await world.once.outbox.drop(second)).to.equal(true)
      expect(await world.once.outbox.drop(second)).to.equal(false)
      await until(() => told('outbox-delivered').length === 1, 'the delivery')
      expect(seen).to.deep.equal([first, second, first])
      const events = [...told('outbox-revived'), ...told('outbox-dropped')]
      expect(events.map(event => 'key' in event && event.key)).to.deep.equal([first, second])
    })

    it('[FALSE-3921] the dead are told, also if they are too large to come together', async () => {
      await start(async ctx => {
        for (const to of ['Ada', 'Bob', 'Cy']) await later(ctx)('mail', { to })
        ctx.status = 201
      })
      await post()
      work(() => {
        throw new PermanentError('refused')
      })
      await until(() => told('outbox-dead').length === 3, 'all')
      const outbox = world.store.outbox as { dead: OutboxStore['dead'] }
      const dead = outbox.dead.bind(outbox)
      outbox.dead = async (limit, cursor, withinMs) => {
        if (limit > 1) throw new PoeError('ERR_POE_STORE_DOWN')
        return await dead(limit, cursor, withinMs)
      }
      const letters = []
      for await (const { payload } of world.once.outbox.dead()) letters.push(payload)
      expect(letters).to.deep.equal([{ to: 'Ada' }, { to: 'Bob' }, { to: 'Cy' }])
    })

    it('[FALSE-3924] a look has more time than a call that somebody waits for', async () => {
      world = await startWorld(kind)
      const outbox = world.store.outbox as {
        -readonly [Name in keyof OutboxStore]: OutboxStore[Name]
      }
      const { counts, dead } = outbox
      const given: (number | undefined)[] = []
      outbox.counts = withinMs => {
        given.push(withinMs)
        return Reflect.apply(counts, outbox, [withinMs])
      }
      outbox.dead = (limit, cursor, withinMs) => {
        given.push(withinMs)
        return Reflect.apply(dead, outbox, [limit, cursor, withinMs])
      }
      expect(await world.once.outbox.counts()).to.deep.equal([])
      for await (const letter of world.once.outbox.dead()) expect.fail(letter.key)
      for (const withinMs of given) expect(withinMs).to.be.above(10_000)
      expect(given).to.have.lengthOf(2)
    })

    it('close() waits for the handlers of a worker, and stops it', async () => {
      await start(async ctx => {
        await later(ctx)('mail', {})
        ctx.status = 201
      })
      await post()
      let isDone = false
      work(async () => {
        await new Promise(resolve => setTimeout(resolve, 100))
        isDone = true
      })
      await until(() => told('outbox-taken').length === 1, 'its beginning')
      await world.once.close()
      expect(isDone).to.equal(true)
      expect(told('outbox-delivered')).to.have.lengthOf(1)
    })

    it('a signal stops a worker', async () => {
      await start(async ctx => {
        await later(ctx)('mail', {})
        ctx.status = 201
      })
      const stop = new AbortController()
      const worker = work(() => {}, { signal: stop.signal })
      stop.abort()
      expect(await worker.stop()).to.deep.equal([])
      await post()
      await new Promise(resolve => setTimeout(resolve, 60))
      expect(await waiting()).to.equal(1)
    })
  })
}

describe('an outbox where there is none', () => {
  let world: World
  afterEach(() => world.close())

  it('[OUT-09] where a message cannot be written, nothing is, awaited or not', async () => {
    const resource = { transactional: true }
    world = await startWorld(SQLITE, {
      resource,
      handler: async ctx => {
        const { tx } = ctx.poe as RequestPoe<SqliteTransaction>
        await tx.exec('DROP TABLE poe_outbox')
        void later(ctx)('mail', {})
        ctx.status = 201
      },
    })
    const { status } = await world.send('POST', await world.link(), { json: {} })
    expect(status).to.equal(500)
    expect(await world.once.outbox.counts(), 'the table is back').to.deep.equal([])
  })

  it('[OUT-11] a store without one is a clear error', async () => {
    world = await startWorld({ store: 'memory', koa: 3, at: 'root' })
    const { once } = world
    expect(() => once.worker({ mail: () => {} } as object)).to.throw(TypeError, 'sqliteStore or')
    const failure = await once.outbox.counts().catch((error: unknown) => error)
    expect(failure).to.be.instanceOf(TypeError)
  })

  it('[OUT-11] a resource that is not transactional has no later()', async () => {
    const thrown: unknown[] = []
    world = await startWorld(SQLITE, {
      handler: ctx => {
        try {
          void later(ctx)('mail', {})
        } catch (error) {
          thrown.push(error)
        }
        ctx.status = 201
      },
    })
    await world.send('POST', await world.link(), { json: {} })
    expect(String(thrown[0])).to.include('transactional: true')
  })

  const refused: readonly (readonly [handlers: unknown, options: unknown, text: string])[] = [
    [{}, {}, 'needs handlers'],
    [null, {}, 'needs handlers'],
    [{ 'a b': () => {} }, {}, 'the name of a message'],
    [{ mail: 'send' }, {}, 'must be a function'],
    [{ mail: () => {} }, { concurency: 1 }, 'no option concurency'],
    [{ mail: () => {} }, { concurrency: 0 }, 'concurrency must be'],
    [{ mail: () => {} }, { concurrency: 1.5 }, 'concurrency must be a whole number'],
    [{ mail: () => {} }, { maxAttempts: '5' }, 'maxAttempts must be'],
  ]
  for (const [handlers, options, text] of refused) {
    it(`[FALSE-3508] a worker refuses ${JSON.stringify([handlers, options])}`, async () => {
      world = await startWorld(SQLITE)
      const make = () => world.once.worker(handlers as object, options as object)
      expect(make).to.throw(text)
    })
  }
})
