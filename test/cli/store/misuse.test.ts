/**
 * `poe store` called wrongly, on what is no store, and without a driver: what it says, that it
 * makes nothing, and that no password is in it.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { CONNECTS, openClient } from '../../../lib/stores/redis/open-client.js'
import { openDatabase } from '../../support/server-process.js'
import { sharedPostgres } from '../../support/servers/postgres-server.js'
import { describeWith } from '../../support/servers/programs.js'
import { sharedRedis } from '../../support/servers/redis-server.js'
import { poeHere } from '../fake-terminal.js'
import { endPoes, poe } from '../poe.js'

const VERBS = [
  ...['stats', 'list', 'show', 'settle', 'release', 'purge', 'rotate-epoch', 'rotate-secret'],
  ...['export', 'check'],
]
const PASSWORD = 'hunter2%2Fplanted'

describe('poe store, called wrongly', () => {
  const folder = mkdtempSync(join(tmpdir(), 'poe-misuse-'))
  const file = join(folder, 'none.db')
  after(() => rmSync(folder, { recursive: true, force: true }))

  const refused: [words: string[], message: RegExp][] = [
    [[], /Give a verb: stats, list/],
    [['look'], /no verb 'look'/],
    [['stats'], /--store, or set POE_STORE/],
    [['stats', '--store', 'memory:'], /once\.status\(\)/],
    [['stats', '--store', 'mysql://h'], /--store takes sqlite:/],
    [['stats', '--store', `redis://u:${PASSWORD}@[bad`], /--store takes/],
    [['stats', '--store', 'redis://127.0.0.1:1/abc'], /the number of the database/],
    [['stats', 'word', '--store', 'sqlite:x'], /Give one URL|argument/],
    [['stats', '--nope'], /nope/],
    [['list', '--state', 'free', '--store', 'sqlite:x'], /--state takes one of/],
    [['list', '--older-than', '5', '--store', 'sqlite:x'], /such as 90s/],
    [['list', '--state', 'spent', '--older-than', '5m', '--store', 'sqlite:x'], /undecided/],
    [['list', '--limit', '0', '--store', 'sqlite:x'], /whole number from 1/],
    [['show', '--store', 'sqlite:x'], /Give a key, or a link/],
    [['show', 'key', '--resource', 'order', '--store', 'sqlite:x'], /goes with a link/],
    [['settle', 'key', '--yes', '--store', 'sqlite:x'], /one of --happened and/],
    [['settle', 'key', '--happened', '--did-not-happen', '--yes'], /one of --happened and/],
    [['settle', 'key', '--did-not-happen', '--location', '/x', '--yes'], /go with --happened/],
    [['settle', 'key', '--happened', '--status', '303', '--yes'], /needs a location/],
    [['settle', 'key', '--did-not-happen', '--store', 'sqlite:x'], /add --yes, or --dry-run/],
    [['purge', '--store', 'sqlite:x'], /add --yes, or --dry-run/],
    [['rotate-secret', '--drop', 'a', '--print'], /one of --drop and --print/],
    [['rotate-secret', '--drop', '--print'], /'--drop' argument is ambiguous/],
    [['rotate-secret', '--drop', '--prnt'], /'--drop' argument is ambiguous/],
    [['rotate-secret', '--drop', '--', 'a'], /--drop/],
    [['rotate-secret', '--drop', '-x_9', '--drop', '-x_9'], /Give --drop once/],
  ]
  for (const [words, message] of refused) {
    it(`[ADM-08] ${words.join(' ').replace(PASSWORD, '...')}: exit 2`, async () => {
      const ended = await poeHere(['store', ...words])
      expect(ended.err)
        .to.match(message)
        .and.to.match(/poe store --help/)
      expect(ended.err).not.to.include('hunter2')
      expect([ended.code, ended.out]).to.deep.equal([2, ''])
    })
  }

  it('[ADM-08] each verb has a help, which names its exit codes', async () => {
    const overview = await poeHere(['store', '--help'])
    for (const verb of VERBS) {
      expect(overview.out).to.match(new RegExp(`^ {2}${verb} `, 'm'))
      const { out, code } = await poeHere(['store', verb, '--help'])
      expect(out).to.match(new RegExp(`^Usage: poe store ${verb}`))
      expect(out).to.include('--store <url>').and.to.include('Exit codes: 0')
      expect(code).to.equal(0)
      for (const line of out.split('\n')) expect(line.length, line).to.be.at.most(100)
    }
  })

  it('[ADM-08] looking at a store makes none', async () => {
    const missing = await poeHere(['store', 'check', '--store', `sqlite:${file}`])
    expect([missing.code, missing.out]).to.deep.equal([1, ''])
    expect(missing.err).to.include('There is no file')
    expect(existsSync(file)).to.equal(false)
    const other = join(folder, 'other.db')
    openDatabase(other).exec('CREATE TABLE mine (x)').close()
    const strange = await poeHere(['store', 'stats', '--store', `sqlite:${other}`])
    expect(strange.err).to.include('holds no store')
    const db = openDatabase(other)
    const tables = db.prepare('SELECT name FROM sqlite_master').pluck().all()
    db.close()
    expect(tables).to.deep.equal(['mine'])
    writeFileSync(
      join(folder, 'text.db'),
      'no database at all, and long enough for a header'.repeat(9),
    )
    const text = await poeHere(['store', 'stats', '--store', `sqlite:${folder}/text.db`])
    expect([text.code, text.out]).to.deep.equal([1, ''])
    expect(text.err).to.include('cannot be read: file is not a database. Name another file')
    expect(readdirSync(folder).sort()).to.deep.equal(['other.db', 'text.db'])
  })

  it('[ADM-08] a store that cannot be reached: one line, exit 1, no password in it', async () => {
    for (const scheme of ['redis', 'rediss', 'postgres']) {
      const url = `${scheme}://u:${PASSWORD}@127.0.0.1:1/1?password=${PASSWORD}`
      for (const given of [
        { args: ['--store', url], env: {} },
        { args: [], env: { POE_STORE: url } },
      ]) {
        const ended = await poeHere(['store', 'stats', ...given.args], { env: given.env })
        expect([ended.code, ended.out], ended.err).to.deep.equal([1, ''])
        expect(ended.err.trimEnd().split('\n'), scheme).to.have.lengthOf(1)
        expect(ended.err).not.to.include('hunter2')
      }
    }
  })

  for (const url of ['redis://127.0.0.1:1', 'redis://127.0.0.1:1/2', 'postgres://127.0.0.1:1/x']) {
    it(`[ADM-08] an address without anything secret is shown: ${url}`, async () => {
      const ended = await poeHere(['store', 'stats', '--store', url])
      expect(ended.err).to.match(/nobody listens/)
      expect(ended.err.startsWith(`${url}: `), ended.err).to.equal(true)
    })
  }

  it('[FALSE-4207] a server that is connected and mute is not waited for', async () => {
    const mute = createServer(socket => socket.on('error', () => {}).resume())
    await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
    const at = `127.0.0.1:${(mute.address() as AddressInfo).port}`
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('it is waited for')), 30_000).unref()
    })
    const opening = Object.values(CONNECTS).map(async connect => {
      const error = await openClient(`redis://${at}`, [connect]).catch(cause => cause)
      expect(error.message).to.include('gave no answer')
    })
    const looking = ['redis', 'postgres'].map(async scheme => {
      const ended = await poeHere(['store', 'stats', '--store', `${scheme}://${at}/1`])
      expect([ended.code, ended.out], ended.err).to.deep.equal([1, ''])
    })
    await Promise.race([Promise.all([...opening, ...looking]), late])
    mute.close()
  })

  it('[ADM-07] rotate-secret --print makes a text, and touches no store', async () => {
    const { out, code } = await poeHere(['store', 'rotate-secret', '--print'])
    expect(code).to.equal(0)
    expect(Buffer.byteLength(out.trim())).to.be.at.least(32)
    const other = await poeHere(['store', 'rotate-secret', '--print', '--json'])
    expect(JSON.parse(other.out).secret).not.to.equal(out.trim())
  })

  it('[ADM-08] without a driver it names the package to install', async () => {
    const missing = Object.assign(new Error("Cannot find package 'x'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
    const none = () => Promise.reject(missing)
    const error = await openClient('redis://127.0.0.1:1', [none, none]).catch(cause => cause)
    expect(error.message).to.include('npm install ioredis').and.to.include('npm install redis')
    const env = { NODE_OPTIONS: `--import ${new URL('no-drivers.mjs', import.meta.url).href}` }
    for (const [url, name] of [
      ['postgres://u@127.0.0.1:1/x', 'npm install pg'],
      ['redis://127.0.0.1:1', 'npm install ioredis'],
      [`sqlite:${folder}/other.db`, 'npm install better-sqlite3@1'],
    ] as const) {
      const ended = await poe(['store', 'stats', '--store', url], { env })
      expect(ended.err, url).to.include(name)
      expect(ended.code, url).to.equal(1)
    }
    const migrated = await poe(['migrate', 'postgres://u@127.0.0.1:1/x'], { env })
    expect([migrated.code, migrated.err.trim()]).to.deep.equal([
      1,
      'This needs the driver: run `npm install pg`.',
    ])
    endPoes()
  })
})

describeWith(['redis-server'], 'poe store on a Redis without a store', () => {
  it('[ADM-08] says so by each driver, and writes nothing', async () => {
    const { url } = await sharedRedis()
    const ended = await poeHere(['store', 'check', '--store', url, '--prefix', 'nothing-here'])
    expect(ended.err).to.include("no store under the prefix 'nothing-here'")
    for (const connect of Object.values(CONNECTS)) {
      const opened = await openClient(url, [connect])
      expect(await opened.hasStore('nothing-here')).to.equal(false)
      opened.end()
    }
  })

  it('[FALSE-4440] a database that the server does not have is no other one', async () => {
    const { url } = await sharedRedis()
    const missing = new URL('/999999', url).href
    for (const connect of Object.values(CONNECTS)) {
      const error = await openClient(missing, [connect]).catch(cause => cause)
      expect(error).to.be.instanceOf(Error)
      expect(error.message).to.include('DB index is out of range')
      ;(await openClient(new URL('/1', url).href, [connect])).end()
    }
    const ended = await poeHere(['store', 'rotate-epoch', '--yes', '--store', missing])
    expect([ended.code, ended.out]).to.deep.equal([1, ''])
    expect(ended.err).to.include('DB index is out of range')
  })
})

describeWith(['postgres', 'initdb'], 'poe store on a PostgreSQL without a store', () => {
  it('[ADM-08] says how it is made', async () => {
    const { url } = await sharedPostgres()
    const ended = await poeHere(['store', 'check', '--store', url, '--schema', 'nothing_here'])
    expect([ended.code, ended.out]).to.deep.equal([1, ''])
    expect(ended.err).to.include('npx poe migrate')
  })

  it('[FALSE-4448] a schema of another version is refused, and nothing is changed', async () => {
    const { url, query } = await sharedPostgres()
    const schema = 'another_version'
    const on = ['--store', url, '--schema', schema]
    expect((await poeHere(['migrate', url, '--schema', schema])).code).to.equal(0)
    expect((await poeHere(['store', 'stats', ...on])).code).to.equal(0)
    await query(
      `CREATE OR REPLACE FUNCTION ${schema}.version() RETURNS integer LANGUAGE sql AS 'SELECT 99'`,
    )
    const epochNow = async () => (await query(`SELECT epoch FROM ${schema}.memory`)).rows
    const before = await epochNow()
    for (const words of [
      ...[['rotate-epoch'], ['rotate-secret'], ['purge'], ['release', 'k']].map(more => [
        ...more,
        '--yes',
      ]),
      ...[['settle', 'k', '--did-not-happen', '--yes'], ['show', 'k'], ['export']],
    ]) {
      const ended = await poeHere(['store', ...words, ...on])
      expect([ended.code, ended.out], words.join(' ')).to.deep.equal([1, ''])
      expect(ended.err).to.include('made by a newer release')
    }
    expect(await epochNow()).to.deep.equal(before)
  })

  it('[ADM-08] a password that the server takes is not printed either', async () => {
    const { url, query } = await sharedPostgres()
    const given = new URL(url)
    given.password = PASSWORD
    await poeHere(['migrate', url, '--schema', 'with_password'])
    for (const words of [
      ['stats', '--json'],
      ['stats'],
      ['rotate-epoch', '--dry-run'],
      ['check'],
    ]) {
      const flags = ['--store', given.href, '--schema', 'with_password']
      const { out, err } = await poeHere(['store', ...words, ...flags])
      expect(out + err, words.join(' ')).to.have.length.above(20)
      expect(out + err, words.join(' ')).not.to.include('hunter2')
    }
    await query('DROP SCHEMA with_password CASCADE')
  })
})
