/** The ways of writing an order, each on PostgreSQL: once, undone, and repeated. */
import { expect } from 'chai'
import type pg from 'pg'
import supertest from 'supertest'
import { sharedPostgres } from '../../test/support/servers/postgres-server.js'
import { describeWith } from '../../test/support/servers/programs.js'
import { createApp, type OrderApp, type WriteOrder } from './app.js'
import { openPool, writeWithPool } from './with-joining-pool.js'
import { writeWithKnex } from './with-knex.js'
import { writeWithPg } from './with-pg.js'

const WAYS: Readonly<Record<string, (pool: pg.Pool) => Promise<WriteOrder>>> = {
  pg: async () => writeWithPg,
  Knex: async () => writeWithKnex,
  'a joining pool': async pool => writeWithPool(pool),
  // Plain JavaScript: Drizzle's types want more packages than an example should.
  Drizzle: async () => {
    const path: string = './with-drizzle.mjs'
    return ((await import(path)) as { writeWithDrizzle: WriteOrder }).writeWithDrizzle
  },
}

describeWith(['postgres', 'initdb'], 'orders in the transaction of their link', () => {
  let pool: pg.Pool
  let shop: OrderApp
  before(async () => {
    const { query, url } = await sharedPostgres()
    await query('DROP DATABASE IF EXISTS once_transactions')
    await query('CREATE DATABASE once_transactions')
    pool = openPool(url.replace(/postgres$/, 'once_transactions'))
    await pool.query('CREATE TABLE shop_orders (id serial PRIMARY KEY, sku text NOT NULL)')
  })
  after(() => pool.end())
  afterEach(() => shop.close())

  for (const [name, load] of Object.entries(WAYS)) {
    it(`[POE-A-1] by ${name}: an order exists exactly when its link is spent`, async () => {
      shop = await createApp(pool, await load(pool))
      const agent = supertest(shop.app.callback())
      await pool.query('DELETE FROM shop_orders')
      const { link } = (await agent.get('/basket')).body
      const refused = await agent.post(link).send({ sku: 'sold-out' })
      expect(refused.status).to.equal(409)
      expect((await pool.query('SELECT 1 FROM shop_orders')).rowCount, 'undone').to.equal(0)
      const placed = await agent.post(link).send({ sku: 'tea' })
      expect([placed.status, placed.body.sku]).to.deep.equal([201, 'tea'])
      expect((await agent.post(link).send({ sku: 'tea' })).status).to.equal(405)
      const { rows } = await pool.query('SELECT id, sku FROM shop_orders')
      expect(rows).to.deep.equal([{ id: placed.body.id, sku: 'tea' }])
    })
  }
})
