/** Transactional resources on PostgreSQL, through HTTP: what is undone, and who is told. */
import { expect } from 'chai'
import type { Middleware } from 'koa'
import pg from 'pg'
import type { RequestPoe } from 'post-once-exactly/koa'
import { joiningPool, type PostgresTransaction } from 'post-once-exactly/stores/postgres'
import { expectProblem } from '../support/answers.js'
import { latch, until } from '../support/meeting.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { startWorld, type World } from '../support/world.js'

const POSTGRES = { store: 'postgres', koa: 3, at: 'root' } as const
const BODY = { json: { sku: 'a' } }

const txOf = (poe: unknown) => (poe as RequestPoe<PostgresTransaction>).tx

describeWith(['postgres', 'initdb'], 'transactional resources on PostgreSQL', () => {
  let world: World
  before(async () => {
    const { query } = await sharedPostgres()
    await query('CREATE TABLE http_stock (sku text PRIMARY KEY, sold int NOT NULL DEFAULT 0)')
  })
  beforeEach(async () => {
    const { query } = await sharedPostgres()
    await query("TRUNCATE http_stock; INSERT INTO http_stock VALUES ('a'), ('b')")
  })
  afterEach(() => world.close())

  const sold = async (): Promise<number> => {
    const { rows } = await (await sharedPostgres()).query(
      'SELECT sum(sold)::int AS n FROM http_stock',
    )
    return Number(rows[0]?.n)
  }
  const sell = (tx: PostgresTransaction, sku: string) =>
    tx.query('UPDATE http_stock SET sold = sold + 1 WHERE sku = $1', [sku])

  it('[POE-A-1] a deadlock: one is told 201, one 503, and its retry works', async () => {
    const both = latch()
    let waiting = 0
    world = await startWorld(POSTGRES, {
      resource: { transactional: true },
      handler: async ctx => {
        const tx = txOf(ctx.poe)
        const [first = 'a', second = 'b'] = ctx.get('X-Skus').split(',')
        await sell(tx, first)
        waiting += 1
        if (waiting === 2) both.open()
        await both.opened
        await sell(tx, second)
        ctx.status = 201
        ctx.body = 'sold'
      },
    })
    const links = [await world.link(), await world.link()]
    const send = (at: number) =>
      world.send('POST', links[at] ?? '', {
        ...BODY,
        headers: { 'X-Skus': at === 0 ? 'a,b' : 'b,a' },
      })
    const answers = await Promise.all([send(0), send(1)])
    const statuses = answers.map(({ status }) => status)
    expect(statuses.toSorted()).to.deep.equal([201, 503])
    const loser = statuses.indexOf(503)
    expect(answers[loser]?.headers.get('Retry-After')).to.match(/^\d+$/)
    expect(await sold()).to.equal(2)
    expect((await send(loser)).status).to.equal(201)
    expect((await send(loser)).status).to.equal(405)
    expect(await sold()).to.equal(4)
  })

  for (const [name, fail] of [
    ['answers 409', 'status'],
    ['throws', 'throw'],
    ['leaves a constraint broken', 'constraint'],
  ] as const) {
    it(`[POE-A-1] a handler that ${name} after it wrote: undone, link open`, async () => {
      world = await startWorld(POSTGRES, {
        resource: { transactional: true },
        handler: async (ctx, here) => {
          const tx = txOf(ctx.poe)
          await sell(tx, 'a')
          if (here.runs === 1 && fail === 'throw') throw new Error('broken')
          if (here.runs === 1 && fail === 'constraint') {
            await tx.query("INSERT INTO http_stock VALUES ('a')").catch(() => {})
          }
          ctx.status = here.runs === 1 && fail === 'status' ? 409 : 201
          ctx.body = 'done'
        },
      })
      const link = await world.link()
      const first = await world.send('POST', link, BODY)
      expect(first.status).to.equal(fail === 'status' ? 409 : 500)
      expect(await sold()).to.equal(0)
      expect((await world.send('POST', link, BODY)).status).to.equal(201)
      expect(await sold()).to.equal(1)
    })
  }

  it('[FALSE-4534] a connection that ends before the commit: 503, the log says why', async () => {
    const { query } = await sharedPostgres()
    const log: string[] = []
    world = await startWorld(POSTGRES, {
      extend: app => app.on('error', error => log.push(String(error))),
      resource: { transactional: true },
      handler: async (ctx, here) => {
        const tx = txOf(ctx.poe)
        const { rows } = await tx.query('SELECT pg_backend_pid() AS pid')
        await sell(tx, 'a')
        // As `transaction_timeout` does, or a pooler's `idle_transaction_timeout`.
        if (here.runs === 1) {
          const isThere = 'SELECT FROM pg_stat_activity WHERE pid = $1'
          await query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
          await until(async () => (await query(isThere, [rows[0]?.pid])).rowCount === 0, 'ended')
        }
        ctx.status = 201
        ctx.body = 'sold'
      },
    })
    const link = await world.link()
    const refused = await world.send('POST', link, BODY)
    await expectProblem(refused, 503, 'store-down')
    expect([await sold(), refused.headers.get('Retry-After')]).to.deep.equal([0, '1'])
    expect(log.join()).to.include('terminating connection due to')
    expect((await world.send('POST', link, BODY)).status).to.equal(201)
    expect(await sold()).to.equal(1)
  })

  it('[POE-A-1] a pool without a free connection: 503, not run again late', async () => {
    const door = latch()
    let begun = 0
    world = await startWorld(POSTGRES, {
      resource: { transactional: true },
      handler: async ctx => {
        await sell(txOf(ctx.poe), 'a')
        begun += 1
        if (ctx.get('X-Hold') !== '') await door.opened
        ctx.status = 201
        ctx.body = 'sold'
      },
    })
    const links = await Promise.all(Array.from({ length: 11 }, () => world.link()))
    const last = links.pop() ?? ''
    // One holds the row, the others wait for it: each has a connection of the pool.
    const hold = async (link: string): Promise<void> => {
      const { status } = await world.send('POST', link, { ...BODY, headers: { 'X-Hold': '1' } })
      // On a busy machine the connection itself may have come too late.
      if (status === 503) await hold(link)
    }
    const held = links.map(link => hold(link).catch(() => {}))
    const blocked = `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`
    const { query } = await sharedPostgres()
    await until(async () => (await query(blocked)).rows[0].n === held.length - 1, 'all wait')
    const startedMs = performance.now()
    const refused = await world.send('POST', last, BODY)
    expect(performance.now() - startedMs).to.be.at.least(4_500)
    expect(refused.status).to.equal(503)
    expect(refused.headers.get('Retry-After')).to.match(/^\d+$/)
    door.open()
    await Promise.all(held)
    const before = await sold()
    expect((await world.send('POST', last, BODY)).status).to.equal(201)
    expect(await sold()).to.equal(before + 1)
    expect(begun).to.be.at.least(2)
  })

  it("[FALSE-4537] a door without a transaction writes in none of another door's", async () => {
    const { url } = await sharedPostgres()
    const pool = joiningPool(new pg.Pool({ connectionString: url, max: 2 }))
    let [etag, isBroken] = ['"1"', true]
    world = await startWorld(POSTGRES, {
      extend: (_app, router, once) => {
        const [name, retentionMs] = ['both', 60_000]
        const key = once.idempotencyKey({ name, retentionMs, transactional: true })
        const asSeen = once.conditional({ name, validator: () => ({ etag }) })
        const breaks: Middleware = async (_ctx, next) => {
          await next()
          if (isBroken) throw new Error('broken')
        }
        router.put('/stock', key, breaks, asSeen, async ctx => {
          await pool.query("UPDATE http_stock SET sold = sold + 1 WHERE sku = 'a'")
          ctx.status = 201
        })
      },
    })
    const headers = { 'Idempotency-Key': '"key"', 'If-Match': '"1"' }
    const put = () => world.send('PUT', `${world.base}/stock`, { ...BODY, headers })
    try {
      expect((await put()).status).to.equal(500)
      // What the inner door has told to be done must not be undone with the outer one.
      expect(await sold()).to.equal(1)
      etag = '"2"'
      isBroken = false
      expect((await put()).status).to.equal(201)
      expect(await sold()).to.equal(1)
    } finally {
      await pool.end()
    }
  })

  for (const [when, trigger, deferred] of [
    ['a statement', 'TRIGGER no_room BEFORE', ''],
    ['the commit', 'CONSTRAINT TRIGGER no_room AFTER', 'DEFERRABLE INITIALLY DEFERRED'],
  ] as const) {
    it(`[FALSE-3911] a server without room at ${when}: 503, undone, link open`, async () => {
      const { query } = await sharedPostgres()
      await query(`CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
        CREATE ${trigger} UPDATE ON http_stock ${deferred}
          FOR EACH ROW EXECUTE FUNCTION no_room()`)
      world = await startWorld(POSTGRES, {
        resource: { transactional: true },
        handler: async ctx => {
          await sell(txOf(ctx.poe), 'a')
          ctx.status = 201
          ctx.body = 'sold'
        },
      })
      const link = await world.link()
      const refused = await world.send('POST', link, BODY)
      await query('DROP TRIGGER no_room ON http_stock')
      await expectProblem(refused, 503, 'store-full')
      expect([await sold(), refused.headers.get('Retry-After')]).to.deep.equal([0, '1'])
      expect((await world.send('POST', link, BODY)).status).to.equal(201)
    })
  }
})
