/**
 * A statement in the transaction whose `await` was forgotten: it must neither end the process nor
 * pass unseen.
 */
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { Context } from 'koa'
import pg from 'pg'
import type { RequestPoe } from 'post-once-exactly/koa'
import { joiningPool, type PostgresTransaction } from 'post-once-exactly/stores/postgres'
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { latch, until } from '../support/meeting.js'
import { INSTALLED_STORES } from '../support/stores.js'
import { startWorld, type World, type WorldOptions } from '../support/world.js'

type Handler = NonNullable<WorldOptions['handler']>
type Query = (ctx: Context) => Promise<unknown>

const BODY = { json: { sku: 'a' } }

/** The ways in which a handler asks its transaction, by store. */
const QUERIES: Readonly<Record<string, Readonly<Record<string, Query>>>> = {
  sqlite: {
    run: ctx => sqlite(ctx).run('SELECT 1'),
    get: ctx => sqlite(ctx).get('SELECT 1'),
    all: ctx => sqlite(ctx).all('SELECT 1'),
    exec: ctx => sqlite(ctx).exec('SELECT 1'),
    use: ctx => sqlite(ctx).use(() => 1),
    later: write,
  },
  postgres: { query: ctx => postgres(ctx).query('SELECT 1'), later: write },
}

function write(ctx: Context): Promise<unknown> {
  return Reflect.apply(ctx.poe.later, ctx.poe, ['mail', {}])
}

function sqlite(ctx: Context): SqliteTransaction {
  return (ctx.poe as RequestPoe<SqliteTransaction>).tx
}

function postgres(ctx: Context): PostgresTransaction {
  return (ctx.poe as RequestPoe<PostgresTransaction>).tx
}

/** Whether handlers are followed by then, as they are from the first joining pool on. */
const KINDS = INSTALLED_STORES.filter(kind => kind in QUERIES).flatMap(store =>
  (store === 'postgres' ? [false, true] : [false]).map(isFollowed => ({ store, isFollowed })),
)

for (const { store, isFollowed } of KINDS) {
  describe(`statements that nobody awaits, ${store}${isFollowed ? ', followed' : ''}`, () => {
    before(() => {
      if (isFollowed) joiningPool(new pg.Pool())
    })
    let world: World
    let unhandled: unknown[] = []
    const note = (error: unknown) => unhandled.push(error)
    let others: NodeJS.UnhandledRejectionListener[] = []

    beforeEach(() => {
      unhandled = []
      others = process.listeners('unhandledRejection')
      process.removeAllListeners('unhandledRejection')
      process.on('unhandledRejection', note)
    })
    afterEach(async () => {
      process.off('unhandledRejection', note)
      for (const other of others) process.on('unhandledRejection', other)
      await world.close()
    })

    const start = async (handler: Handler) => {
      world = await startWorld(
        { store, koa: 3, at: 'root' },
        { resource: { transactional: true }, handler },
      )
      return await world.link()
    }
    const told = () => world.events.filter(({ type }) => type === 'unawaited-statement')
    const settled = async () => {
      for (let turn = 0; turn < 10; turn += 1) await nextTurn()
    }

    for (const [name, query] of Object.entries(QUERIES[store] ?? {})) {
      it(`[FALSE-2801] ${name}, the first, and then a throw: told, and free`, async () => {
        const link = await start(ctx => {
          query(ctx)
          ctx.throw(409, 'sold out')
        })
        expect((await world.send('POST', link, BODY)).status).to.equal(409)
        await until(() => told().length > 0, 'the event')
        await settled()
        expect(unhandled).to.deep.equal([])
        const [released] = world.events.filter(({ type }) => type === 'released')
        const { key } = released as { readonly key: string }
        expect(told()).to.deep.equal([{ type: 'unawaited-statement', key }])
      })
    }

    const broken: Query = ctx =>
      store === 'sqlite' ? sqlite(ctx).run('oops') : postgres(ctx).query('oops')
    const [[, query] = []] = Object.entries(QUERIES[store] ?? {})

    it('[FALSE-2802] one that comes after the end', async () => {
      const late = latch()
      let after: Promise<unknown> | null = null
      const link = await start(ctx => {
        after = late.opened.then(() => {
          query?.(ctx)
        })
        ctx.status = 201
      })
      expect((await world.send('POST', link, BODY)).status).to.equal(201)
      late.open()
      await after
      await until(() => told().length === 1, 'the event')
      await settled()
      expect(unhandled).to.deep.equal([])
    })

    it('[FALSE-2803] several, and an answer that is no success', async () => {
      const link = await start(ctx => {
        for (let time = 0; time < 3; time += 1) query?.(ctx)
        ctx.status = 422
      })
      expect((await world.send('POST', link, BODY)).status).to.equal(422)
      await until(() => told().length === 3, 'the events')
      await settled()
      expect(unhandled).to.deep.equal([])
    })

    it('[FALSE-2804] one that is run all the same before the success is told', async () => {
      const link = await start(ctx => {
        query?.(ctx)
        ctx.status = 201
      })
      expect((await world.send('POST', link, BODY)).status).to.equal(201)
      await settled()
      expect([unhandled, told()]).to.deep.equal([[], []])
    })

    /** Whether the handler of a failed statement goes on for a while; whether it fails itself. */
    for (const [how, isSlow, fails] of [
      ['and the handler succeeds at once', false, false],
      ['and the handler goes on and succeeds', true, false],
      ['and the handler goes on and throws', true, true],
    ] as const) {
      it(`[FALSE-2810] one that fails, ${how}: told, and nothing is kept`, async () => {
        const link = await start(async ctx => {
          await query?.(ctx)
          void broken(ctx)
          if (isSlow) await pause(20)
          if (fails) ctx.throw(409)
          ctx.status = 201
        })
        expect((await world.send('POST', link, BODY)).status).to.equal(fails ? 409 : 500)
        await settled()
        expect(unhandled).to.deep.equal([])
        // PostgreSQL finds the other way what is still under way: by its own aborted transaction.
        if (isSlow || store === 'sqlite') expect(told()).to.have.lengthOf(1)
        expect((await world.send('GET', link)).status).to.equal(405)
      })
    }

    it('[FALSE-2810] one that fails, and is awaited later: nothing is told', async () => {
      const link = await start(async ctx => {
        const later = broken(ctx)
        await pause(20)
        await later.catch(() => {})
        ctx.status = 201
      })
      // PostgreSQL goes on after an error with a savepoint only.
      const expected = store === 'sqlite' ? 201 : 500
      expect((await world.send('POST', link, BODY)).status).to.equal(expected)
      await settled()
      expect([unhandled, told()]).to.deep.equal([[], []])
    })

    it('[FALSE-2805] one that is awaited rejects as ever, and is no event', async () => {
      const link = await start(async ctx => {
        await query?.(ctx)
        await broken(ctx)
      })
      expect((await world.send('POST', link, BODY)).status).to.equal(500)
      await settled()
      expect([unhandled, told()]).to.deep.equal([[], []])
    })
  })
}
