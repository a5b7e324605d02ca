/** The sqlite file is its owner's alone; the store's own connection is replaced when stuck. */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import { StoreFile } from '../../lib/stores/sqlite/store-file.js'
import { WriteQueue } from '../../lib/stores/sqlite/write-queue.js'
import { claimState, outcome } from './helpers/claims.js'

describe('a sqlite file', () => {
  let folder: string
  let path: string
  let umask: number
  beforeEach(() => {
    umask = process.umask(0o022)
    folder = mkdtempSync(join(tmpdir(), 'poe-test-'))
    path = join(folder, 'store.db')
  })
  afterEach(() => {
    process.umask(umask)
    rmSync(folder, { recursive: true, force: true })
  })
  const modes = () =>
    Object.fromEntries(
      readdirSync(folder).map(name => [name, statSync(join(folder, name)).mode & 0o777]),
    )

  it('[FALSE-2401] is made with its side files so that only its owner reads them', async () => {
    const store = sqliteStore(path)
    await claimState(store, 'key')
    await store.write(db => db.exec('CREATE TABLE note (text TEXT)'))
    expect(modes()).to.deep.equal({
      'store.db': 0o600,
      'store.db-shm': 0o600,
      'store.db-wal': 0o600,
    })
    await store.close()
  })

  it('[FALSE-2402] behind a link to a place that is not there yet it is private, too', async () => {
    symlinkSync(join(folder, 'target.db'), path)
    const store = sqliteStore(path)
    await claimState(store, 'key')
    expect(modes()).to.include({ 'target.db': 0o600 })
    await store.close()
  })

  it('[FALSE-2403] one that is there keeps its mode: it is its owner who gave it', async () => {
    writeFileSync(path, '')
    chmodSync(path, 0o660)
    const store = sqliteStore(path)
    await claimState(store, 'key')
    expect(modes()).to.deep.equal({
      'store.db': 0o660,
      'store.db-shm': 0o660,
      'store.db-wal': 0o660,
    })
    await store.close()
  })

  it('[FALSE-3907] whose path has a space behind it is private, too', async () => {
    const store = sqliteStore(`${path}\n`)
    await claimState(store, 'key')
    expect(modes()).to.include({ 'store.db': 0o600 })
    await store.close()
  })

  it('[FALSE-3908] stays the same when the process goes to another folder', async () => {
    const from = process.cwd()
    mkdirSync(join(folder, 'elsewhere'))
    process.chdir(folder)
    const store = sqliteStore('store.db')
    process.chdir('elsewhere')
    try {
      await store.write(db => db.exec('CREATE TABLE note (text TEXT)'))
      expect(store.database.prepare('SELECT text FROM note').all()).to.deep.equal([])
      await claimState(store, 'key', { owner: 'a' })
      const transaction = store.transaction('key', 'a')
      await transaction.handle.run("INSERT INTO note VALUES ('kept')")
      expect((await transaction.commit(outcome())).state).to.equal('ok')
      expect(readdirSync('.')).to.deep.equal([])
    } finally {
      process.chdir(from)
      await store.close()
    }
  })

  it('[FALSE-3909] that is gone is not made anew by a handler, nor by a look', async () => {
    const store = sqliteStore(path)
    await claimState(store, 'key', { owner: 'a' })
    for (const name of readdirSync(folder)) rmSync(join(folder, name))
    const used = store.transaction('key', 'a').handle.run('SELECT 1')
    expect(String(await used.catch(error => error.code))).to.equal('ERR_POE_STORE_DOWN')
    expect(() => store.database).to.throw(/cannot be opened/)
    expect(readdirSync(folder)).to.deep.equal([])
    await store.close()
  })

  for (const [what, spoil] of [
    ['removed', () => rmSync(path)],
    ['put in place of another', () => copyFileSync(path, `${path}2`)],
    ['parted from its WAL', () => rmSync(`${path}-wal`)],
    // Locks are in there: a process that starts now has others than this one.
    ['parted from its locks', () => rmSync(`${path}-shm`)],
  ] as const) {
    it(`[FALSE-4551, FALSE-4557] that was ${what} meanwhile takes nothing more`, async () => {
      const store = sqliteStore(path)
      await claimState(store, 'before', { owner: 'a' })
      const isReady = () =>
        store.epoch().then(
          () => true,
          error => error.message,
        )
      expect(await isReady()).to.equal(true)
      spoil()
      if (what.startsWith('put')) renameSync(`${path}2`, path)
      const calls = [
        () => claimState(store, 'after'),
        () => store.complete('before', 'a', outcome()),
        () => store.transaction('before', 'a').handle.run('SELECT 1'),
        () => store.write(() => 'written'),
        () => store.epoch(),
        () => store.read('before', null),
      ]
      for (const call of calls) {
        expect(await call().then(String, error => error.code)).to.equal('ERR_POE_STORE_DOWN')
      }
      expect(await isReady()).to.include('removed or replaced while it was open')
      await store.close()
    })
  }
})

describe("the sqlite queue's own connection", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'poe-test-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('[FALSE-1705] is replaced when a ROLLBACK on it fails, and later writes go on', async () => {
    const file = new StoreFile(join(folder, 'store.db'))
    const queue = new WriteQueue(file, 2_000)
    await queue.submit(() => file.writer.exec('CREATE TABLE note (text TEXT)'))
    const first = file.writer
    let rows: IterableIterator<unknown> | undefined
    const failed = queue.submit(() => {
      first.prepare("INSERT INTO note VALUES ('lost')").run()
      // In the middle of a query nothing can be rolled back.
      rows = first.prepare('SELECT 1 UNION SELECT 2').iterate()
      throw new Error('in the middle of it')
    })
    expect(await failed.catch((error: Error) => error.message)).to.contain('in the middle of it')
    expect(first.inTransaction, 'the transaction could not be undone').to.equal(true)
    const later = queue.submit(() => file.writer.prepare("INSERT INTO note VALUES ('kept')").run())
    rows?.return?.()
    await later
    expect(file.writer).to.not.equal(first)
    expect(first.open, 'the former one').to.equal(false)
    expect(file.writer.prepare('SELECT text FROM note').pluck().all()).to.deep.equal(['kept'])
    expect(file.writer.pragma('synchronous', { simple: true }), 'FULL').to.equal(2)
    await queue.close()
    file.close()
  })

  it('[FALSE-1706] the next connection sees the same records and epoch', async () => {
    const path = join(folder, 'store.db')
    const store = sqliteStore(path)
    const { epochs } = await store.epoch()
    await claimState(store, 'before')
    const other = new StoreFile(path)
    other.replaceWriter()
    other.begin()
    other.writer.exec('COMMIT')
    await claimState(store, 'after')
    for (const key of ['before', 'after']) {
      expect((await store.read(key, null)).state).to.equal('running')
    }
    expect((await store.epoch()).epochs).to.deep.equal(epochs)
    other.close()
    await store.close()
  })

  it('[FALSE-1707] a file that is gone is not made anew in its place', () => {
    const path = join(folder, 'store.db')
    const file = new StoreFile(path)
    file.replaceWriter()
    rmSync(path)
    expect(() => file.begin()).to.throw(/was removed/)
    file.close()
  })
})
