/**
 * The edges of a joining pool: other pools, other handlers, what outlives its handler, and time.
 *
 * @see decision 0026
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import { joiningPool } from 'post-once-exactly/stores/postgres'
import {
  freshDatabase,
  type JoinedShop,
  type JoinedShopOptions,
  openJoinedShop,
} from '../support/joined-shop.js'
import { latch } from '../support/meeting.js'
import { describeWith } from '../support/servers/programs.js'

const INSERT = 'INSERT INTO shop_orders (sku) VALUES ($1)'

describeWith(['postgres', 'initdb'], 'the edges of a joining pool', () => {
  let url: string
  let shop: JoinedShop
  const others: pg.Pool[] = []
  before(async () => {
    url = await freshDatabase('edges')
  })
  let isPlain = false
  const open = async (options?: JoinedShopOptions) => {
    await shop?.close()
    shop = await openJoinedShop(url, options)
    isPlain = options === undefined
  }
  beforeEach(async () => {
    if (!isPlain) await open()
    await shop.reset()
  })
  afterEach(async () => {
    await Promise.all(others.splice(0).map(pool => pool.end()))
  })
  after(() => shop.close())

  const put = (by: Pick<pg.Pool, 'query'>, sku: string) => by.query(INSERT, [sku])
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await promise
      return 'none'
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  }
  /** Posts, and gives the status and what is there afterwards. */
  const outcome = async (): Promise<[number, string[], number]> => {
    const { status } = await shop.order()
    return [status, await shop.skus(), await shop.spent()]
  }

  it('is the plain pool outside of handlers, and to what instanceof asks', async () => {
    expect(shop.joined).to.be.an.instanceOf(pg.Pool)
    expect(shop.joined.totalCount).to.equal(shop.pool.totalCount)
    const client = await shop.joined.connect()
    await client.query('BEGIN')
    await put(client, 'undone')
    await client.query('ROLLBACK')
    client.release()
    await put(shop.joined, 'kept')
    expect(await shop.skus()).to.deep.equal(['kept'])
    let made = 0
    shop.joined.on('connect', () => (made += 1))
    const clients = await Promise.all([1, 2, 3].map(() => shop.joined.connect()))
    for (const each of clients) each.release()
    expect(made).to.be.greaterThan(0)
  })

  it('serves a store that has it as its own pool, of one connection', async () => {
    const single = joiningPool(new pg.Pool({ connectionString: url, max: 1 }))
    others.push(single)
    await open({ store: { pool: single } })
    shop.handler = async () => {
      await put(single, 'a')
      await put(joiningPool(single), 'b')
    }
    expect(await outcome()).to.deep.equal([201, ['a', 'b'], 1])
  })

  it('joins from another pool to the same database, and refuses one that is not', async () => {
    const make = (change: pg.PoolConfig, setUp = false) => {
      const pool = new pg.Pool({ connectionString: url, ...change })
      if (setUp) pool.on('connect', () => {})
      others.push(pool)
      return pool
    }
    const same = make({})
    const other = make({ connectionString: url.replace(/\w+$/, 'postgres') })
    const fails = [other, make({ options: '-c search_path=x' }), make({}, true)]
    shop.handler = async () => {
      await put(joiningPool(same), 'a')
      for (const pool of fails) {
        const error = await put(joiningPool(pool), 'b').catch(reason => reason)
        expect(error.code).to.equal('ERR_POE_TX_NOT_JOINED')
        expect(error.message).to.include('sameDatabaseAs')
        expect(await codeOf(joiningPool(pool).connect())).to.equal('ERR_POE_TX_NOT_JOINED')
      }
      await put(joiningPool(make({}, true), { sameDatabaseAs: shop.pool }), 'c')
    }
    expect(await outcome()).to.deep.equal([201, ['a', 'c'], 1])
    expect(() => joiningPool({} as pg.Pool)).to.throw(TypeError, 'Pool of pg')
    expect(() => joiningPool(same, { sameDatabaseAs: {} as pg.Pool })).to.throw(TypeError)
  })

  it('keeps two handlers apart', async () => {
    const [both, looked] = [latch(), latch()]
    let inside = 0
    shop.handler = async ctx => {
      const { sku, fails } = ctx.request.body as { sku: string; fails: boolean }
      await put(shop.joined, sku)
      inside += 1
      if (inside === 2) both.open()
      await both.opened
      const { rows } = await shop.joined.query('SELECT sku FROM shop_orders')
      expect(rows).to.deep.equal([{ sku }])
      inside += 1
      if (inside === 4) looked.open()
      await looked.opened
      if (fails) ctx.throw(409)
    }
    const orders = [shop.order({ sku: 'a', fails: false }), shop.order({ sku: 'b', fails: true })]
    expect((await Promise.all(orders)).map(({ status }) => status)).to.deep.equal([201, 409])
    expect([await shop.skus(), await shop.spent()]).to.deep.equal([['a'], 1])
  })

  it('a batch that two handlers fill runs in the one that began it', async () => {
    // As a data loader does that is shared: a pitfall that the guide names.
    let batch: string[] = []
    const load = (sku: string) => {
      batch.push(sku)
      if (batch.length > 1) return
      setTimeout(async () => {
        const skus = batch.splice(0)
        await Promise.all(skus.map(each => put(shop.joined, each)))
        batch = []
        written.open()
      }, 20)
    }
    const written = latch()
    shop.handler = async ctx => {
      const { sku } = ctx.request.body as { readonly sku: string }
      load(sku)
      await written.opened
      if (sku === 'a') ctx.throw(409)
      await put(shop.joined, 'own')
    }
    const orders = Promise.all([
      shop.order({ sku: 'a' }),
      pause(5).then(() => shop.order({ sku: 'b' })),
    ])
    expect((await orders).map(({ status }) => status)).to.deep.equal([409, 201])
    expect(await shop.skus()).to.deep.equal(['own'])
  })

  it('what outlives its handler is refused clearly, and never falls outside', async () => {
    const ended = latch()
    const codes: Promise<string>[] = []
    let client: pg.PoolClient | undefined
    shop.handler = async () => {
      client = await shop.joined.connect()
      await put(client, 'a')
      const later = (work: () => Promise<unknown>) =>
        codes.push(ended.opened.then(() => codeOf(work())))
      later(() => put(shop.joined, 'late'))
      later(() => shop.joined.connect())
      later(() => put(client as pg.PoolClient, 'late'))
    }
    expect(await outcome()).to.deep.equal([201, ['a'], 1])
    ended.open()
    expect(await Promise.all(codes)).to.deep.equal(codes.map(() => 'ERR_POE_TX_OVER'))
    client?.release()
    expect(await shop.skus()).to.deep.equal(['a'])
    const told = shop.events.filter(({ type }) => type === 'unawaited-statement')
    expect(told).to.have.lengthOf(3)
  })

  for (const [how, fails] of [
    ['succeeds', false],
    ['throws', true],
  ] as const) {
    it(`what a handler that ${how} did not await is a part of it, and is told`, async () => {
      shop.handler = ctx => {
        void (async () => {
          const client = await shop.joined.connect()
          await client.query('BEGIN')
          await put(client, 'a')
          await client.query('COMMIT')
          client.release()
        })()
        if (fails) ctx.throw(409)
      }
      expect(await outcome()).to.deep.equal(fails ? [409, [], 0] : [201, ['a'], 1])
      expect(shop.events.map(({ type }) => type)).to.include('unawaited-statement')
    })
  }

  it('a success while a transaction of the tool is open keeps nothing', async () => {
    shop.handler = async () => {
      const client = await shop.joined.connect()
      await client.query('BEGIN')
      await put(client, 'a')
    }
    expect(await outcome()).to.deep.equal([500, [], 0])
    expect(shop.errors.map(error => (error as { code?: string }).code)).to.deep.equal([
      'ERR_POE_TX_UNFINISHED',
    ])
  })

  it('a query that waits for a transaction of the same handler ends with its time', async () => {
    await open({ store: { txMaxMs: 150 } })
    shop.handler = async () => {
      const client = await shop.joined.connect()
      await client.query('BEGIN')
      // The tool's own object was to be used.
      await put(shop.joined, 'a')
    }
    const { status, text } = await shop.order()
    expect([status, JSON.parse(text).type]).to.deep.equal([
      503,
      'urn:post-once-exactly:problem:transaction-timeout',
    ])
    expect(shop.events.map(({ type }) => type)).to.include('transaction-timeout')
    expect(String(shop.errors[0])).to.include('use its own object')
    expect([await shop.skus(), await shop.spent()]).to.deep.equal([[], 0])
  })

  it("a tool's own error in the place of a conflict is still worth a retry", async () => {
    await open({ store: { isolation: 'serializable' } })
    await put(shop.pool, 'a')
    shop.handler = async () => {
      await shop.joined.query('SELECT * FROM shop_orders')
      await shop.pool.query("UPDATE shop_orders SET sku = 'b'")
      await shop.joined.query("UPDATE shop_orders SET sku = 'c'").catch(() => {
        throw new Error('QueryFailed')
      })
    }
    expect(await outcome()).to.deep.equal([503, ['b'], 0])
    expect(String(shop.errors[0])).to.include('QueryFailed')
  })
})
