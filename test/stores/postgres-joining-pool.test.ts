/**
 * A joining pool inside and outside of handlers: what becomes of a tool's statements, connections
 * and transactions, and what is refused.
 *
 * @see decision 0026
 */
import { EventEmitter, once as onceEmitted } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { until } from '../support/meeting.js'
import { describeWith } from '../support/servers/programs.js'
import { codeOf, INSERT, put, useJoiningBench } from './helpers/joining-bench.js'

describeWith(['postgres', 'initdb'], 'a joining pool', () => {
  const bench = useJoiningBench('pool')
  const outcome = () => bench.outcome()

  describe('a handler that', () => {
    type Case = readonly [title: string, work: (pool: pg.Pool) => Promise<unknown>, skus: string[]]
    const transaction = async (
      pool: pg.Pool,
      work: (client: pg.PoolClient) => Promise<unknown>,
      end = 'COMMIT',
    ) => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        await work(client)
        await client.query(end)
      } catch (error) {
        await client.query('ROLLBACK')
        throw error
      } finally {
        client.release()
      }
    }
    const fail = async () => {
      throw new Error('inner')
    }
    const cases: Case[] = [
      ['queries', pool => put(pool, 'a'), ['a']],
      [
        'queries with a callback',
        pool =>
          new Promise((resolve, reject) => {
            pool.query(INSERT, ['a'], error => (error ? reject(error) : resolve(null)))
          }),
        ['a'],
      ],
      [
        'connects with a callback',
        pool =>
          new Promise<void>((resolve, reject) => {
            pool.connect((error, client, done) => {
              if (error || client === undefined) return reject(error)
              client.query({ text: INSERT, values: ['a'] }, failure => {
                done()
                if (failure) reject(failure)
                else resolve()
              })
            })
          }),
        ['a'],
      ],
      ['begins and commits', pool => transaction(pool, client => put(client, 'a')), ['a']],
      [
        'rolls back a part',
        async pool => {
          await put(pool, 'a')
          await transaction(pool, client => put(client, 'b'), 'ROLLBACK')
          await put(pool, 'c')
        },
        ['a', 'c'],
      ],
      [
        'nests by BEGIN and by SAVEPOINT, and undoes the inner ones',
        pool =>
          transaction(pool, async client => {
            await put(client, 'a')
            await client.query('begin; -- again')
            await put(client, 'b')
            await client.query('ROLLBACK WORK')
            await client.query('SAVEPOINT mine')
            await put(client, 'c')
            await client.query('ROLLBACK TO SAVEPOINT mine')
            await put(client, 'd')
          }),
        ['a', 'd'],
      ],
      [
        'runs on after a statement that failed inside its own transaction',
        async pool => {
          await put(pool, 'a')
          const twice = transaction(pool, client => put(client, 'a'))
          expect(await codeOf(twice)).to.equal('23505')
          await put(pool, 'b')
        },
        ['a', 'b'],
      ],
      [
        'queries at once',
        pool => Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(sku => put(pool, sku))),
        ['a', 'b', 'c', 'd', 'e', 'f'],
      ],
      [
        'has two transactions at once, one of which is undone, and a query beside them',
        pool =>
          Promise.all([
            transaction(pool, async client => {
              await put(client, 'a')
              await pause(20)
              await fail()
            }).catch(() => {}),
            transaction(pool, client => put(client, 'b')),
            put(pool, 'c'),
          ]),
        ['c', 'b'],
      ],
      [
        'has ten transactions at once, every third of which is undone',
        pool =>
          Promise.all(
            Array.from('abcdefghij', (sku, at) =>
              transaction(pool, async client => {
                await put(client, sku)
                if (at % 3 === 2) await fail()
              }).catch(() => {}),
            ),
          ),
        ['a', 'b', 'd', 'e', 'g', 'h', 'j'],
      ],
      [
        'queries beside a transaction that goes back',
        async pool => {
          const undone = transaction(pool, async client => {
            await put(client, 'a')
            await pause(20)
            await fail()
          })
          await Promise.all([undone.catch(() => {}), put(pool, 'b')])
        },
        ['b'],
      ],
      [
        'gives a connection back with its transaction open',
        async pool => {
          const client = await pool.connect()
          await client.query('BEGIN')
          await put(client, 'a')
          client.release()
          await put(pool, 'b')
        },
        ['b'],
      ],
      [
        'gives a connection back with an error',
        async pool => {
          const client = await pool.connect()
          await put(client, 'a')
          client.release(new Error('the tool thinks so'))
          await put(pool, 'b')
        },
        ['a', 'b'],
      ],
      [
        'gives a connection back as broken',
        async pool => {
          const client = await pool.connect()
          await put(client, 'a')
          client.release(true)
          await put(pool, 'b')
        },
        ['a', 'b'],
      ],
      [
        'writes the words in its own way',
        async pool => {
          const client = await pool.connect()
          for (const words of [
            ['  /* of a tool */ begin -- now\n', '\n\tCommit;;'],
            [';START TRANSACTION;', 'end work'],
            ['BEGIN', 'ABORT'],
          ]) {
            await client.query(words[0] ?? '')
            await put(client, words[1] ?? '')
            await client.query(words[1] ?? '')
          }
          client.release()
        },
        ['\n\tCommit;;', 'end work'],
      ],
      [
        'uses one name for two savepoints, and goes back after an error',
        async pool => {
          const client = await pool.connect()
          await client.query('BEGIN')
          await client.query('SAVEPOINT a')
          await put(client, 'a')
          await client.query('SAVEPOINT a')
          expect(await codeOf(put(client, 'a'))).to.equal('23505')
          expect(await codeOf(client.query('SELECT 1'))).to.equal('25P02')
          await client.query('ROLLBACK TO a')
          await client.query('RELEASE a')
          await put(client, 'b')
          await client.query('COMMIT')
          client.release()
        },
        ['a', 'b'],
      ],
      [
        'tries its own transaction again after a conflict',
        async pool => {
          for (let tries = 1; tries <= 3; tries += 1) {
            const tried = transaction(pool, async client => {
              await put(client, 'a')
              if (tries < 3) await client.query(CONFLICT)
            })
            expect(await codeOf(tried)).to.be.oneOf(['none', 'ERR_POE_TX_CONFLICT'])
          }
        },
        ['a'],
      ],
      [
        'goes on in its own transaction after a query object that failed',
        async pool => {
          const failed = transaction(pool, async client => {
            const query = new pg.Query('SELECT nonsense')
            const told = onceEmitted(query, 'error')
            client.query(query)
            // `once` gives what was emitted.
            throw (await told)[0]
          })
          expect(await codeOf(failed)).to.equal('42703')
          await put(pool, 'a')
        },
        ['a'],
      ],
      [
        'asks for the isolation that it has',
        async pool => {
          const client = await pool.connect()
          await client.query('START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE')
          await client.query('SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED')
          await put(client, 'a')
          await client.query('END')
          client.release()
        },
        ['a'],
      ],
      ['sends several statements in one text', pool => pool.query(TWO), ['a', 'b']],
      [
        'names its statements, and sets what is local',
        async pool => {
          for (const sku of ['a', 'b']) {
            await pool.query({ name: 'put order', text: INSERT, values: [sku] })
          }
          await pool.query("SELECT set_config('search_path', $1, true)", ['pg_catalog'])
          await pool.query("SET LOCAL search_path TO 'nowhere'")
          const { rows } = await pool.query('SHOW search_path')
          expect(rows).to.deep.equal([{ search_path: 'nowhere' }])
        },
        ['a', 'b'],
      ],
      [
        'reads a cursor and a stream, and copies',
        async pool => {
          const client = await pool.connect()
          await put(client, 'a')
          const cursor = client.query(new Cursor('SELECT sku FROM shop_orders'))
          expect(await cursor.read(10)).to.deep.equal([{ sku: 'a' }])
          await cursor.close()
          const found: unknown[] = []
          for await (const row of client.query(new QueryStream('SELECT sku FROM shop_orders'))) {
            found.push(row)
          }
          expect(found).to.deep.equal([{ sku: 'a' }])
          const copy = client.query(copyFrom('COPY shop_orders (sku) FROM STDIN'))
          await pipeline(['b\n', 'c\n'], copy)
          client.release()
        },
        ['a', 'b', 'c'],
      ],
      [
        'writes from the events of a stream, a timer and an emitter of its own',
        async pool => {
          const client = await pool.connect()
          const stream = client.query(new QueryStream('SELECT 1'))
          const emitter = new EventEmitter()
          const written: Promise<unknown>[] = []
          emitter.on('now', sku => written.push(put(pool, sku)))
          stream.on('data', () => {})
          stream.on('end', () => emitter.emit('now', 'end'))
          await onceEmitted(stream, 'close')
          setImmediate(() => emitter.emit('now', 'timer'))
          await until(() => written.length === 2, 'both events')
          await Promise.all(written)
          client.release()
        },
        ['end', 'timer'],
      ],
    ]
    for (const [title, work, skus] of cases) {
      it(`${title}: kept with the link, or not at all`, async () => {
        bench.shop.handler = () => work(bench.shop.joined)
        expect(await outcome()).to.deep.equal([201, skus, 1])
        await bench.shop.reset()
        bench.shop.handler = async ctx => {
          await work(bench.shop.joined)
          ctx.throw(409)
        }
        expect(await outcome()).to.deep.equal([409, [], 0])
        expect(bench.shop.pool.idleCount, 'all given back').to.equal(bench.shop.pool.totalCount)
        expect(bench.shop.events.map(({ type }) => type)).to.not.include('unawaited-statement')
      })
    }
  })

  describe('refuses, and runs nothing of it:', () => {
    const refused: Readonly<Record<string, (pool: pg.Pool) => Promise<unknown>>> = {
      LISTEN: pool => pool.query('LISTEN orders'),
      'SET without LOCAL': pool => pool.query("/* a */ SET search_path = 'nowhere'"),
      'set_config for the connection': pool =>
        pool.query("SELECT set_config('search_path', $1, false)", ['nowhere']),
      'the end of the pool': pool => pool.end(),
      RESET: pool => pool.query('RESET ALL'),
      'BEGIN without a connection': pool => pool.query('BEGIN'),
      'ROLLBACK without a connection': pool => pool.query('ROLLBACK'),
      'a stream without a connection': async pool =>
        await (pool.query(new QueryStream('SELECT 1') as never) as unknown),
      'a stricter isolation level': async pool => {
        const client = await pool.connect()
        await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE').finally(() => client.release())
      },
      'READ ONLY': async pool => {
        const client = await pool.connect()
        await client.query('BEGIN READ ONLY').finally(() => client.release())
      },
      'a COMMIT without BEGIN': async pool => {
        const client = await pool.connect()
        await client.query('COMMIT').finally(() => client.release())
      },
      'a SAVEPOINT without BEGIN': async pool => {
        const client = await pool.connect()
        await client.query('SAVEPOINT a').finally(() => client.release())
      },
      'a query while a stream is read': async pool => {
        const client = await pool.connect()
        const stream = client.query(new QueryStream('SELECT generate_series(1, 1000)'))
        try {
          for await (const _ of stream) await put(pool, 'a')
        } finally {
          client.release()
        }
      },
      'a connection that was given back': async pool => {
        const client = await pool.connect()
        client.release()
        await client.query('SELECT 1')
      },
      'the end of the connection': async pool => {
        const client = await pool.connect()
        try {
          await (client as unknown as pg.Client).end()
        } finally {
          client.release()
        }
      },
    }
    for (const [title, work] of Object.entries(refused)) {
      it(title, async () => {
        bench.shop.handler = async () => {
          await put(bench.shop.joined, 'before')
          expect(await codeOf(work(bench.shop.joined))).to.equal('ERR_POE_TX_NOT_JOINED')
          await put(bench.shop.joined, 'after')
        }
        expect(await outcome()).to.deep.equal([201, ['before', 'after'], 1])
      })
    }

    const ends = [
      'INSERT INTO shop_orders (sku) VALUES (1); COMMIT',
      'BEGIN; COMMIT',
      'END AND CHAIN',
      "PREPARE TRANSACTION 'later'",
      "COMMIT PREPARED 'later'",
    ]
    for (const sql of ends) {
      it(`${sql}, and undoes everything`, async () => {
        bench.shop.handler = async () => {
          await put(bench.shop.joined, 'before')
          const client = await bench.shop.joined.connect()
          await client.query('BEGIN')
          expect(await codeOf(client.query(sql))).to.equal('ERR_POE_TX_STOLEN')
          client.release()
        }
        expect(await outcome()).to.deep.equal([500, [], 0])
      })
    }
  })
})

const CONFLICT = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$"
const TWO = "INSERT INTO shop_orders (sku) VALUES ('a'); INSERT INTO shop_orders (sku) VALUES ('b')"
