/**
 * Runs of the fire test on each store: they find nothing where there is nothing, and what was
 * planted where something was.
 */
import { expect } from 'chai'
import { areInstalled, describeWith } from '../../support/servers/programs.js'
import { expectNothingFound, lastLine, torture } from './as-process.js'

for (const [store, programs] of [
  ['sqlite', []],
  ['postgres', ['postgres', 'initdb']],
  ['redis', ['redis-server']],
] as const) {
  describeWith(programs, `the fire test on ${store}`, () => {
    it('[POE-A-1] kills and faults, and nothing is found', () => expectNothingFound(store, 12))
  })
}

describeWith(['postgres', 'initdb'], 'the fire test on a joining pool', () => {
  it('[POE-A-1] orders that Knex writes: kills and faults, and nothing is found', () =>
    expectNothingFound('postgres', 12, ['--by', 'knex']))

  it('finds a pool that does not join', async () => {
    const args = ['--store', 'postgres', '--by', 'knex', '--plant', 'no-join', '--seconds', '10']
    const ended = await torture([...args, '--seed', '3', '--json'])
    expect(ended.code, ended.out + ended.err).to.equal(1)
    expect(lastLine(ended.out).duplicates).to.be.above(0)
  })
})

describe('the fire test with a fault', () => {
  it('finds it: no owner check, completion outside the transaction', async () => {
    const plants = ['owner', 'outside-transaction'].map(async plant => {
      const ended = await torture(['--plant', plant, '--seconds', '10', '--seed', '3', '--json'])
      expect(ended.code, ended.out + ended.err).to.equal(1)
      expect(lastLine(ended.out).duplicates).to.be.above(0)
    })
    await Promise.all(plants)
  })

  if (areInstalled(['postgres', 'initdb'], 'the fire test with a planted slow commit')) {
    it('[FALSE-609] its own success told as used', async () => {
      const args = ['--store', 'postgres', '--plant', 'own-success', '--seconds', '10']
      const ended = await torture([...args, '--seed', '3', '--json'])
      expect(ended.code, ended.out + ended.err).to.equal(1)
      expect(lastLine(ended.out).falseRefused).to.be.above(0)
    })
  }
})
