/** A worker that was stopped in the middle of a delivery, in a process that goes on. */
import { expect } from 'chai'
import { PoeError } from '../../../lib/errors.js'
import { Files } from '../../stores/helpers/sqlite-files.js'
import { latch } from '../../support/meeting.js'
import { outboxBench } from './outbox-bench.js'

describe('a delivery that nobody waits for any more', () => {
  const files = new Files()
  after(() => files.remove())

  it('[FALSE-3914] asks no store for ever that is closed', async () => {
    const bench = outboxBench(files.fresh())
    const door = latch()
    let ends = 0
    const end = async (): Promise<never> => {
      ends += 1
      throw new PoeError('ERR_POE_STORE_CLOSED')
    }
    await bench.write(['m'])
    const worker = bench.start(() => door.opened, {}, { end })
    await bench.pass(10)
    expect(await worker.stop(0, async () => {})).to.deep.equal(['m'])
    door.open()
    await bench.pass(10_000)
    expect([ends, bench.typesOf('m').at(-1)]).to.deep.equal([1, 'outbox-late'])
    await bench.close()
  })
})
