/**
 * Query builders and ORMs in the transaction of a link on sqlite, each in the same situations: its
 * rows are there exactly when the link is spent.
 */
import { readdirSync, readlinkSync } from 'node:fs'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import type { Context } from 'koa'
import type { RequestPoe } from 'post-once-exactly/koa'
import type { SqliteStore, SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { startWorld, type World } from '../../../test/support/world.js'
import { RECIPES } from './recipes.js'
import type { Tool } from './tool.js'

const REQUESTS = process.env.POE_TEST_WHOLE === '1' ? 200 : 60
const AT_ONCE = 20

const load = async (name: string): Promise<Tool> => {
  const path: string = `./with-${name}.mjs`
  return (await import(path)) as Tool
}

type Handler = (ctx: Context, tx: SqliteTransaction, tool: Tool) => unknown

const done = (ctx: Context) => {
  ctx.status = 201
}

/** What a handler does; what it is told; the rows that are there afterwards; spent or not. */
const SITUATIONS: Readonly<
  Record<string, readonly [handler: Handler, status: number, rows: readonly string[]]>
> = {
  success: [
    async (ctx, tx, { write }) => {
      expect(await write(tx, 'tea')).to.equal(1)
      await write(tx, 'milk')
      done(ctx)
    },
    201,
    ['tea', 'milk'],
  ],
  'a throw': [
    async (_, tx, { write }) => {
      await write(tx, 'tea')
      throw new Error('broken')
    },
    500,
    [],
  ],
  'a refusal': [
    async (ctx, tx, { write }) => {
      await write(tx, 'tea')
      ctx.throw(409, 'sold out')
    },
    409,
    [],
  ],
  'its own transaction': [
    async (ctx, tx, { write, nest }) => {
      await write(tx, 'tea')
      await nest(tx, async add => void (await add('milk')))
      done(ctx)
    },
    201,
    ['tea', 'milk'],
  ],
  'its own transaction, undone and outlived': [
    async (ctx, tx, { write, nest }) => {
      await write(tx, 'tea')
      const broken = async (add: (sku: string) => PromiseLike<unknown>) => {
        await add('milk')
        throw new Error('no milk')
      }
      const failure = await nest(tx, broken).catch((error: Error) => error)
      expect(String(failure)).to.include('no milk')
      done(ctx)
    },
    201,
    ['tea'],
  ],
  'its own transaction, and then a throw': [
    async (_, tx, { nest }) => {
      await nest(tx, async add => void (await add('milk')))
      throw new Error('broken')
    },
    500,
    [],
  ],
}

for (const name of RECIPES) {
  describe(`${name} in a transaction on sqlite`, () => {
    let world: World
    let tool: Tool
    let handler: Handler
    before(async () => {
      tool = await load(name)
    })
    after(() => tool.close?.())
    beforeEach(async () => {
      world = await startWorld(
        { store: 'sqlite', koa: 3, at: 'root' },
        {
          resource: { transactional: true },
          handler: ctx => handler(ctx, (ctx.poe as RequestPoe<SqliteTransaction>).tx, tool),
        },
      )
      await store().write(db => {
        db.exec('CREATE TABLE shop_orders (id INTEGER PRIMARY KEY, sku TEXT NOT NULL)')
      })
    })
    afterEach(() => world.close())

    const store = () => world.store as unknown as SqliteStore
    /** How many times the files of the database are open in this process. */
    const handles = () => {
      const { name: file } = store().database
      return readdirSync('/proc/self/fd').filter(each => pathOf(each).startsWith(file)).length
    }
    const rows = () => store().database.prepare('SELECT sku FROM shop_orders').pluck().all()
    const post = async (link: string) => {
      return (await world.send('POST', link, { json: { sku: 'x' } })).status
    }

    for (const [situation, [work, status, expected]] of Object.entries(SITUATIONS)) {
      it(`[OUT-13, POE-A-1] ${situation}: ${expected.length} rows`, async () => {
        handler = work
        const link = await world.link()
        expect(await post(link)).to.equal(status)
        expect(rows()).to.deep.equal(expected)
        expect(await post(link)).to.equal(status === 201 ? 405 : status)
        expect(rows()).to.deep.equal(expected)
      })
    }

    it('[OUT-13] handlers at once do not mix, and connections are not used up', async () => {
      handler = async (ctx, tx, { write }) => {
        const sku = ctx.get('X-Sku')
        await write(tx, `${sku} 1`)
        await write(tx, `${sku} 2`)
        if (Number(sku) % 2 === 1) throw new Error('odd')
        done(ctx)
      }
      const send = async (sku: number) => {
        const headers = { 'X-Sku': `${sku}` }
        return (await world.send('POST', await world.link(), { json: {}, headers })).status
      }
      const statuses = await Promise.all(Array.from({ length: 40 }, (_, sku) => send(sku)))
      expect(statuses.filter(status => status === 201)).to.have.lengthOf(20)
      expect(rows()).to.have.lengthOf(40)
    })

    it(`[OUT-13] ${REQUESTS} requests leave no handle and no transaction behind`, async () => {
      handler = async (ctx, tx, { write, nest }) => {
        const at = Number(ctx.get('X-At'))
        await write(tx, `${at}`)
        if (at % 10 === 1) await nest(tx, async add => void (await add(`${at} t`)))
        if (at % 10 === 3) throw new Error('as meant')
        done(ctx)
      }
      const send = async (at: number) => {
        const headers = { 'X-At': `${at}` }
        return (await world.send('POST', await world.link(), { json: {}, headers })).status
      }
      // The first ones open what the others use.
      for (let at = 0; at < 10; at += 1) await send(at)
      const before = [rows().length, handles()]
      const statuses: number[] = []
      for (let at = 0; at < REQUESTS; at += AT_ONCE) {
        const batch = Array.from({ length: AT_ONCE }, (_, more) => send(at + more))
        statuses.push(...(await Promise.all(batch)))
      }
      expect(statuses.filter(status => status === 201)).to.have.lengthOf(REQUESTS * 0.9)
      expect(statuses.filter(status => status === 500)).to.have.lengthOf(REQUESTS * 0.1)
      expect([rows().length - REQUESTS, handles()]).to.deep.equal(before)
      const other = new Database(store().database.name, { timeout: 0 })
      other.exec('BEGIN IMMEDIATE; ROLLBACK')
      other.close()
    }).timeout(240_000)

    it('[OUT-13] after the end of the handler its queries fail, and write nothing', async () => {
      let tx: SqliteTransaction | null = null
      handler = async (ctx, given, { write }) => {
        tx = given
        await write(given, 'tea')
        done(ctx)
      }
      expect(await post(await world.link())).to.equal(201)
      const late = async () => tx !== null && (await tool.write(tx, 'late'))
      const failure = await late().catch((error: { readonly code?: string }) => error.code)
      expect(failure).to.equal('ERR_POE_TX_OVER')
      expect(rows()).to.deep.equal(['tea'])
    })
  })
}

function pathOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return ''
  }
}
