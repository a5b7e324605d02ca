/** Cases of the kind STORE that sqlite can show through HTTP. */
import { expect } from 'chai'
import type { RequestPoe } from 'post-once-exactly/koa'
import type { SqliteStore, SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { latch, until } from '../support/meeting.js'
import { startWorld, type World } from '../support/world.js'

const SQLITE = { store: 'sqlite', koa: 3, at: 'root' } as const
const TABLE = 'CREATE TABLE orders (id INTEGER PRIMARY KEY, sku TEXT) STRICT'

const txOf = (poe: unknown) => (poe as RequestPoe<SqliteTransaction>).tx
const rowsOf = (world: World) =>
  (world.store as unknown as SqliteStore).database.prepare('SELECT sku FROM orders').all()

describe('transactional resources on sqlite', () => {
  let world: World
  afterEach(() => world.close())

  async function start(handler: Parameters<typeof startWorld>[1] & object): Promise<void> {
    world = await startWorld(SQLITE, { ...handler, resource: { transactional: true } })
    await (world.store as unknown as SqliteStore).write(db => db.exec(TABLE))
  }

  it('[STORE-09] the driver’s own transaction nests inside as a savepoint', async () => {
    await start({
      handler: async ctx => {
        await txOf(ctx.poe).use(db => {
          db.transaction(() => db.prepare('INSERT INTO orders (sku) VALUES (?)').run('kept'))()
          const undone = db.transaction(() => {
            db.prepare('INSERT INTO orders (sku) VALUES (?)').run('undone')
            throw new Error('only this part')
          })
          expect(() => undone()).to.throw('only this part')
        })
        ctx.status = 201
        ctx.body = 'done'
      },
    })
    const link = await world.link()
    expect((await world.send('POST', link)).status).to.equal(201)
    expect((await world.send('POST', link)).status).to.equal(405)
    expect(rowsOf(world)).to.deep.equal([{ sku: 'kept' }])
  })

  it('[STORE-09] nothing of another request runs inside, while a handler waits', async () => {
    const door = latch()
    await start({
      handler: async ctx => {
        await txOf(ctx.poe).run('INSERT INTO orders (sku) VALUES (?)', ctx.get('X-Sku'))
        if (ctx.get('X-Sku') === 'slow') {
          await door.opened
          ctx.throw(422, 'changed my mind')
        }
        ctx.status = 201
        ctx.body = 'done'
      },
    })
    const [slow, quick] = [await world.link(), await world.link()]
    const first = world.send('POST', slow, { headers: { 'X-Sku': 'slow' } })
    await until(() => world.runs === 1, 'the slow one has begun')
    const second = world.send('POST', quick, { headers: { 'X-Sku': 'quick' } })
    setTimeout(() => door.open(), 100)
    expect((await first).status).to.equal(422)
    expect((await second).status).to.equal(201)
    expect(rowsOf(world), 'the rollback took nobody else along').to.deep.equal([{ sku: 'quick' }])
    expect((await world.send('POST', slow, { headers: { 'X-Sku': 'again' } })).status).to.equal(201)
  })

  it('[STORE-09] a handler that commits by itself is stopped; nothing is half done', async () => {
    await start({
      handler: async (ctx, here) => {
        const tx = txOf(ctx.poe)
        await tx.run('INSERT INTO orders (sku) VALUES (?)', 'tea')
        if (here.runs === 1) await tx.exec('COMMIT')
        ctx.status = 201
        ctx.body = 'done'
      },
    })
    const link = await world.link()
    expect((await world.send('POST', link)).status).to.equal(500)
    expect(rowsOf(world)).to.deep.equal([])
    expect((await world.send('POST', link)).status).to.equal(201)
    expect(rowsOf(world)).to.deep.equal([{ sku: 'tea' }])
  })

  it('[FALSE-4371] a redirect without a Location is undone, and told as a fault', async () => {
    await start({
      handler: async (ctx, here) => {
        await txOf(ctx.poe).run('INSERT INTO orders (sku) VALUES (?)', 'tea')
        ctx.status = 303
        if (here.runs > 1) ctx.set('Location', '/orders/1')
      },
    })
    const link = await world.link()
    expect((await world.send('POST', link)).status).to.equal(500)
    expect(rowsOf(world)).to.deep.equal([])
    expect((await world.send('POST', link)).status).to.equal(303)
    expect(rowsOf(world)).to.deep.equal([{ sku: 'tea' }])
  })

  it('[POE-A-1] a transaction open for too long is a 503, and nothing happened', async () => {
    const door = latch()
    await start({
      handler: async (ctx, here) => {
        const tx = txOf(ctx.poe)
        await tx.run('INSERT INTO orders (sku) VALUES (?)', 'tea')
        if (here.runs === 1) await door.opened
        await tx.run('INSERT INTO orders (sku) VALUES (?)', 'cup')
        ctx.status = 201
        ctx.body = 'done'
      },
    })
    const link = await world.link()
    setTimeout(() => door.open(), 1_200)
    const late = await world.send('POST', link)
    expect([late.status, late.headers.get('Retry-After')]).to.deep.equal([503, '1'])
    expect(rowsOf(world)).to.deep.equal([])
    expect((await world.send('POST', link)).status).to.equal(201)
    expect(rowsOf(world)).to.have.length(2)
  })
})
