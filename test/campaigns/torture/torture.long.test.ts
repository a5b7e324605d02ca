/**
 * Runs of the fire test on the stores that are servers, for the file beside has one on sqlite: they
 * find nothing where there is nothing, and what was planted where something was.
 */
import { expect } from 'chai'
import { areInstalled, describeWith } from '../../support/servers/programs.js'
import { expectNothingFound, lastLine, torture } from './as-process.js'

for (const [store, programs] of [
  ['postgres', ['postgres', 'initdb']],
  ['redis', ['redis-server']],
] as const) {
  describeWith(programs, `the fire test on ${store}`, () => {
    it('[POE-A-1] kills and faults, and nothing is found', () => expectNothingFound(store, 4))
  })
}

describeWith(['postgres', 'initdb'], 'the fire test on a joining pool', () => {
  it('[POE-A-1] orders that Knex writes: kills and faults, and nothing is found', () =>
    expectNothingFound('postgres', 4, ['--by', 'knex']))

  it('finds a pool that does not join', () =>
    expectFound('duplicates', ['--store', 'postgres', '--by', 'knex', '--plant', 'no-join']))
})

describe('the fire test with a fault', () => {
  it('finds it: no owner check, completion outside the transaction', async () => {
    const plants = ['owner', 'outside-transaction']
    await Promise.all(plants.map(plant => expectFound('duplicates', ['--plant', plant])))
  })

  if (areInstalled(['postgres', 'initdb'], 'the fire test with a planted slow commit')) {
    it('[FALSE-609] its own success told as used', () =>
      expectFound('falseRefused', ['--store', 'postgres', '--plant', 'own-success']))
  }
})

/** A run ends when it has found it, nearly always in its first seconds. */
async function expectFound(
  what: 'duplicates' | 'falseRefused',
  args: readonly string[],
): Promise<void> {
  const seen: string[] = []
  for (const seed of ['3', '4', '5', '6']) {
    const ended = await torture([...args, '--seconds', '15', '--seed', seed, '--json'])
    const found = ended.code === 1 ? Number(lastLine(ended.out)[what]) : 0
    if (found > 0) return
    seen.push(`${ended.code} ${ended.out}${ended.err}`)
  }
  expect.fail(seen.join('\n'))
}
