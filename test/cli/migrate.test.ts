/** `poe migrate`: what it does, says and exits with; once as a process. */
import { expect } from 'chai'
import pg from 'pg'
import { postgresStore } from 'post-once-exactly/stores/postgres'
import { claimState } from '../stores/helpers/claims.js'
import { sharedPostgres } from '../support/servers/postgres-server.js'
import { describeWith } from '../support/servers/programs.js'
import { poeHere } from './fake-terminal.js'
import { poe } from './poe.js'

describe('poe', () => {
  it('without a command lists the commands, and exits 2; with --help, 0', async () => {
    for (const [args, code] of [
      [[], 2],
      [['--help'], 0],
    ] as const) {
      const ended = await poeHere(args)
      expect(ended.out).to.match(/^Usage: poe <command>[\s\S]*migrate/)
      expect(ended.code).to.equal(code)
    }
  })

  it('tells its version', async () => {
    expect((await poeHere(['--version'])).out).to.match(/^\d+\.\d+\.\d+(-rc\.\d+)?\n$/)
  })

  for (const [args, message] of [
    [['no-such'], /no command 'no-such'/],
    [['migrate'], /postgres:\/\/, or set POE_STORE or DATABASE_URL/],
    [['migrate', 'mysql://h'], /begins with postgres/],
    [['migrate', 'postgres://a', 'postgres://b'], /Give one URL/],
    [['migrate', '--nope'], /nope[\s\S]*poe migrate --help/],
    [['migrate', 'postgres://a', '--schema', 'A B'], /schema must be/],
  ] as const) {
    it(`${args.join(' ')}: says what is wrong, and exits 2`, async () => {
      const ended = await poeHere(args)
      expect(ended.err).to.match(message)
      expect([ended.code, ended.out]).to.deep.equal([2, ''])
    })
  }

  it('migrate --help tells of the rights that are needed', async () => {
    const ended = await poeHere(['migrate', '--help'])
    expect(ended.out).to.include('GRANT USAGE')
    expect(ended.code).to.equal(0)
  })

  it('migrate where nobody listens: one line, exit 1, no password in it', async () => {
    const ended = await poeHere(['migrate', 'postgres://u:secret@127.0.0.1:1/x'])
    expect(ended.err.trimEnd().split('\n')).to.have.lengthOf(1)
    expect(ended.err).not.to.include('secret')
    expect(ended.code).to.equal(1)
  })
})

describeWith(['postgres', 'initdb'], 'poe migrate', () => {
  it('makes the tables, and says so when they are there', async () => {
    const { url, query } = await sharedPostgres()
    const first = await poe(['migrate', url, '--schema', 'by_command'])
    expect(first.out).to.equal('Made the schema by_command, version 4.\n')
    const other = 'postgres://u@127.0.0.1:1/x'
    for (const env of [
      { DATABASE_URL: url },
      { DATABASE_URL: other, POE_STORE: url },
      { DATABASE_URL: url, POE_STORE: 'sqlite:shop.db' },
    ]) {
      const again = await poeHere(['migrate', '--schema', 'by_command'], { env })
      expect(again.out).to.equal('The schema by_command has version 4 already.\n')
    }
    const pool = new pg.Pool({ connectionString: url })
    const store = postgresStore({ pool, schema: 'by_command' })
    expect(await claimState(store, 'key')).to.equal('claimed')
    await store.close()
    await pool.end()
    await query('DROP SCHEMA by_command CASCADE')
  })

  it('prints what it would run, and that runs', async () => {
    const { out, code } = await poeHere(['migrate', '--print', '--schema', 'by_print'])
    expect(code).to.equal(0)
    const { query } = await sharedPostgres()
    await query(out)
    expect((await query('SELECT by_print.version()')).rows).to.deep.equal([{ version: 4 }])
  })
})
