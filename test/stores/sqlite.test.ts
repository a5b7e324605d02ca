/**
 * The sqlite store: the contract, its options, files that it cannot use, and what a record costs.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { expect } from 'chai'
import { build } from 'esbuild'
import { PoeError } from '../../lib/errors.js'
import { type SqliteStoreOptions, sqliteStore } from '../../lib/stores/sqlite.js'
import { storeContract } from '../../lib/testing/store-contract.js'
import { claimState, makeClaim, outcome } from './helpers/claims.js'
import { Files, sqliteContract } from './helpers/sqlite-files.js'

const run = promisify(execFile)
const helper = (name: string) => fileURLToPath(new URL(`./helpers/${name}`, import.meta.url))

describe('sqliteStore', () => {
  const files = new Files()
  after(() => files.remove())

  describe('keeps the store contract', () => {
    for (const { title, run } of storeContract(sqliteContract(files))) it(title, run)
  })

  describe('options', () => {
    const refused: [given: unknown, kind: typeof Error, text: string][] = [
      [undefined, TypeError, 'options must be an object'],
      [7, TypeError, 'options must be an object'],
      ['', TypeError, 'path of a database file'],
      [{}, TypeError, 'path of a database file'],
      [{ file: 7 }, TypeError, 'path of a database file'],
      [':memory:', TypeError, 'memoryStore()'],
      [{ file: ' :memory: ' }, TypeError, 'memoryStore()'],
      ['file:shop.db?mode=ro', TypeError, 'plain path'],
      [{ file: 'x.db', lockwait: 5 }, TypeError, "no option 'lockwait'"],
      [{ file: 'x.db', lockWaitMs: '5' }, TypeError, 'lockWaitMs must be a whole number'],
      [{ file: 'x.db', lockWaitMs: -1 }, RangeError, 'at least 0'],
      [{ file: 'x.db', txMaxMs: 0 }, RangeError, 'at least 1'],
      [{ file: 'x.db', txMaxMs: Number.NaN }, TypeError, 'txMaxMs'],
      [{ file: 'x.db', now: 7 }, TypeError, 'like Date.now'],
    ]
    for (const [given, kind, text] of refused) {
      it(`refuses ${JSON.stringify(given)}`, () => {
        expect(() => sqliteStore(given as SqliteStoreOptions)).to.throw(kind, text)
      })
    }

    it('takes undefined as absent, and tells how long a call may take', async () => {
      const file = files.fresh()
      const store = sqliteStore({ file, lockWaitMs: undefined, txMaxMs: undefined, now: undefined })
      expect(store.timeoutMs).to.be.within(3_000, 5_000)
      await store.close()
      const patient = sqliteStore({ file, lockWaitMs: 10_000, txMaxMs: 5_000 })
      expect(patient.timeoutMs).to.be.above(15_000)
      await patient.close()
    })
  })

  describe('files that it cannot use', () => {
    const refusal = (file: string): PoeError => {
      try {
        void sqliteStore(file).close()
      } catch (error) {
        if (error instanceof PoeError) return error
        throw error
      }
      throw new Error(`${file} was accepted`)
    }

    it('a directory that is missing', () => {
      const error = refusal(join(files.fresh(), 'not', 'here.db'))
      expect(error).to.have.property('code', 'ERR_POE_STORE_DOWN')
      expect(error.message).to.include('Create the directory')
      expect(error.cause).to.be.instanceOf(Error)
    })

    it('a directory in its place', () => {
      const file = files.fresh()
      mkdirSync(file)
      const error = refusal(file)
      expect(error).to.have.property('code', 'ERR_POE_STORE_DOWN')
      expect(error.message).to.include(file)
    })

    it('a file that is no database', () => {
      const file = files.fresh()
      writeFileSync(file, 'not a database, but long enough to look like one. '.repeat(40))
      const error = refusal(file)
      expect(error).to.have.property('code', 'ERR_POE_STORE_DOWN')
      expect(error.message).to.include('another file')
      expect(error).to.have.nested.property('cause.code', 'SQLITE_NOTADB')
    })

    for (const version of ['2', 'none']) {
      it(`tables of schema '${version}'`, async () => {
        const file = files.fresh()
        await sqliteStore(file).close()
        const db = new Database(file)
        if (version === 'none') db.exec("DELETE FROM poe_meta WHERE name = 'schema'")
        else db.prepare("UPDATE poe_meta SET value = ? WHERE name = 'schema'").run(version)
        db.close()
        const error = refusal(file)
        expect(error).to.have.property('code', 'ERR_POE_STORE_SCHEMA')
        expect(error.message).to.include('Use the version that made the file')
      })
    }

    it('a disk that fails: calls reject, what was confirmed stays, nothing hangs', async () => {
      const script = `trap '' XFSZ; ulimit -f 1024; exec "$@"`
      const node = [process.execPath, ...process.execArgv, helper('failing-disk.ts'), files.fresh()]
      const { stdout } = await run('bash', ['-c', script, 'bash', ...node])
      const told = JSON.parse(stdout) as { code: string; spent: number; kept: number }
      expect(told.code).to.be.oneOf(['ERR_POE_STORE_DOWN', 'ERR_POE_STORE_FULL'])
      expect(told.spent).to.be.above(5)
      expect(told.kept).to.equal(told.spent)
    })

    it('a full database: the write says so', async () => {
      const store = sqliteStore(files.fresh())
      await store.write(db => db.exec('CREATE TABLE blob (bytes BLOB)'))
      await claimState(store, 'key')
      const { handle } = store.transaction('key', 'owner')
      await handle.exec('PRAGMA max_page_count = 20')
      const writing = handle.run('INSERT INTO blob VALUES (zeroblob(1000000))')
      const error = await writing.catch((reason: unknown) => reason)
      expect(error).to.have.property('code').that.is.oneOf(['SQLITE_FULL', 'ERR_POE_STORE_FULL'])
      await store.close()
    })

    it('a driver that is not installed: said, and no empty file left', async () => {
      const file = files.fresh()
      const told = await openWithDriver(file)
      expect(told).to.match(/needs better-sqlite3: run `npm install better-sqlite3@1[23]`/)
      expect(existsSync(file)).to.equal(false)
    })

    const BUNDLES = {
      '[FALSE-4522] bundled as CommonJS': {},
      // As webpack does in Next.js: the place where it was built, which is not where it runs.
      '[FALSE-4531] bundled elsewhere': {
        'import.meta.url': '"file:///built/elsewhere/driver.js"',
      },
    }
    for (const [title, define] of Object.entries(BUNDLES)) {
      it(`${title} it finds its driver`, async () => {
        const folder = `${files.fresh()}-bundle`
        mkdirSync(folder)
        const outfile = join(folder, 'bundle.cjs')
        const modules = fileURLToPath(new URL('../../node_modules', import.meta.url))
        symlinkSync(modules, join(folder, 'node_modules'))
        const entryPoints = [helper('../../../lib/stores/sqlite.ts')]
        const given = { entryPoints, outfile, define, bundle: true, logLevel: 'silent' } as const
        await build({ ...given, platform: 'node', external: ['better-sqlite3'] })
        const program = join(folder, 'program.cjs')
        writeFileSync(program, `require('./bundle.cjs').sqliteStore('${folder}/a.db').close()`)
        await run(process.execPath, [program])
        expect(existsSync(join(folder, 'a.db'))).to.equal(true)
      })
    }

    it('[FALSE-4375] a driver that would end this process is told of before it can', async () => {
      const isOld = Number(process.versions.napi) < 10
      const [installed, wanted] = isOld ? [13, 12] : [12, 13]
      const file = files.fresh()
      const told = await openWithDriver(file, `${installed}.0.0`)
      if (isOld || Number.parseInt(process.versions.node, 10) >= 24) {
        expect(told).to.include(`better-sqlite3 ${installed}.0.0 on Node ${process.versions.node}`)
        expect(told).to.include(`run \`npm install better-sqlite3@${wanted}\``)
      }
      expect(existsSync(file)).to.equal(false)
    })
  })

  it('rejects what comes after close, and settles what came before', async () => {
    const store = sqliteStore(files.fresh())
    const before = store.claim('key', makeClaim(Date.now()))
    const closed = store.close()
    expect((await before).state).to.equal('claimed')
    await closed
    const error = await store.read('key', null).catch((reason: unknown) => reason)
    expect(error).to.have.property('code', 'ERR_POE_STORE_CLOSED')
    expect(() => store.database)
      .to.throw()
      .with.property('code', 'ERR_POE_STORE_CLOSED')
    const late = store.transaction('key', 'owner').handle.run('SELECT 1')
    expect(await late.catch((reason: unknown) => reason)).to.have.property(
      'code',
      'ERR_POE_STORE_CLOSED',
    )
  })

  it('needs at most 310 bytes for a spent record with an answer of 150 bytes', async () => {
    const store = sqliteStore(files.fresh())
    const records = 4_000
    const digest = (index: number) => Buffer.from(`${index}`.padStart(16)).toString('base64url')
    const type = '["content-type","application/json; charset=utf-8"]'
    const head = (index: number) => `[201,[${type},["location","/orders/${index}"]],"k"]`
    const spend = async (index: number) => {
      const key = `order\n${digest(index)}`
      const owner = `owner-${index}`.padEnd(21, '-')
      const nowMs = Date.now()
      const who = { owner, principal: digest(index % 50), fingerprint: digest(index).repeat(2) }
      await store.claim(key, makeClaim(nowMs, { ...who, keepUntilMs: nowMs + index * 900 }))
      await store.complete(key, owner, { head: head(index), body: Buffer.alloc(150, 'x') })
    }
    await Promise.all(Array.from({ length: records }, (_, index) => spend(index)))
    const bytes = store.database
      .prepare("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'poe_spent%'")
      .pluck()
      .get() as number
    expect(bytes / records).to.be.below(310)
    expect(await store.read(`order\n${digest(7)}`, null)).to.have.nested.property(
      'outcome.head',
      head(7),
    )
    await store.close()
  })

  it('purges many in small steps, with claims in between', async () => {
    let nowMs = Date.now()
    const store = sqliteStore({ file: files.fresh(), now: () => nowMs })
    const keys = Array.from({ length: 1_000 }, (_, index) => `key-${index}`)
    await Promise.all(
      keys.map(async key => {
        await store.claim(key, makeClaim(nowMs, { keepUntilMs: nowMs + 1_000 }))
        await store.complete(key, 'owner', outcome())
      }),
    )
    nowMs += 3_600_000
    const order: string[] = []
    const purging = store.purge(5_000).then(reply => order.push(`purged ${reply.removed}`))
    await claimState(store, 'new').then(state => order.push(state))
    await purging
    expect(order).to.deep.equal(['claimed', 'purged 1000'])
    await store.close()
  })
})

/**
 * Opens a file in a process of its own.
 *
 * @param version - of the driver there; none by default
 * @returns what it was told
 */
async function openWithDriver(file: string, version?: string): Promise<string> {
  const module = JSON.stringify(helper('../../../lib/stores/sqlite.ts'))
  const code = `
    const { sqliteStore } = await import(${module})
    try { sqliteStore(${JSON.stringify(file)}) } catch (error) { console.log(error.message) }`
  const flags = [...process.execArgv, '--import', helper('no-driver.mjs')]
  const env = { ...process.env, ...(version !== undefined && { POE_TEST_DRIVER: version }) }
  const args = [...flags, '--input-type=module', '--eval', code]
  const { stdout, stderr } = await run(process.execPath, args, { env })
  return stdout + stderr
}
