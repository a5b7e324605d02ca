/** One short run of the fire test, and how it is called wrongly; longer ones in the file beside. */
import { expect } from 'chai'
import { expectNothingFound, torture } from './as-process.js'
import { check, countOf } from './checker.js'
import type { Exchange, OperationHistory } from './history.js'
import { judgePost } from './judge.js'
import { CannotRun, readOptions } from './options.js'

describe('a short fire test', () => {
  it('[POE-A-1] sqlite: kills and faults, and nothing is found', () =>
    expectNothingFound('sqlite', 2))

  it('[FALSE-609] a 405 to the only try ever sent is a refusal, and wrong beside an order', () => {
    const times = { sentMs: 0, endedMs: 1, retryAfterMs: null }
    const asked = { method: 'POST', what: 'order', shop: 0, by: '0.0', order: null } as const
    const used = { ended: 'complete', status: 405, problem: 'used', isProven: true } as const
    const exchange: Exchange = { ...times, ...asked, ...used, payloadMatches: true }
    expect(judgePost(exchange, true)).to.deep.equal({ kind: 'accepted earlier' })
    const verdict = judgePost(exchange, false)
    expect(verdict).to.deep.equal({ kind: 'refused', how: '405 used to the only try' })
    const operation: OperationHistory = {
      ...{ index: 0, sku: 'tea', qty: 1, user: 'ann', link: '/once/a', exchanges: [exchange] },
      told: [{ atMs: 1, kind: 'not accepted', how: '405 used to the only try', order: null }],
      conclusion: 'not accepted',
    }
    const site = { operations: [operation], events: [], isExternal: false, mayForget: false }
    const rows = [{ id: 1, sku: 'tea', qty: 1, user: 'ann' }]
    expect(countOf(check({ ...site, rows }), 'falseRefused')).to.equal(1)
    expect(check({ ...site, rows: [] }).violations).to.deep.equal([])
  })

  const misuses = [
    [['--store', 'mysql'], /give sqlite, postgres, redis/],
    [['--minutes', 'soon'], /--minutes soon cannot be used/],
    [['--nope'], /Try --help/],
    [['--persistence', 'always'], /for --store redis/],
    [['--by', 'knex'], /for --store postgres/],
    [['--store', 'postgres', '--plant', 'no-join'], /give --by knex/],
    [['--store', 'redis', '--plant', 'outside-transaction'], /needs a store with transactions/],
  ] as const
  for (const [args, line] of misuses) {
    it(`${args.join(' ')} cannot be meant: one line says so`, () => {
      const read = () => readOptions(args, 0)
      expect(read).to.throw(CannotRun, line)
      expect(read).not.to.throw(/\n/)
    })
  }

  it('as a process: that line alone, exit 2', async () => {
    const { err, code, out } = await torture(['--store', 'mysql'])
    expect(err).to.match(/^--store mysql.*give sqlite, postgres, redis.*\n$/)
    expect([code, out]).to.deep.equal([2, ''])
  })
})
