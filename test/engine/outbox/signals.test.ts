/** What a worker keeps of what it has delivered: nothing, for it may run for months. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { Deadlines } from '../../../lib/engine/deadlines.js'
import { Bell } from '../../../lib/engine/outbox/bell.js'
import type { OutboxStore, TakenMessage } from '../../../lib/engine/outbox/outbox-store.js'
import { Worker } from '../../../lib/engine/outbox/worker.js'
import { StoreGuard } from '../../../lib/engine/store-guard.js'
import { until } from '../../support/meeting.js'
import { RULES } from './outbox-bench.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const MESSAGES = 12_000
/** A signal that depended on the worker's own took over 50. */
const LASTING_BYTES = 25

describe('a worker that lives long', () => {
  it('[OUT-618] keeps nothing of what it has delivered', async () => {
    let [taken, delivered] = [0, 0]
    const clock = {
      now: () => Date.now(),
      sleep: (ms: number, signal?: AbortSignal) => sleep(ms, undefined, signal && { signal }),
    }
    const outbox = {
      take: async ({ limit }) => {
        await nextTurn()
        return { nowMs: clock.now(), messages: some(limit) }
      },
      end: async () => ({ nowMs: clock.now(), state: 'ok' }),
      purge: async () => 0,
    } as Partial<OutboxStore> as OutboxStore
    const some = (limit: number): TakenMessage[] =>
      Array.from({ length: limit }, () => {
        taken += 1
        return { key: `${taken}`, name: 'mail', payload: '1', attempt: 1, firstMs: clock.now() }
      })
    const guard = new StoreGuard({
      ...{ clock, deadlines: new Deadlines(clock), emit: () => {}, timeoutMs: 3_000 },
      probe: async () => ({ nowMs: clock.now() }),
    })
    const worker = new Worker(
      {
        ...{ outbox, guard, clock, emit: () => {}, bell: new Bell() },
        ...{ makeId: () => 'owner', random: () => 0 },
      },
      RULES,
      new Map([
        [
          'mail',
          () => {
            delivered += 1
          },
        ],
      ]),
    )
    worker.start()
    const sizes: number[] = []
    for (let round = 1; round <= 3; round += 1) {
      await until(() => delivered >= round * MESSAGES, 'they are delivered')
      collect()
      sizes.push(process.memoryUsage().heapUsed)
    }
    await worker.stop(1_000, sleep as never)
    const grown = ((sizes[2] ?? 0) - (sizes[0] ?? 0)) / (2 * MESSAGES)
    expect(grown, `bytes a message, of ${sizes}`).to.be.below(LASTING_BYTES)
  })
})
