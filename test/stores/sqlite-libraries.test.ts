/**
 * A second SQLite library in one process, as `sqlite3` under Sequelize is, or `node:sqlite`: here a
 * copy of better-sqlite3. Locks of a process hold nobody of the same process up, so each writes
 * over what the other has committed: a link that was spent was free again.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import { type SqliteStore, sqliteStore } from 'post-once-exactly/stores/sqlite'
import { claimState, outcome } from './helpers/claims.js'

describe('a sqlite file in the hands of two libraries', () => {
  let folder: string
  let path: string
  let library: string
  let store: SqliteStore
  before(() => {
    new Database(':memory:').close()
    const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] }
    folder = mkdtempSync(join(tmpdir(), 'poe-test-'))
    library = join(folder, 'another.node')
    copyFileSync(sharedObjects.find(name => /sqlite3[^/]*\.node$/.test(name)) ?? '', library)
  })
  beforeEach(() => {
    path = join(mkdtempSync(join(folder, 'file-')), 'store.db')
  })
  afterEach(() => store.close())
  after(() => rmSync(folder, { recursive: true, force: true }))
  const codeOf = (call: Promise<unknown>) => call.then(String, error => error.code)

  it('[FALSE-4643] takes nothing while both have it open', async () => {
    store = sqliteStore(path)
    await claimState(store, 'before', { owner: 'a' })
    const other = new Database(path, { nativeBinding: library })
    other.exec('CREATE TABLE app (text TEXT); BEGIN IMMEDIATE; INSERT INTO app VALUES (1)')
    await pause(200)
    const calls = [
      () => claimState(store, 'after'),
      () => store.complete('before', 'a', outcome()),
      () => store.transaction('before', 'a').handle.run('SELECT 1'),
      () => store.write(() => 'written'),
      () => store.read('before', null),
    ]
    for (const call of calls) expect(await codeOf(call())).to.equal('ERR_POE_STORE_DOWN')
    const message = await store.epoch().catch(error => error.message)
    expect(message).to.include(`Another SQLite library of this process has ${path} open`)
    // It takes itself for the last one, and removes what both have open.
    other.exec('COMMIT')
    other.close()
    expect(await store.epoch().catch(error => error.message)).to.include('when it closes the file')
  })

  it('[FALSE-4643] takes nothing from the start where the other one was first', async () => {
    const earlier = sqliteStore(path)
    await earlier.close()
    const other = new Database(path, { nativeBinding: library })
    other.prepare('SELECT count(*) FROM sqlite_master').get()
    store = sqliteStore(path)
    expect(await codeOf(claimState(store, 'key'))).to.equal('ERR_POE_STORE_DOWN')
    other.close()
  })

  it('[FALSE-4643] takes all where the application has it open by the same library', async () => {
    store = sqliteStore(path)
    const same = [new Database(path), new Database(path)]
    for (const each of same) each.prepare('SELECT count(*) FROM sqlite_master').get()
    expect(await claimState(store, 'same')).to.equal('claimed')
    for (const each of same) each.close()
  })
})
