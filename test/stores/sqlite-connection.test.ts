/** `tx.connection()`: what a tool may do with it, what is refused, and what undoes everything. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'chai'
import type { SqliteDatabase, SqliteStore } from '../../lib/stores/sqlite.js'
import { sqliteStore } from '../../lib/stores/sqlite.js'
import { strippedModule } from '../support/stripped-tree.js'
import { claimState, outcome } from './helpers/claims.js'
import { Files } from './helpers/sqlite-files.js'

const run = promisify(execFile)
const INSERT = 'INSERT INTO orders (sku) VALUES (?)'

describe('the connection of a sqlite transaction', () => {
  const files = new Files()
  let store: SqliteStore
  beforeEach(async () => {
    store = sqliteStore(files.fresh())
    await store.write(db => {
      db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, sku TEXT NOT NULL)')
    })
    await claimState(store, 'link', { owner: 'o' })
  })
  afterEach(() => store.close())
  after(() => files.remove())

  const rows = () => store.database.prepare('SELECT sku FROM orders').pluck().all()
  const codeOf = (work: () => unknown): string => {
    try {
      work()
    } catch (error) {
      return (error as { readonly code?: string }).code ?? String(error)
    }
    return 'none'
  }
  const begin = async () => {
    const transaction = store.transaction('link', 'o')
    return { transaction, db: await transaction.handle.connection() }
  }

  it('[OUT-13] is kept across awaits, and commits with the link', async () => {
    const { transaction, db } = await begin()
    expect(db.prepare(INSERT).run('tea').changes).to.equal(1)
    await new Promise(resolve => setTimeout(resolve, 20))
    const select = db.prepare('SELECT sku FROM orders').pluck()
    expect([...select.iterate()]).to.deep.equal(['tea'])
    expect(db.exec("INSERT INTO orders (sku) VALUES ('milk')")).to.equal(db)
    expect(await transaction.handle.connection(), 'there is one').to.equal(db)
    expect(rows()).to.deep.equal([])
    expect((await transaction.commit(outcome())).state).to.equal('ok')
    expect(rows()).to.deep.equal(['tea', 'milk'])
    expect(codeOf(() => db.prepare(INSERT))).to.equal('ERR_POE_TX_OVER')
    expect(codeOf(() => select.all())).to.equal('ERR_POE_TX_OVER')
    expect(codeOf(() => db.exec('BEGIN'))).to.equal('ERR_POE_TX_OVER')
  })

  const ENDS: readonly (readonly [sql: string, kept: readonly string[]])[] = [
    ['COMMIT;', ['tea', 'milk']],
    ['end transaction', ['tea', 'milk']],
    ['ROLLBACK', ['tea']],
  ]
  for (const [sql, kept] of ENDS) {
    it(`[OUT-13] BEGIN and ${sql} of a tool are a savepoint`, async () => {
      const { transaction, db } = await begin()
      db.prepare(INSERT).run('tea')
      db.prepare('BEGIN IMMEDIATE;').run()
      db.prepare(INSERT).run('milk')
      db.exec('SAVEPOINT inner; RELEASE inner')
      expect(codeOf(() => db.exec('BEGIN'))).to.include('within a transaction')
      db.prepare(sql).run()
      expect((await transaction.commit(outcome())).state).to.equal('ok')
      expect(rows()).to.deep.equal(kept)
    })
  }

  for (const sql of ['COMMIT', 'ROLLBACK', 'BEGIN; COMMIT']) {
    it(`[OUT-13] ${sql} without a BEGIN of the tool's undoes everything`, async () => {
      const { transaction, db } = await begin()
      db.prepare(INSERT).run('tea')
      expect(codeOf(() => db.exec(sql))).to.equal('ERR_POE_TX_STOLEN')
      const code = await transaction.commit(outcome()).catch(error => error.code)
      expect(code).to.equal('ERR_POE_TX_STOLEN')
      expect(rows()).to.deep.equal([])
    })
  }

  it('[OUT-13] a BEGIN that is left open undoes everything', async () => {
    const { transaction, db } = await begin()
    db.prepare(INSERT).run('tea')
    db.exec('BEGIN')
    db.prepare(INSERT).run('milk')
    const code = await transaction.commit(outcome()).catch(error => error.code)
    expect(code).to.equal('ERR_POE_TX_OVER')
    expect(rows()).to.deep.equal([])
    expect((await store.read('link', null)).state).to.equal('running')
  })

  it("[OUT-13] better-sqlite3's own transaction nests; notes of a tool stay here", async () => {
    const { transaction, db } = await begin()
    const add = db.transaction((sku: string) => {
      db.prepare(INSERT).run(sku)
      if (sku === 'gin') throw new Error('no gin')
    })
    add('tea')
    expect(() => add.immediate('gin')).to.throw('no gin')
    Reflect.set(db, '__knexUid', 'x')
    expect(Reflect.get(db, '__knexUid')).to.equal('x')
    expect(db.close()).to.equal(db)
    expect(db.prepare('SELECT 1').database).to.equal(db)
    expect(() => db.loadExtension('x')).to.throw(TypeError)
    expect(db.pragma('user_version', { simple: true })).to.equal(0)
    await transaction.commit(outcome())
    expect(rows()).to.deep.equal(['tea'])
    const next = store.transaction('other', 'o')
    await claimState(store, 'other', { owner: 'o' })
    const other: SqliteDatabase = await next.handle.connection()
    expect(Reflect.get(other, '__knexUid')).to.equal(undefined)
    await next.rollback()
  })

  it('[OUT-14] a write by another connection of the process is told of', async function () {
    this.timeout(60_000)
    const program = strippedModule('test/stores/helpers/sqlite-outside-write.ts')
    const { stdout, stderr } = await run(process.execPath, [program, files.fresh()])
    expect(JSON.parse(stdout)).to.deep.equal({ outside: 'SQLITE_BUSY', rows: 0 })
    expect(stderr.match(/POE_SQLITE_STANDSTILL/g), stderr).to.have.lengthOf(1)
    expect(stderr).to.include('write through ctx.poe.tx')
  })
})
