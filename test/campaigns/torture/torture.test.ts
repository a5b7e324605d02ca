/** One short run of the fire test, and how it is called wrongly; longer ones in the file beside. */
import { expect } from 'chai'
import { expectNothingFound, torture } from './as-process.js'

describe('a short fire test', () => {
  it('[POE-A-1] sqlite: kills and faults, and nothing is found', () =>
    expectNothingFound('sqlite', 4))

  const misuses = [
    [['--store', 'mysql'], /give sqlite, postgres, redis/],
    [['--minutes', 'soon'], /--minutes soon cannot be used/],
    [['--nope'], /Try --help/],
    [['--persistence', 'always'], /for --store redis/],
    [['--store', 'redis', '--plant', 'outside-transaction'], /needs a store with transactions/],
  ] as const
  it('what cannot be meant: one line, exit 2', async () => {
    const runs = misuses.map(async ([args, line]) => {
      const ended = await torture(args)
      expect(ended.err).to.match(line)
      expect(ended.err.trimEnd().split('\n')).to.have.lengthOf(1)
      expect([ended.code, ended.out]).to.deep.equal([2, ''])
    })
    await Promise.all(runs)
  })
})
