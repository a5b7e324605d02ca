/**
 * What a text of SQL would do to a handler's transaction, read as PostgreSQL reads it. Where the
 * two could differ, `COMMIT` would pass.
 */
import { expect } from 'chai'
import pg from 'pg'
import { planOf } from '../../lib/stores/postgres/joined-statement.js'
import { findTransactionControl } from '../../lib/stores/postgres/statement-check.js'
import { freshDatabase } from '../support/joined-shop.js'
import { seededRandom } from '../support/meeting.js'
import { describeWith } from '../support/servers/programs.js'

const CONTROLS = [
  'COMMIT',
  ' \t\r\f commit;;',
  '/* a /* nested */ comment */ commit',
  "/* /* */ ' */ COMMIT; --'",
  '-- comment\rCOMMIT',
  '-- comment\nEND',
  "SELECT 'it''s'; ABORT",
  "SELECT '\\'; COMMIT; --'",
  "SELECT E'\\\\'; COMMIT",
  "SELECT E'a'\n'\\\\'; COMMIT",
  'SELECT "a"";"; COMMIT',
  'SELECT 1 AS a$b$; COMMIT; SELECT 2 AS c$b$',
  'SELECT $a$ $b$ $a$; ROLLBACK',
  'SELECT $1$a$ $a$; COMMIT',
  'START/**/TRANSACTION',
  "PREPARE TRANSACTION 'a'",
  'ROLLBACK AND CHAIN',
  'SELECT 1;;BEGIN',
]

const HARMLESS = [
  "SELECT 'COMMIT; COMMIT'",
  "SELECT E'\\'; COMMIT; --'",
  "SELECT E'a'\n-- b\n'\\'; COMMIT; --'",
  "SELECT 'a\\b; COMMIT'",
  "SELECT U&'; COMMIT'",
  'SELECT $a$; COMMIT; $b$; COMMIT; $a$',
  'SELECT $é$; COMMIT; $é$',
  'SELECT "; COMMIT"',
  '/* ; COMMIT */ SELECT 1 -- ; COMMIT',
  'ROLLBACK TO a',
  'ROLLBACK WORK TO SAVEPOINT a',
  'PREPARE a AS SELECT 1',
  'SELECT begin FROM commit',
  'DO $body$ BEGIN COMMIT; END $body$',
  '',
]

describe('SQL that controls a transaction', () => {
  for (const sql of CONTROLS) {
    it(`is found in ${JSON.stringify(sql)}`, () => {
      expect(findTransactionControl(sql)).to.not.equal(null)
      expect(planOf(sql).kind).to.be.oneOf(['begin', 'commit', 'rollback', 'stolen'])
    })
  }
  for (const sql of HARMLESS) {
    it(`is not in ${JSON.stringify(sql)}`, () => {
      expect(findTransactionControl(sql)).to.equal(null)
      expect(planOf(sql).kind).to.be.oneOf(['plain', 'savepoint'])
    })
  }

  it('[FALSE-4386] a line of dashes behind a string with escapes is a comment', () => {
    const sql = (end: string) => `SELECT CASE WHEN b = E'\\t' ${'-'.repeat(200)}\n ${end}`
    expect(findTransactionControl(sql('THEN 1 END'))).to.equal(null)
    expect(findTransactionControl(sql("'; COMMIT' THEN 1 END"))).to.equal(null)
    expect(findTransactionControl(sql("'\\'; COMMIT"))).to.equal(null)
    expect(findTransactionControl(sql('THEN 1 END; COMMIT'))).to.equal('COMMIT')
  })

  it('is read in linear time', () => {
    const long = `SELECT '${"a''".repeat(400_000)}', $a$${'$a'.repeat(400_000)}$a$; COMMIT`
    expect(findTransactionControl(long)).to.equal('COMMIT')
  })
})

describeWith(['postgres', 'initdb'], 'the server reads SQL as we do', () => {
  /** What texts are made of: all that begins, ends or hides a string, a comment or a statement. */
  const PIECES = [
    ...['COMMIT', ';', "'", "E'", "''", '\\', '"', '$$', '$a$', '$a', 'a$', '/*', '*/', '--'],
    ...['\n', '\r', ' ', 'SELECT 1', 'b', '1', 'U&', '*', '/', '-', 'é', 'END', 'N'],
  ]

  it('in any text whose statements it takes', async () => {
    const pool = new pg.Pool({ connectionString: await freshDatabase('statements'), max: 1 })
    const client = await pool.connect()
    const seed = Date.now() % 1_000_000
    const random = seededRandom(seed)
    const piece = () => PIECES[Math.floor(random() * PIECES.length)] ?? ''
    let ended = 0
    for (let round = 0; round < 3_000; round += 1) {
      const middle = Array.from({ length: Math.ceil(random() * 8) }, piece).join('')
      const sql = `SELECT ${round % 2 === 0 ? "'" : ''}${middle};COMMIT`
      await client.query('BEGIN; SET LOCAL standard_conforming_strings = on')
      await client.query("SET LOCAL poe.transaction = 'ours'")
      const error = await client.query(sql).then(
        () => null,
        (reason: pg.DatabaseError) => reason,
      )
      const isOver = error === null && (await nameOf(client)) !== 'ours'
      await client.query('ROLLBACK')
      if (!isOver) continue
      ended += 1
      expect(findTransactionControl(sql), `${JSON.stringify(sql)}, seed ${seed}`).not.to.equal(null)
    }
    client.release()
    await pool.end()
    expect(ended, 'texts that did end it').to.be.greaterThan(20)
  })
})

async function nameOf(client: pg.PoolClient): Promise<unknown> {
  const { rows } = await client.query("SELECT current_setting('poe.transaction', true) AS name")
  return rows[0]?.name
}
