/**
 * A transactional handler that has lost its claim: nothing of it is kept, neither in the database
 * nor in the answer, which the record gives.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { RequestPoe } from 'post-once-exactly/koa'
import type { SqliteStore, SqliteTransaction } from 'post-once-exactly/stores/sqlite'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { expectBusy, expectProblem, expectSpent } from '../support/answers.js'
import { aroundStore } from '../support/around-store.js'
import { latch, until } from '../support/meeting.js'
import { startWorld, type World } from '../support/world.js'

const SQLITE = { store: 'sqlite', koa: 3, at: 'root' } as const
const LEASE_MS = 1_000
const MAX_RUN_MS = 20_000
/** The default of the sqlite store. */
const TX_MAX_MS = 1_000
const INSERT = 'INSERT INTO orders (run) VALUES (?)'

const rowsOf = (world: World) =>
  (world.store as unknown as SqliteStore).database.prepare('SELECT run FROM orders').pluck().all()

describe('a transactional handler without its claim, on sqlite', () => {
  let world: World
  afterEach(() => world.close())

  /** The first run waits at the door, before or after it has said what it has to say. */
  async function start(uses: boolean) {
    const clock = fakeClock()
    const door = latch()
    world = await startWorld(SQLITE, {
      now: clock.now,
      poe: { clock, leaseMs: LEASE_MS, waitMs: 0 },
      resource: { transactional: true, maxRunMs: MAX_RUN_MS },
      wrapStore: store =>
        aroundStore(store, (method, _key, call) =>
          method === 'renew' ? Promise.reject(new Error('lost')) : call(),
        ),
      handler: async (ctx, here) => {
        const run = here.runs
        ctx.status = 201
        ctx.set({ Location: `/orders/${run}`, ETag: `"${run}"`, 'Set-Cookie': `run=${run}` })
        ctx.body = { run }
        if (run === 1) await door.opened
        if (uses) await (ctx.poe as unknown as RequestPoe<SqliteTransaction>).tx.run(INSERT, run)
      },
    })
    const orders = 'CREATE TABLE orders (run INTEGER NOT NULL)'
    await (world.store as unknown as SqliteStore).write(db => db.exec(orders))
    const link = await world.link()
    const first = world.send('POST', link, { json: {} })
    await until(() => world.runs === 1, 'the first runs')
    return { clock, door, link, first }
  }

  for (const uses of [true, false]) {
    const what = uses ? 'has not begun to write' : 'never writes'
    it(`[LOCK-01, POE-2-20] that ${what}: 405 with the way to the other's result`, async () => {
      const { clock, door, link, first } = await start(uses)
      await clock.advance(LEASE_MS + 500)
      const second = await world.send('POST', link, { json: {} })
      expect([second.status, second.headers.get('Location')]).to.deep.equal([201, '/orders/2'])
      door.open()
      const told = await first
      expect(told.headers.get('ETag')).to.equal(null)
      expect(told.headers.get('Set-Cookie')).to.equal(null)
      await expectSpent(told, '/orders/2', link)
      expect(await (await world.send('GET', link)).json()).to.deep.equal({ run: 2 })
      expect(rowsOf(world)).to.deep.equal(uses ? [2] : [])
    })
  }

  it('[POE-2-20] over its time: busy, nothing of it is kept, and the link is free', async () => {
    const { clock, door, link, first } = await start(true)
    for (let passed = 0; passed < MAX_RUN_MS + LEASE_MS + 500; passed += 500) {
      await clock.advance(500)
      await world.store.epoch()
    }
    const told = await first
    expectBusy(told)
    expect(told.headers.get('Location')).to.equal(null)
    expect(told.headers.get('Set-Cookie')).to.equal(null)
    await expectProblem(told, 409, 'running')
    expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    door.open()
    await expectSpent(await world.send('POST', link, { json: {} }), '/orders/2', link)
    expect(rowsOf(world)).to.deep.equal([2])
  })

  it('[POE-A-1] open for too long: 503 with nothing of it, and the retry runs', async () => {
    world = await startWorld(SQLITE, {
      resource: { transactional: true },
      handler: async (ctx, here) => {
        const { tx } = ctx.poe as unknown as RequestPoe<SqliteTransaction>
        ctx.status = 201
        ctx.set({ Location: `/orders/${here.runs}`, 'Set-Cookie': 'a=1' })
        await tx.run(INSERT, here.runs)
        if (here.runs === 1) await pause(TX_MAX_MS + 200)
        await tx.run(INSERT, here.runs)
      },
    })
    const orders = 'CREATE TABLE orders (run INTEGER NOT NULL)'
    await (world.store as unknown as SqliteStore).write(db => db.exec(orders))
    const link = await world.link()
    const told = await world.send('POST', link, { json: {} })
    expect([told.headers.get('Location'), told.headers.get('Set-Cookie')]).to.deep.equal([
      null,
      null,
    ])
    expect(told.headers.get('Retry-After')).to.equal('1')
    await expectProblem(told, 503, 'transaction-timeout')
    expect((await world.send('POST', link, { json: {} })).status).to.equal(201)
    expect(rowsOf(world)).to.deep.equal([2, 2])
  })
})
