/** What sqlite fails with where a healthy file never does: each part by itself, on real files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import { openConnection } from '../../lib/stores/sqlite/driver.js'
import { HandlerConnection } from '../../lib/stores/sqlite/handler-connection.js'
import { prepareFile } from '../../lib/stores/sqlite/schema.js'
import { StoreFile } from '../../lib/stores/sqlite/store-file.js'
import { rollBack, WriteQueue } from '../../lib/stores/sqlite/write-queue.js'

const TWO_ROWS = 'SELECT 1 UNION SELECT 2'

describe('sqlite, when it fails', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'poe-test-'))
    path = join(folder, 'store.db')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const failureOf = async (work: () => unknown): Promise<{ code?: string; message: string }> => {
    try {
      await work()
    } catch (error) {
      return error as Error
    }
    throw new Error('it did not fail')
  }

  it('a place without WAL is refused, and the message says what to do', async () => {
    const failure = await failureOf(() => prepareFile(new Database(':memory:')))
    expect(failure).to.include({ code: 'ERR_POE_STORE_DOWN' })
    expect(failure.message).to.contain('local disk')
  })

  it('a section that is no function is refused', async () => {
    const store = sqliteStore(path)
    const failure = await failureOf(() => store.write('DELETE FROM orders' as never))
    expect(failure).to.be.instanceOf(TypeError)
    expect(failure.message).to.contain('Give a function')
    await store.close()
  })

  it('a loop that the app has left open does not keep the store from closing', async () => {
    const store = sqliteStore(path)
    store.database.prepare(TWO_ROWS).iterate().next()
    await store.close()
  })

  it('a read that meets a lock is tried again, and given up in time', async () => {
    const file = new StoreFile(path)
    const busy = Object.assign(new Error('locked'), { code: 'SQLITE_BUSY' })
    let tries = 0
    const read = (untilTry: number) => () => {
      tries += 1
      if (tries < untilTry) throw busy
      return 'read'
    }
    expect(await file.retrying(read(3), 1_000)).to.equal('read')
    expect(tries).to.equal(3)
    const failure = await failureOf(() => file.retrying(read(Number.POSITIVE_INFINITY), 20))
    expect(failure).to.include({ code: 'ERR_POE_STORE_BUSY' })
    file.close()
  })

  it('writes and turns are refused when the connection is lost, and nothing hangs', async () => {
    const file = new StoreFile(path)
    const queue = new WriteQueue(file, 100)
    file.writer.close()
    const failure = await failureOf(() => queue.submit(() => 'written'))
    expect(failure).to.include({ code: 'ERR_POE_STORE_DOWN' })
    const refused = await new Promise<{ code?: string }>(resolve => {
      queue.takeTurn({
        begin: () => {
          throw new TypeError('The database connection is not open')
        },
        hold: async () => {},
        refuse: reason => resolve(reason as { code?: string }),
      })
    })
    expect(refused).to.include({ code: 'ERR_POE_STORE_DOWN' })
    await queue.close()
    file.close()
  })

  it('a transaction that cannot be undone is told so', () => {
    const db = new Database(path)
    db.exec('BEGIN')
    const rows = db.prepare(TWO_ROWS).iterate()
    rows.next()
    expect(rollBack(db)).to.equal(false)
    rows.return?.()
    expect(rollBack(db)).to.equal(true)
    db.close()
  })

  it('a handler connection whose guard is gone is not used again', async () => {
    const file = new StoreFile(path)
    const connection = new HandlerConnection(file, Date.now)
    const first = connection.db
    first.exec('DROP TABLE temp.poe_guard')
    expect((await failureOf(() => connection.begin())).message).to.contain('poe_guard')
    expect(first.inTransaction).to.equal(false)
    connection.begin()
    expect(connection.db).to.not.equal(first)
    connection.rollBack()
    connection.db.prepare(TWO_ROWS).iterate().next()
    connection.close()
    file.close()
  })

  it('a handler connection to what is no database fails, and is closed', async () => {
    writeFileSync(path, 'this is no database, and it is longer than a hundred bytes '.repeat(20))
    const openAnother = () => openConnection(path)
    const file = { openAnother, prepare() {}, checkPlace() {} } as unknown as StoreFile
    const connection = new HandlerConnection(file, Date.now)
    expect((await failureOf(() => connection.begin())).message).to.match(/not a database/)
  })
})
