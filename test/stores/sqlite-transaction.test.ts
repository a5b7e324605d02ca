/**
 * What handlers can and cannot do in a transaction of the sqlite store.
 */
import { expect } from 'chai'
import { HandlerConnection } from '../../lib/stores/sqlite/handler-connection.js'
import { findTransactionControl } from '../../lib/stores/sqlite/statement-check.js'
import { StoreFile } from '../../lib/stores/sqlite/store-file.js'
import {
  type SqliteDatabase,
  type SqliteStore,
  type SqliteTransaction,
  sqliteStore,
} from '../../lib/stores/sqlite.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { Files } from './helpers/sqlite-files.js'

describe('transactions of sqliteStore', () => {
  const files = new Files()
  let store: SqliteStore

  const begin = async (key = 'key') => {
    expect(await claimState(store, key, { owner: 'a', onSilence: 'free' })).to.equal('claimed')
    return store.transaction(key, 'a')
  }
  const effects = () => store.database.prepare('SELECT text FROM effect').pluck().all()
  const insert = (text: string) => `INSERT INTO effect (text) VALUES ('${text}')`

  beforeEach(async () => {
    store = sqliteStore({ file: files.fresh() })
    await store.write(db => db.exec('CREATE TABLE effect (text TEXT UNIQUE)'))
  })
  afterEach(() => store.close())
  after(() => files.remove())

  it('reads its own writes, gives changes and rows', async () => {
    const { handle, commit } = bound(await begin())
    const result = await handle.run('INSERT INTO effect (text) VALUES (?), (?)', 'one', 'two')
    expect(result.changes).to.equal(2)
    expect(await handle.get('SELECT text FROM effect WHERE text = ?', 'two')).to.deep.equal({
      text: 'two',
    })
    expect(await handle.get('SELECT text FROM effect WHERE text = ?', 'no')).to.equal(undefined)
    expect(await handle.all('SELECT text FROM effect')).to.have.length(2)
    await handle.exec(`${insert('three')}; ${insert('four')}`)
    expect(effects(), 'seen from outside').to.deep.equal([])
    expect((await commit(outcome())).state).to.equal('ok')
    expect(effects()).to.have.length(4)
  })

  it('runs statements that the handler forgot to await before the commit', async () => {
    const { handle, commit } = bound(await begin())
    const floating = [handle.run(insert('one')), handle.run(insert('two'))]
    await floating[0]
    floating.push(handle.run(insert('three')))
    expect((await commit(outcome())).state).to.equal('ok')
    await Promise.all(floating)
    expect(effects()).to.deep.equal(['one', 'two', 'three'])
  })

  it('and waits for the turn of the first of them, where another has it', async () => {
    const first = bound(await begin('one'))
    const second = bound(await begin('two'))
    await first.handle.run(insert('one'))
    const floating = second.handle.run(insert('two'))
    const done = second.commit(outcome())
    await new Promise(resolve => setTimeout(resolve, 20))
    expect((await first.commit(outcome())).state).to.equal('ok')
    expect((await done).state).to.equal('ok')
    await floating
    expect(effects()).to.deep.equal(['one', 'two'])
  })

  it('goes on after a statement that failed, if the handler lives with it', async () => {
    const { handle, commit } = bound(await begin())
    await handle.run(insert('one'))
    expect(await codeOf(handle.run(insert('one')))).to.equal('SQLITE_CONSTRAINT_UNIQUE')
    expect(await codeOf(handle.run('SELEKT'))).to.equal('SQLITE_ERROR')
    expect((await commit(outcome())).state).to.equal('ok')
    expect(effects()).to.deep.equal(['one'])
  })

  it('rejects a commit that a foreign key of the app forbids, and keeps nothing', async () => {
    await store.write(db => {
      db.exec(`CREATE TABLE line (
        effect TEXT REFERENCES effect (text) DEFERRABLE INITIALLY DEFERRED)`)
    })
    const { handle, commit } = bound(await begin())
    await handle.run(insert('one'))
    await handle.run("INSERT INTO line VALUES ('nothing')")
    expect(await codeOf(commit(outcome()))).to.equal('SQLITE_CONSTRAINT_FOREIGNKEY')
    expect(effects()).to.deep.equal([])
    expect((await store.read('key', null)).state).to.equal('running')
  })

  it('sees columns that were added since a statement was prepared', async () => {
    const first = bound(await begin('first'))
    await first.handle.run(insert('one'))
    await first.handle.all('SELECT * FROM effect')
    await first.commit(outcome())
    await store.write(db => db.exec("ALTER TABLE effect ADD COLUMN note TEXT DEFAULT 'new'"))
    const second = bound(await begin('second'))
    const rows = await second.handle.all('SELECT * FROM effect')
    expect(rows).to.deep.equal([{ text: 'one', note: 'new' }])
    await second.rollback()
  })

  describe('lasts at most txMaxMs', () => {
    beforeEach(async () => {
      await store.close()
      store = sqliteStore({ file: files.fresh(), txMaxMs: 300 })
      await store.write(db => db.exec('CREATE TABLE effect (text TEXT UNIQUE)'))
    })

    it('then it is rolled back and its handle throws ERR_POE_TX_TIMEOUT', async () => {
      const { handle, commit, rollback } = bound(await begin())
      await handle.run(insert('one'))
      await new Promise(resolve => setTimeout(resolve, 400))
      expect(await codeOf(handle.run(insert('two')))).to.equal('ERR_POE_TX_TIMEOUT')
      expect(await codeOf(commit(outcome()))).to.equal('ERR_POE_TX_TIMEOUT')
      await rollback()
      expect(effects()).to.deep.equal([])
      expect((await store.read('key', null)).state).to.equal('running')
    })

    it('a slow one holds nobody up for longer, and blocks no timer', async () => {
      const { handle } = bound(await begin())
      await handle.run(insert('slow'))
      let ticks = 0
      const ticking = setInterval(() => {
        ticks += 1
      }, 10)
      expect((await store.renew('key', 'a', 1_000)).state).to.equal('ok')
      clearInterval(ticking)
      expect(await codeOf(handle.run('SELECT 1'))).to.equal('ERR_POE_TX_TIMEOUT')
      expect(ticks).to.be.above(1)
    })

    it('time in the queue does not count', async () => {
      const first = bound(await begin('first'))
      const second = bound(await begin('second'))
      await first.handle.run(insert('first'))
      const waiting = second.handle.run(insert('second'))
      await waiting
      expect(await codeOf(first.handle.run('SELECT 1'))).to.equal('ERR_POE_TX_TIMEOUT')
      expect((await second.commit(outcome())).state).to.equal('ok')
      expect(effects()).to.deep.equal(['second'])
    })

    it('a rollback while it waits gives its place up', async () => {
      const first = bound(await begin('first'))
      const second = bound(await begin('second'))
      await first.handle.run(insert('first'))
      const waiting = codeOf(second.handle.run(insert('second')))
      await second.rollback()
      expect(await waiting).to.equal('ERR_POE_TX_OVER')
      expect((await first.commit(outcome())).state).to.equal('ok')
      expect(await claimState(store, 'next')).to.equal('claimed')
      expect(effects()).to.deep.equal(['first'])
    })
  })

  it('tells a handler that lost its key before its first statement', async () => {
    const { handle, commit } = bound(await begin())
    await store.release('key', 'a')
    expect(await codeOf(handle.run(insert('one')))).to.equal('ERR_POE_LEASE_LOST')
    expect((await commit(outcome())).state).to.equal('stale')
    expect(effects()).to.deep.equal([])
  })

  it('keeps nothing when the key is no longer its own at the commit', async () => {
    const { handle, commit } = bound(await begin())
    await handle.run(insert('one'))
    await handle.run('DELETE FROM poe_claim')
    expect((await commit(outcome())).state).to.equal('stale')
    expect(effects()).to.deep.equal([])
    expect((await store.read('key', null)).state).to.equal('running')
  })

  it('gives no handler a connection that another has changed', async () => {
    const changes: Record<string, (tx: SqliteTransaction) => Promise<unknown>> = {
      'a temporary table': tx => tx.exec('CREATE TEMP TABLE effect (text TEXT)'),
      'a setting': tx => tx.exec('PRAGMA query_only = ON'),
      'a setting by use': tx => tx.use(db => db.pragma('query_only = ON')),
      'a function': tx => tx.use(db => db.function('upper', () => 'changed')),
    }
    for (const [what, change] of Object.entries(changes)) {
      const first = bound(await begin(`${what} 1`))
      await change(first.handle)
      await first.commit(outcome()).catch(() => {})
      const second = bound(await begin(`${what} 2`))
      await second.handle.run('INSERT INTO effect (text) VALUES (upper(?))', what)
      expect((await second.commit(outcome())).state, what).to.equal('ok')
    }
    expect(effects()).to.deep.equal(Object.keys(changes).map(what => what.toUpperCase()))
  })

  describe('use(section)', () => {
    it('[STORE-09] gives the connection, where db.transaction nests as a savepoint', async () => {
      const { handle, commit } = bound(await begin())
      const given = await handle.use(db => {
        const add = db.transaction((text: string) => {
          db.prepare('INSERT INTO effect (text) VALUES (?)').run(text)
          if (text === 'bad') throw new Error('a planted fault')
          return text.length
        })
        expect(() => add('bad')).to.throw('a planted fault')
        return add('good') + add.immediate('better')
      })
      expect(given).to.equal(10)
      await commit(outcome())
      expect(effects()).to.deep.equal(['good', 'better'])
    })

    it('[STORE-09] refuses what would run during an await', async () => {
      const { handle, commit } = bound(await begin())
      let ran = false
      const asynchronous = async () => {
        ran = true
      }
      await rejects(handle.use(asynchronous), TypeError, 'synchronous')
      expect(ran, 'an async function is refused before it runs').to.equal(false)
      const disguised = (db: SqliteDatabase) => {
        db.exec(insert('half'))
        return Promise.resolve(1)
      }
      await rejects(handle.use(disguised), TypeError, 'synchronous')
      expect(await codeOf(commit(outcome())), 'its half is not committed').to.not.equal('none')
      expect(effects()).to.deep.equal([])
    })

    it('takes the connection back when it is over', async () => {
      const { handle, rollback } = bound(await begin())
      const kept = await handle.use(db => ({ db, add: db.prepare(insert('late')) }))
      expect(() => kept.db.exec(insert('late'))).to.throw(TypeError, 'inside its section')
      expect(() => kept.add.run()).to.throw(TypeError, 'inside its section')
      for (const name of ['close', 'unsafeMode', 'loadExtension'] as const) {
        await rejects(
          handle.use(db => db[name]),
          TypeError,
          name,
        )
      }
      await rollback()
      expect(() => kept.db.exec(insert('late'))).to.throw(TypeError)
      expect(effects()).to.deep.equal([])
    })

    it('survives a loop that was left early', async () => {
      const { handle, commit } = bound(await begin())
      await handle.exec(`${insert('one')}; ${insert('two')}`)
      const loop = await handle.use(db => db.prepare('SELECT text FROM effect').iterate())
      expect(loop.next().value).to.deep.equal({ text: 'one' })
      expect((await handle.run(insert('three'))).changes).to.equal(1)
      expect((await commit(outcome())).state).to.equal('ok')
    })

    it('keeps pluck, raw and bind', async () => {
      const { handle, rollback } = bound(await begin())
      await handle.run(insert('one'))
      const plucked = await handle.use(db =>
        db.prepare('SELECT text FROM effect WHERE text = ?').bind('one').pluck().get(),
      )
      expect(plucked).to.equal('one')
      await rollback()
    })
  })

  describe('stays ours', () => {
    const ways: Record<string, (tx: SqliteTransaction) => Promise<unknown>> = {
      COMMIT: tx => tx.exec('COMMIT'),
      'end, in small letters': tx => tx.exec('end transaction'),
      ROLLBACK: tx => tx.exec('ROLLBACK'),
      BEGIN: tx => tx.exec('BEGIN'),
      'COMMIT by run': tx => tx.run('COMMIT'),
      'COMMIT behind comments': tx => tx.exec('/* ; */ -- x\n ; COMMIT'),
      'COMMIT behind a write': tx => tx.exec(`${insert('two')}; COMMIT; ${insert('three')}`),
      'ROLLBACK and a write': tx => tx.exec(`ROLLBACK; ${insert('two')}`),
      'ROLLBACK and another transaction': tx =>
        tx.exec(`ROLLBACK; BEGIN; ${insert('two')}; COMMIT`),
      'COMMIT by use': tx => tx.use(db => db.exec('COMMIT')),
      'COMMIT by a prepared statement': tx => tx.use(db => db.prepare('COMMIT').run()),
      'COMMIT that use hides': tx =>
        tx.use(db => {
          try {
            db.exec('COMMIT')
          } catch {}
          db.exec(insert('two'))
        }),
      'a conflict rule that rolls back': tx =>
        tx.run("INSERT OR ROLLBACK INTO effect VALUES ('one')"),
      'a conflict rule that use hides': tx =>
        tx.use(db => {
          try {
            db.prepare("INSERT OR ROLLBACK INTO effect VALUES ('one')").run()
          } catch {}
          db.prepare(insert('two')).run()
        }),
      'a conflict rule that is the last of a use': tx =>
        tx.use(db => {
          try {
            db.prepare("INSERT OR ROLLBACK INTO effect VALUES ('one')").run()
          } catch {}
        }),
      'a conflict rule that use hides from exec': tx =>
        tx.use(db => {
          try {
            db.exec("INSERT OR ROLLBACK INTO effect VALUES ('one')")
          } catch {}
          db.exec(insert('two'))
        }),
    }

    for (const [way, steal] of Object.entries(ways)) {
      it(`${way}: nothing is kept, the handle throws ERR_POE_TX_STOLEN`, async () => {
        const { handle, commit } = bound(await begin())
        await handle.run(insert('one'))
        expect(await codeOf(steal(handle))).to.equal('ERR_POE_TX_STOLEN')
        expect(await codeOf(handle.run(insert('four')))).to.equal('ERR_POE_TX_STOLEN')
        expect(await codeOf(commit(outcome()))).to.equal('ERR_POE_TX_STOLEN')
        expect(effects()).to.deep.equal([])
        expect((await store.read('key', null)).state).to.equal('running')
        expect(await claimState(store, 'next'), 'others go on').to.equal('claimed')
      })
    }

    it('by a row that no foreign commit gets past, should a COMMIT not be recognised', () => {
      const file = new StoreFile(files.fresh())
      const connection = new HandlerConnection(file, Date.now)
      connection.begin()
      connection.db.exec('CREATE TABLE effect (text TEXT)')
      expect(() => connection.db.exec('COMMIT')).to.throw('FOREIGN KEY')
      expect(connection.isHeld(), 'it is still open').to.equal(true)
      connection.db.exec('ROLLBACK; BEGIN; CREATE TABLE effect (text TEXT)')
      expect(() => connection.commit())
        .to.throw()
        .with.property('code', 'ERR_POE_TX_STOLEN')
      connection.rollBack()
      connection.close()
      file.close()
    })

    it('while savepoints and triggers are the handler’s', async () => {
      const { handle, commit } = bound(await begin())
      await handle.exec(`SAVEPOINT mine; ${insert('undone')}; ROLLBACK TO mine; RELEASE mine`)
      await handle.exec(`CREATE TRIGGER shout AFTER INSERT ON effect WHEN NEW.text = 'a' BEGIN
        UPDATE effect SET text = CASE WHEN 1 THEN 'A' END; SELECT 1; END; ${insert('a')}`)
      expect((await commit(outcome())).state).to.equal('ok')
      expect(effects()).to.deep.equal(['A'])
    })
  })

  describe('write(section) outside requests', () => {
    it('gives what the section gave, and undoes a section that throws', async () => {
      expect(await store.write(db => db.prepare(insert('one')).run().changes)).to.equal(1)
      const failing = (db: SqliteDatabase) => {
        db.exec(insert('two'))
        throw new RangeError('a planted fault')
      }
      await rejects(store.write(failing), RangeError, 'a planted fault')
      await rejects(
        store.write(async () => 1),
        TypeError,
        'synchronous',
      )
      expect(await codeOf(store.write(db => db.exec(`${insert('x')}; COMMIT`)))).to.equal(
        'ERR_POE_TX_STOLEN',
      )
      expect(effects()).to.deep.equal(['one'])
    })

    it('gives the next one a fresh connection when a section changed it', async () => {
      await store.write(db => db.exec('CREATE TEMP TABLE effect (text TEXT)'))
      await store.write(db => db.exec(insert('one')))
      expect(effects()).to.deep.equal(['one'])
    })

    it('keeps the connection for reads from writing', () => {
      expect(() => store.database.exec(insert('one'))).to.throw('readonly')
    })
  })

  it('reads elsewhere never wait for an open transaction', async () => {
    const { handle, rollback } = bound(await begin())
    await handle.run(insert('one'))
    expect((await store.read('key', null)).state).to.equal('running')
    expect((await store.epoch()).epochs).to.have.length(1)
    await rollback()
  })

  it('a claim that waits behind a transaction beyond its claimByMs is late', async () => {
    const { handle } = bound(await begin())
    await handle.run(insert('one'))
    const claim = makeClaim(Date.now(), { claimByMs: Date.now() + 50 })
    expect((await store.claim('other', claim)).state).to.equal('late')
  })
})

