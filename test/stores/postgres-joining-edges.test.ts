/**
 * The edges of a joining pool: other pools, other handlers, what outlives its handler, and time.
 *
 * @see decision 0026
 */
import { AsyncResource } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter, once as onceEmitted } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import pg from 'pg'
import type { PoeEvent } from 'post-once-exactly/koa'
import { joiningPool } from 'post-once-exactly/stores/postgres'
import { EVENTS_CHANNEL } from '../../lib/engine/ports.js'
import { latch, until } from '../support/meeting.js'
import { describeWith } from '../support/servers/programs.js'
import { codeOf, put, useJoiningBench } from './helpers/joining-bench.js'

describeWith(['postgres', 'initdb'], 'the edges of a joining pool', () => {
  const bench = useJoiningBench('edges')
  const outcome = () => bench.outcome()

  it('is the plain pool outside of handlers, and to what instanceof asks', async () => {
    expect(bench.shop.joined).to.be.an.instanceOf(pg.Pool)
    expect(bench.shop.joined.totalCount).to.equal(bench.shop.pool.totalCount)
    const client = await bench.shop.joined.connect()
    await client.query('BEGIN')
    await put(client, 'undone')
    await client.query('ROLLBACK')
    client.release()
    await put(bench.shop.joined, 'kept')
    expect(await bench.shop.skus()).to.deep.equal(['kept'])
    let made = 0
    bench.shop.joined.on('connect', () => (made += 1))
    const clients = await Promise.all([1, 2, 3].map(() => bench.shop.joined.connect()))
    for (const each of clients) each.release()
    expect(made).to.be.greaterThan(0)
  })

  it('serves a store that has it as its own pool, of one connection', async () => {
    const single = joiningPool(new pg.Pool({ connectionString: bench.url, max: 1 }))
    bench.others.push(single)
    await bench.open({ store: { pool: single } })
    bench.shop.handler = async () => {
      await put(single, 'a')
      await put(joiningPool(single), 'b')
    }
    expect(await outcome()).to.deep.equal([201, ['a', 'b'], 1])
  })

  it('joins from another pool to the same database, and refuses one that is not', async () => {
    const make = (change: pg.PoolConfig, setUp = false) => {
      const pool = new pg.Pool({ connectionString: bench.url, ...change })
      if (setUp) pool.on('connect', () => {})
      bench.others.push(pool)
      return pool
    }
    const same = make({})
    const other = make({ connectionString: bench.url.replace(/\w+$/, 'postgres') })
    const fails = [other, make({ options: '-c search_path=x' }), make({}, true)]
    bench.shop.handler = async () => {
      await put(joiningPool(same), 'a')
      for (const pool of fails) {
        const error = await put(joiningPool(pool), 'b').catch(reason => reason)
        expect(error.code).to.equal('ERR_POE_TX_NOT_JOINED')
        expect(error.message).to.include('sameDatabaseAs')
        expect(await codeOf(joiningPool(pool).connect())).to.equal('ERR_POE_TX_NOT_JOINED')
      }
      await put(joiningPool(make({}, true), { sameDatabaseAs: bench.shop.pool }), 'c')
    }
    expect(await outcome()).to.deep.equal([201, ['a', 'c'], 1])
    expect(() => joiningPool({} as pg.Pool)).to.throw(TypeError, 'Pool of pg')
    expect(() => joiningPool(same, { sameDatabaseAs: {} as pg.Pool })).to.throw(TypeError)
  })

  it('keeps two handlers apart', async () => {
    const [both, looked] = [latch(), latch()]
    let inside = 0
    bench.shop.handler = async ctx => {
      const { sku, fails } = ctx.request.body as { sku: string; fails: boolean }
      await put(bench.shop.joined, sku)
      inside += 1
      if (inside === 2) both.open()
      await both.opened
      const { rows } = await bench.shop.joined.query('SELECT sku FROM shop_orders')
      expect(rows).to.deep.equal([{ sku }])
      inside += 1
      if (inside === 4) looked.open()
      await looked.opened
      if (fails) ctx.throw(409)
    }
    const orders = [
      bench.shop.order({ sku: 'a', fails: false }),
      bench.shop.order({ sku: 'b', fails: true }),
    ]
    expect((await Promise.all(orders)).map(({ status }) => status)).to.deep.equal([201, 409])
    expect([await bench.shop.skus(), await bench.shop.spent()]).to.deep.equal([['a'], 1])
  })

  it("another handler's connection is refused", async () => {
    const [taken, tried] = [latch(), latch()]
    let client: pg.PoolClient | undefined
    let code = ''
    bench.shop.handler = async ctx => {
      const { sku } = ctx.request.body as { readonly sku: string }
      if (sku === 'a') {
        client = await bench.shop.joined.connect()
        await put(client, 'a')
        taken.open()
        await tried.opened
        return client.release()
      }
      await taken.opened
      code = await codeOf(put(client as pg.PoolClient, 'b'))
      tried.open()
      ctx.throw(409)
    }
    const orders = await Promise.all([
      bench.shop.order({ sku: 'a' }),
      bench.shop.order({ sku: 'b' }),
    ])
    expect(orders.map(({ status }) => status)).to.deep.equal([201, 409])
    expect([code, await bench.shop.skus()]).to.deep.equal(['ERR_POE_TX_NOT_JOINED', ['a']])
  })

  it('what began outside (an emitter, a thread) is outside, what is bound is not', async () => {
    const outside = new EventEmitter()
    const asked: Promise<unknown>[] = []
    const worker = new Worker(ECHO, { eval: true })
    const ready = onceEmitted(worker, 'message')
    await ready
    // Begun outside of any handler, it listens there.
    const pump = setInterval(() => outside.emit('tick'), 5)
    bench.shop.handler = async () => {
      await put(bench.shop.joined, 'a')
      outside.once('tick', () => asked.push(put(bench.shop.joined, 'lost')))
      outside.once(
        'tick',
        AsyncResource.bind(() => asked.push(put(bench.shop.joined, 'bound'))),
      )
      const answered = new Promise<void>(resolve => {
        worker.once('message', () => {
          asked.push(put(bench.shop.joined, 'thread'))
          resolve()
        })
      })
      worker.postMessage('now')
      await answered
      await until(() => asked.length === 3, 'all three')
      await Promise.all(asked)
      throw new Error('undo what is inside')
    }
    const { status } = await bench.shop.order()
    clearInterval(pump)
    await worker.terminate()
    expect([status, (await bench.shop.skus()).sort()]).to.deep.equal([500, ['lost', 'thread']])
  })

  it('a batch that two handlers fill runs in the one that began it', async () => {
    // As a data loader does that is shared: a pitfall that the guide names.
    let batch: string[] = []
    const load = (sku: string) => {
      batch.push(sku)
      if (batch.length > 1) {
        filled.open()
        return
      }
      begun.open()
      void filled.opened.then(async () => {
        const skus = batch.splice(0)
        await Promise.all(skus.map(each => put(bench.shop.joined, each)))
        batch = []
        written.open()
      })
    }
    const [begun, filled, written] = [latch(), latch(), latch()]
    bench.shop.handler = async ctx => {
      const { sku } = ctx.request.body as { readonly sku: string }
      load(sku)
      await written.opened
      if (sku === 'a') ctx.throw(409)
      await put(bench.shop.joined, 'own')
    }
    const orders = Promise.all([
      bench.shop.order({ sku: 'a' }),
      begun.opened.then(() => bench.shop.order({ sku: 'b' })),
    ])
    expect((await orders).map(({ status }) => status)).to.deep.equal([409, 201])
    expect(await bench.shop.skus()).to.deep.equal(['own'])
  })

  it('what outlives its handler is refused clearly, and never falls outside', async () => {
    const ended = latch()
    const codes: Promise<string>[] = []
    let client: pg.PoolClient | undefined
    bench.shop.handler = async () => {
      client = await bench.shop.joined.connect()
      await put(client, 'a')
      const later = (work: () => Promise<unknown>) =>
        codes.push(ended.opened.then(() => codeOf(work())))
      later(() => put(bench.shop.joined, 'late'))
      later(() => bench.shop.joined.connect())
      later(() => put(client as pg.PoolClient, 'late'))
    }
    expect(await outcome()).to.deep.equal([201, ['a'], 1])
    ended.open()
    expect(await Promise.all(codes)).to.deep.equal(codes.map(() => 'ERR_POE_TX_OVER'))
    client?.release()
    expect(await bench.shop.skus()).to.deep.equal(['a'])
    const told = bench.shop.events.filter(({ type }) => type === 'unawaited-statement')
    expect(told).to.have.lengthOf(3)
  })

  for (const [how, fails] of [
    ['succeeds', false],
    ['throws', true],
  ] as const) {
    it(`what a handler that ${how} did not await is a part of it, and is told`, async () => {
      bench.shop.handler = ctx => {
        void (async () => {
          const client = await bench.shop.joined.connect()
          await client.query('BEGIN')
          await put(client, 'a')
          await client.query('COMMIT')
          client.release()
        })()
        if (fails) ctx.throw(409)
      }
      expect(await outcome()).to.deep.equal(fails ? [409, [], 0] : [201, ['a'], 1])
      expect(bench.shop.events.map(({ type }) => type)).to.include('unawaited-statement')
    })
  }

  it('[FALSE-4536] who hears of a statement that came too late may write by the pool', async () => {
    const told: string[] = []
    const audit = (event: unknown): void => {
      const { type } = event as PoeEvent
      told.push(type)
      // More of them is a loop that nothing else gets between.
      if (told.length < 20) put(bench.shop.joined, type).catch(() => {})
    }
    const ended = latch()
    let late: Promise<string> | undefined
    bench.shop.handler = async () => {
      await put(bench.shop.joined, 'a')
      late = ended.opened.then(() => codeOf(put(bench.shop.joined, 'b')))
    }
    expect(await outcome()).to.deep.equal([201, ['a'], 1])
    subscribe(EVENTS_CHANNEL, audit)
    try {
      ended.open()
      expect(await late).to.equal('ERR_POE_TX_OVER')
      await until(async () => (await bench.shop.skus()).length > 1, 'it is written')
    } finally {
      unsubscribe(EVENTS_CHANNEL, audit)
    }
    expect(told).to.deep.equal(['unawaited-statement'])
    expect(await bench.shop.skus()).to.deep.equal(['a', 'unawaited-statement'])
  })

  it('a success while a transaction of the tool is open keeps nothing', async () => {
    bench.shop.handler = async () => {
      const client = await bench.shop.joined.connect()
      await client.query('BEGIN')
      await put(client, 'a')
    }
    expect(await outcome()).to.deep.equal([500, [], 0])
    expect(bench.shop.errors.map(error => (error as { code?: string }).code)).to.deep.equal([
      'ERR_POE_TX_UNFINISHED',
    ])
  })

  it('a query that waits for a transaction of the same handler ends with its time', async () => {
    await bench.open({ store: { txMaxMs: 150 } })
    bench.shop.handler = async () => {
      const client = await bench.shop.joined.connect()
      await client.query('BEGIN')
      // The tool's own object was to be used.
      await put(bench.shop.joined, 'a')
    }
    const { status, text } = await bench.shop.order()
    expect([status, JSON.parse(text).type]).to.deep.equal([
      503,
      'urn:post-once-exactly:problem:transaction-timeout',
    ])
    expect(bench.shop.events.map(({ type }) => type)).to.include('transaction-timeout')
    expect(String(bench.shop.errors[0])).to.include('use its own object')
    expect([await bench.shop.skus(), await bench.shop.spent()]).to.deep.equal([[], 0])
  })

  it("[FALSE-3916] a message inside of a tool's transaction: refused in time", async () => {
    bench.shop.handler = async ctx => {
      const client = await bench.shop.joined.connect()
      await client.query('BEGIN')
      await put(client, 'a')
      await Reflect.apply(ctx.poe.later, ctx.poe, ['mail', {}]).finally(() => client.release())
    }
    expect(await outcome()).to.deep.equal([500, [], 0])
    expect(String(bench.shop.errors[0])).to.include('call it before or after that')
  })

  it("[FALSE-3916] a message beside a tool's transaction waits for its end", async () => {
    bench.shop.handler = async ctx => {
      const client = await bench.shop.joined.connect()
      await client.query('BEGIN')
      const written = Reflect.apply(ctx.poe.later, ctx.poe, ['mail', {}])
      await put(client, 'a')
      await client.query('COMMIT')
      client.release()
      await written
    }
    expect(await outcome()).to.deep.equal([201, ['a'], 1])
    expect(bench.shop.events.map(({ type }) => type)).to.include('outbox-written')
  })

  it("a tool's own error in the place of a conflict is still worth a retry", async () => {
    await bench.open({ store: { isolation: 'serializable' } })
    await put(bench.shop.pool, 'a')
    bench.shop.handler = async () => {
      await bench.shop.joined.query('SELECT * FROM shop_orders')
      await bench.shop.pool.query("UPDATE shop_orders SET sku = 'b'")
      await bench.shop.joined.query("UPDATE shop_orders SET sku = 'c'").catch(() => {
        throw new Error('QueryFailed')
      })
    }
    expect(await outcome()).to.deep.equal([503, ['b'], 0])
    expect(String(bench.shop.errors[0])).to.include('QueryFailed')
  })
})

const ECHO = `
  const { parentPort } = require('node:worker_threads')
  parentPort.on('message', said => parentPort.postMessage(said))
  parentPort.postMessage('ready')
`
