/**
 * The write queue of the sqlite store: group commit, jobs that fail, turns.
 */

import BetterSqlite3 from 'better-sqlite3'
import { expect } from 'chai'
import { StoreFile } from '../../lib/stores/sqlite/store-file.js'
import { WriteQueue } from '../../lib/stores/sqlite/write-queue.js'
import { sqliteStore } from '../../lib/stores/sqlite.js'
import { until } from '../support/meeting.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { Files } from './helpers/sqlite-files.js'
import { commitsIn } from './helpers/wal.js'

describe('the write queue of sqliteStore', () => {
  const files = new Files()
  after(() => files.remove())

  it('commits the writes of one turn of the event loop together', async () => {
    const path = files.fresh()
    const store = sqliteStore(path)
    await store.epoch()
    const before = commitsIn(path)
    const claim = makeClaim(Date.now())
    const keys = Array.from({ length: 100 }, (_, index) => `key-${index}`)
    await Promise.all(keys.map(key => store.claim(key, claim)))
    expect(commitsIn(path) - before, 'for 100 claims at once').to.equal(1)
    await Promise.all(keys.map(key => store.complete(key, 'owner', outcome())))
    expect(commitsIn(path) - before, 'and 100 completions at once').to.equal(2)
    for (const key of keys.slice(0, 5)) await store.release(key, 'nobody')
    await claimState(store, 'one')
    await claimState(store, 'two')
    expect(commitsIn(path) - before, 'and two claims one after the other').to.equal(4)
    await store.close()
  })

  it('does nothing later of what it has refused for the lock of another', async () => {
    const path = files.fresh()
    const store = sqliteStore({ file: path, lockWaitMs: 50 })
    await store.epoch()
    const holder = new BetterSqlite3(path)
    holder.exec('BEGIN IMMEDIATE')
    const asked = store.claim('key', makeClaim(Date.now()))
    const refused = await asked.catch((error: unknown) => error)
    expect(refused).to.have.property('code', 'ERR_POE_STORE_BUSY')
    holder.exec('ROLLBACK')
    holder.close()
    expect(await claimState(store, 'key', { owner: 'another' })).to.equal('claimed')
    await store.close()
  })

  describe('with jobs that fail', () => {
    let file: StoreFile
    let queue: WriteQueue
    const add = (text: string) => () => {
      file.writer.prepare('INSERT INTO note (text, friend) VALUES (?, ?)').run(text, null)
      return text
    }
    const notes = () => file.reader.prepare('SELECT text FROM note ORDER BY text').pluck().all()

    beforeEach(() => {
      file = new StoreFile(files.fresh())
      queue = new WriteQueue(file, 500)
      file.writer.exec(`CREATE TABLE note (
        text TEXT UNIQUE,
        friend TEXT REFERENCES note (text) DEFERRABLE INITIALLY DEFERRED
      )`)
    })
    afterEach(async () => {
      await queue.close()
      file.close()
    })

    it('rejects the one that failed and keeps its neighbours', async () => {
      const half = () => {
        add('half')()
        throw new Error('a planted fault')
      }
      const settled = await Promise.allSettled([
        queue.submit(add('a')),
        queue.submit(half),
        queue.submit(add('b')),
        queue.submit(add('a')),
      ])
      expect(settled.map(each => each.status)).to.deep.equal([
        'fulfilled',
        'rejected',
        'fulfilled',
        'rejected',
      ])
      expect(notes(), 'nothing of the half-done one').to.deep.equal(['a', 'b'])
    })

    it('rejects all of a batch whose commit fails', async () => {
      const lonely = () => {
        file.writer.prepare('INSERT INTO note (text, friend) VALUES (?, ?)').run('x', 'nobody')
      }
      const settled = await Promise.allSettled([queue.submit(add('a')), queue.submit(lonely)])
      for (const each of settled) {
        expect(each.status).to.equal('rejected')
        expect(each).to.have.nested.property('reason.code', 'ERR_POE_STORE_DOWN')
        expect(each).to.have.nested.property('reason.cause.code', 'SQLITE_CONSTRAINT_FOREIGNKEY')
      }
      expect(notes()).to.deep.equal([])
      expect(await queue.submit(add('b')), 'the queue goes on').to.equal('b')
    })

    it('lets writes and turns alternate', async () => {
      const order: string[] = []
      const turn = (name: string) => ({
        begin: () => {},
        hold: async () => {
          order.push(name)
          await new Promise(resolve => setTimeout(resolve, 5))
          void queue.submit(() => order.push(`write after ${name}`))
        },
        refuse: () => {},
      })
      const names = ['first', 'second', 'third']
      for (const name of names) queue.takeTurn(turn(name))
      await until(() => order.length === 2 * names.length, 'all have had their turn')
      expect(order).to.deep.equal(names.flatMap(name => [name, `write after ${name}`]))
    })

    it('refuses waiting turns when it is closed, and finishes the writes', async () => {
      let refused: unknown
      const write = queue.submit(add('a'))
      queue.takeTurn({
        begin: () => {},
        hold: async () => {},
        refuse: reason => {
          refused = reason
        },
      })
      await queue.close()
      expect(await write).to.equal('a')
      expect(refused).to.have.property('code', 'ERR_POE_STORE_CLOSED')
    })
  })
})
