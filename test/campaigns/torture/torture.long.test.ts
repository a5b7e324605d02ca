/**
 * Runs of the fire test on the stores that are servers, for the file beside has one on sqlite: they
 * find nothing where there is nothing, and what was planted where something was.
 */
import { expect } from 'chai'
import { areInstalled, describeWith } from '../../support/servers/programs.js'
import { expectNothingFound, lastLine, torture } from './as-process.js'

describeWith(['redis-server'], 'the fire test on redis', () => {
  it('[POE-A-1] kills and faults, and nothing is found', () => expectNothingFound('redis', 4))
})

describeWith(['postgres', 'initdb'], 'the fire test on postgres', () => {
  it('[POE-A-1] orders of the shop and of Knex: kills and faults, and nothing is found', () =>
    expectNothingFound('postgres', 5, ['--by', 'knex']))
})

describe('the fire test with a fault', function () {
  this.timeout(300_000)

  it('finds it: no owner check, completion outside the transaction', async () => {
    const plants = ['owner', 'outside-transaction']
    await Promise.all(plants.map(plant => expectFound('duplicates', ['--plant', plant])))
  })

  if (areInstalled(['postgres', 'initdb'], 'the fire test with a fault on postgres')) {
    const postgres = ['--store', 'postgres']
    it('[FALSE-609] finds it: its own success told as used', () =>
      expectFound('falseRefused', [...postgres, '--plant', 'own-success']))
    it('finds it: a pool that does not join', () =>
      expectFound('duplicates', [...postgres, '--by', 'knex', '--plant', 'no-join']))
  }
})

/** A run ends when it has found it, nearly always in its first seconds. */
async function expectFound(
  what: 'duplicates' | 'falseRefused',
  args: readonly string[],
): Promise<void> {
  const seen: string[] = []
  for (const seed of ['4', '5', '6', '7']) {
    const ended = await torture([...args, '--seconds', '30', '--seed', seed, '--json'])
    const found = ended.code === 1 ? Number(lastLine(ended.out)[what]) : 0
    if (found > 0) return
    seen.push(`${ended.code} ${ended.out}${ended.err}`)
  }
  expect.fail(seen.join('\n'))
}
