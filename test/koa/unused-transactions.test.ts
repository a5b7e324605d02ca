/**
 * A handler that has a transaction and never uses it: what it wrote is perhaps outside, so it is
 * told, each time as an event and once as a warning.
 */
import { expect } from 'chai'
import type { RequestPoe } from 'post-once-exactly/koa'
import type { PostgresTransaction } from 'post-once-exactly/stores/postgres'
import type { SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { INSTALLED_STORES } from '../support/stores.js'
import { startWorld, type World, type WorldOptions } from '../support/world.js'

const USES: Readonly<Record<string, (tx: unknown) => Promise<unknown>>> = {
  sqlite: tx => (tx as SqliteTransaction).run('SELECT 1'),
  postgres: tx => (tx as PostgresTransaction).query('SELECT 1'),
}

for (const store of INSTALLED_STORES.filter(kind => kind in USES)) {
  describe(`a transaction that is never used, ${store}`, () => {
    let world: World
    let warnings: string[] = []
    const note = (warning: Error & { code?: string }): void => {
      if (warning.code?.startsWith('POE_') === true) warnings.push(warning.message)
    }
    beforeEach(() => {
      warnings = []
      process.on('warning', note)
    })
    afterEach(async () => {
      process.off('warning', note)
      await world.close()
    })

    /** Posts twice; gives the statuses, the events and the warnings. */
    async function told(handler: WorldOptions['handler'], resource: object = {}) {
      const transactional = { transactional: true, ...resource }
      const kind = { store, koa: 3, at: 'root' } as const
      world = await startWorld(kind, { resource: transactional, ...(handler && { handler }) })
      const statuses: number[] = []
      for (let time = 0; time < 2; time += 1) {
        const { status } = await world.send('POST', await world.link(), { json: { sku: 'a' } })
        statuses.push(status)
      }
      await new Promise(resolve => setImmediate(resolve))
      const events = world.events.filter(({ type }) => type === 'transaction-unused')
      return [statuses, events.length, warnings.length]
    }
    const succeed: WorldOptions['handler'] = ctx => {
      ctx.status = 201
    }

    it('[FALSE-2808] a success: an event each time, and one warning', async () => {
      expect(await told(succeed)).to.deep.equal([[201, 201], 2, 1])
      expect(warnings[0]).to.include('ctx.poe.tx').and.include('may-be-empty').and.include('order:')
    })

    it("[FALSE-2809] transactional: 'may-be-empty' means it so", async () => {
      const meant = { transactional: 'may-be-empty' }
      expect(await told(succeed, meant)).to.deep.equal([[201, 201], 0, 0])
    })

    it('[LOCK-07, FALSE-4542] an answer past Koa, before the commit: one warning', async () => {
      const use = USES[store]
      const answered = await told(async (ctx, { runs }) => {
        await use?.((ctx.poe as RequestPoe<unknown>).tx)
        ctx.respond = false
        ctx.res.writeHead(201).end()
        // Its client has been told 201 by now.
        if (runs > 1) throw new Error('planted')
      })
      expect(answered).to.deep.equal([[201, 201], 0, 1])
      expect(warnings[0]).to.include('ctx.respond = false').and.include('order:')
    })

    it('[FALSE-2809] one that is used, or that refuses, is none', async () => {
      const use = USES[store]
      const runs = await told(async (ctx, { runs }) => {
        if (runs > 1) return ctx.throw(409)
        await use?.((ctx.poe as RequestPoe<unknown>).tx)
        ctx.status = 201
      })
      expect(runs).to.deep.equal([[201, 409], 0, 0])
    })

    it('anything else is refused at the start', async () => {
      world = await startWorld({ store, koa: 3, at: 'root' })
      const start = startWorld(
        { store, koa: 3, at: 'root' },
        { resource: { transactional: 'yes' as 'may-be-empty' } },
      )
      expect(await start.catch(String)).to.include("takes true, false or 'may-be-empty'")
    })
  })
}
