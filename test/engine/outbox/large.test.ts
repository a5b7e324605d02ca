/** Messages that are too large to come all at once in a call's time. */
import { expect } from 'chai'
import type { TakeQuery } from '../../../lib/engine/outbox/outbox-store.js'
import { PoeError } from '../../../lib/errors.js'
import { Files } from '../../stores/helpers/sqlite-files.js'
import { outboxBench } from './outbox-bench.js'

describe('messages that are too large to come together', () => {
  const files = new Files()
  after(() => files.remove())

  it('[FALSE-3917] come a few at a time', async () => {
    const bench = outboxBench(files.fresh())
    const keys = Array.from({ length: 40 }, (_, index) => `m${index}`)
    await bench.write(keys)
    const { outbox } = bench.store
    const asked: number[] = []
    const take = async (query: TakeQuery) => {
      asked.push(query.limit)
      if (query.limit > 5) throw new PoeError('ERR_POE_STORE_DOWN')
      return await outbox.take(query)
    }
    const seen: string[] = []
    bench.start(({ key }) => void seen.push(key), { concurrency: 32 }, { take })
    await bench.pass(20_000)
    expect(seen.toSorted()).to.deep.equal(keys.toSorted())
    expect(asked.slice(0, 4)).to.deep.equal([32, 16, 8, 4])
    await bench.close()
  })
})
