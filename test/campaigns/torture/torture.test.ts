/** One short run of the fire test, and how it is called wrongly; longer ones in the file beside. */
import { expect } from 'chai'
import { expectNothingFound, torture } from './as-process.js'
import { CannotRun, readOptions } from './options.js'

describe('a short fire test', () => {
  it('[POE-A-1] sqlite: kills and faults, and nothing is found', () =>
    expectNothingFound('sqlite', 2))

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
