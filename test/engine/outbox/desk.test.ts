import { expect } from 'chai'
import { makeDesk } from '../../../lib/engine/outbox/desk.js'
import type { DeadReply } from '../../../lib/engine/outbox/outbox-store.js'
import { engineBench } from '../../support/engine-bench.js'

describe('dead messages', () => {
  it('are asked for in ever smaller pages while they are too large, and then told of', async () => {
    const limits: number[] = []
    const outbox = {
      dead: (limit: number): Promise<DeadReply> => {
        limits.push(limit)
        return Promise.reject(new Error('too large'))
      },
    }
    const { guard, emit, bell } = engineBench().engine
    const desk = makeDesk({ store: { outbox } as never, guard, emit, bell })
    const read = async () => {
      for await (const message of desk.dead()) expect.fail(message.key)
    }
    const failure: unknown = await read().catch((error: unknown) => error)
    expect(failure).to.have.property('code', 'ERR_POE_STORE_DOWN')
    expect(limits).to.deep.equal([100, 10, 1])
  })
})