describe('the look at a statement', () => {
  for (const sql of [
    'commit',
    '  COMMIT ;',
    ';;END',
    'BEGIN IMMEDIATE',
    'ROLLBACK',
    'ROLLBACK TRANSACTION',
    'SELECT 1; COMMIT',
    "SELECT 'it''s; fine'; COMMIT",
    '-- harmless\nCOMMIT',
    '/* harmless */COMMIT',
    'CREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; END; COMMIT',
  ]) {
    it(`finds the control in ${JSON.stringify(sql)}`, () => {
      expect(findTransactionControl(sql)).to.be.oneOf(['COMMIT', 'END', 'BEGIN', 'ROLLBACK'])
    })
  }

  for (const sql of [
    'SELECT 1',
    'SAVEPOINT a',
    'RELEASE a',
    'ROLLBACK TO a',
    'ROLLBACK TRANSACTION TO SAVEPOINT a',
    "INSERT INTO x VALUES ('; COMMIT')",
    'SELECT "; COMMIT", [; COMMIT], `; COMMIT`',
    'SELECT 1 /* ; COMMIT */ -- ; COMMIT',
    'UPDATE x SET a = CASE WHEN b THEN 1 END',
    'CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN SELECT 1; SELECT 2; END;',
    'EXPLAIN COMMIT',
    '',
  ]) {
    it(`finds none in ${JSON.stringify(sql)}`, () => {
      expect(findTransactionControl(sql)).to.equal(null)
    })
  }
})

function bound(transaction: ReturnType<SqliteStore['transaction']>) {
  return {
    handle: transaction.handle,
    commit: transaction.commit.bind(transaction),
    rollback: transaction.rollback.bind(transaction),
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

async function rejects(
  promise: Promise<unknown>,
  kind: typeof Error,
  message: string,
): Promise<void> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).to.be.instanceOf(kind).with.property('message').that.includes(message)
}
