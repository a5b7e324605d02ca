/** Workers on a fake clock and a real sqlite file: what they deliver, again and no more. */
import { expect } from 'chai'
import fc from 'fast-check'
import { backOffMs } from '../../../lib/engine/outbox/back-off.js'
import { type Delivered, PermanentError } from '../../../lib/engine/outbox/delivery.js'
import { PoeError } from '../../../lib/errors.js'
import { Files } from '../../stores/helpers/sqlite-files.js'
import { latch } from '../../support/meeting.js'
import { LEASE_MS, type OutboxBench, outboxBench, turns } from './outbox-bench.js'

describe('a worker of the outbox', () => {
  const files = new Files()
  let bench: OutboxBench
  let runs = 0
  const count = () => {
    runs += 1
  }
  beforeEach(() => {
    runs = 0
    bench = outboxBench(files.fresh())
  })
  afterEach(() => bench.close())
  after(() => files.remove())

  const deadKeys = async () =>
    (await bench.store.outbox.dead(10, null)).messages.map(({ key }) => key)

  it('delivers a message with its key, at once where it was written here', async () => {
    const seen: Delivered[] = []
    bench.start(message => void seen.push(message))
    await bench.pass(10)
    await bench.write(['m'], 'mail', { to: 'Ada' })
    await turns()
    await turns()
    expect(seen.map(({ signal: _, ...rest }) => rest)).to.deep.equal([
      { key: 'm', name: 'mail', payload: { to: 'Ada' }, attempt: 1 },
    ])
    await bench.pass(60_000)
    expect(seen).to.have.lengthOf(1)
    expect(bench.typesOf('m')).to.deep.equal(['outbox-taken', 'outbox-delivered'])
  })

  it('[OUT-07] tries again, each time later, and buries what nobody can deliver', async () => {
    const atMs: number[] = []
    await bench.write(['m'])
    bench.start(
      ({ key, attempt }) => {
        expect([key, attempt]).to.deep.equal(['m', atMs.length + 1])
        atMs.push(bench.clock.now())
        throw new Error(`busy ${attempt}`)
      },
      { maxAttempts: 9, pollMs: 100 },
    )
    await bench.pass(400_000)
    const gaps = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0))
    const due = [1, 2, 4, 8, 16, 32, 60, 60].map(seconds => seconds * 500)
    for (const [index, gap] of gaps.entries()) {
      expect(gap, `${index}`).to.be.within(due[index] ?? 0, (due[index] ?? 0) + 700)
    }
    expect(gaps).to.have.lengthOf(8)
    const { messages } = await bench.store.outbox.dead(10, null)
    expect(messages[0]).to.include({ key: 'm', attempts: 9, error: 'Error: busy 9' })
    expect(bench.typesOf('m').at(-1)).to.equal('outbox-dead')
  })

  it('[OUT-07] a wait is bounded, and partly chance', () => {
    const rules = { firstRetryMs: 1_000, longestRetryMs: 900_000 }
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (n, r) => {
          const ms = backOffMs(n, rules, r)
          const whole = Math.min(1_000 * 2 ** (n - 1), 900_000)
          return ms >= whole / 2 && ms <= whole
        },
      ),
    )
    expect(backOffMs(5, rules, 0)).to.be.below(backOffMs(5, rules, 0.9))
  })

  it('[OUT-06] an error that says so is not tried again', async () => {
    const errors: Readonly<Record<string, unknown>> = {
      class: new PermanentError('card declined'),
      member: Object.assign(new Error('no such account'), { retry: false }),
      nothing: undefined,
      spiteful: {
        toString: () => {
          throw new Error('no text')
        },
      },
    }
    await bench.write(Object.keys(errors))
    bench.start(({ key }) => {
      throw errors[key]
    })
    await bench.pass(100)
    expect(await deadKeys()).to.deep.equal(['class', 'member'])
    expect(bench.typesOf('nothing')).to.include('outbox-failed')
    expect(bench.typesOf('spiteful')).to.include('outbox-failed')
  })

  it('[OUT-06] nothing is tried later than retryForMs after the first attempt', async () => {
    const firstMs = bench.clock.now()
    let lastMs = 0
    await bench.write(['m'])
    bench.start(
      () => {
        lastMs = bench.clock.now()
        throw new Error('busy')
      },
      { retryForMs: 100_000 },
    )
    await bench.pass(300_000)
    expect(lastMs - firstMs).to.be.within(30_000, 100_000)
    expect(await deadKeys()).to.deep.equal(['m'])
  })

  for (const [retryForMs, end, dead] of [
    [4_999, 'outbox-dead', ['m']],
    [5_000, 'outbox-failed', []],
  ] as const) {
    it(`[OUT-06] due in 5 s, ${retryForMs} ms for all attempts: ${end}`, async () => {
      await bench.write(['m'])
      bench.start(
        () => {
          throw new Error('busy')
        },
        { firstRetryMs: 10_000, retryForMs },
      )
      await bench.pass(100)
      expect(bench.typesOf('m')).to.deep.equal(['outbox-taken', end])
      expect(await deadKeys()).to.deep.equal(dead)
    })
  }

  it('[OUT-06] what ended in silence too often, or too long ago, is buried unseen', async () => {
    await bench.write(['m'])
    const query = { names: ['mail'], owner: 'crashed', leaseMs: LEASE_MS, limit: 1 }
    for (let crash = 0; crash < 3; crash += 1) {
      await bench.store.outbox.take(query)
      await bench.pass(LEASE_MS)
    }
    bench.start(count, { maxAttempts: 3 })
    await bench.pass(2_000)
    expect([runs, await deadKeys()]).to.deep.equal([0, ['m']])
    await bench.store.outbox.revive('m')
    await bench.pass(2_000)
    expect(runs).to.equal(1)
  })

  it('[OUT-03] keeps its lease while its handler runs, and nobody else gets it', async () => {
    const door = latch()
    const handler = async () => {
      runs += 1
      await door.opened
    }
    await bench.write(['m'])
    bench.start(handler)
    bench.start(handler)
    await bench.pass(120_000)
    door.open()
    await bench.pass(100)
    expect(runs).to.equal(1)
    expect(bench.typesOf('m')).to.deep.equal(['outbox-taken', 'outbox-delivered'])
  })

  it('[OUT-04] past maxRunMs another delivers it, and the late end is not recorded', async () => {
    const door = latch()
    const seen: Delivered[] = []
    await bench.write(['m'])
    bench.start(
      async message => {
        seen.push(message)
        await door.opened
      },
      { maxRunMs: 20_000 },
    )
    await bench.pass(10)
    bench.start(message => {
      seen.push(message)
      throw new Error('busy')
    })
    await bench.pass(40_000)
    expect(seen[0]?.signal.aborted).to.equal(true)
    expect(seen[1]).to.include({ key: 'm', attempt: 2 })
    door.open()
    await bench.pass(10)
    expect(bench.typesOf('m')).to.include('outbox-lease-lost').and.to.include('outbox-late')
    const { counts } = await bench.store.outbox.counts()
    expect(counts[0], 'it still waits').to.include({ waiting: 1, dead: 0 })
  })

  it('[FALSE-3904] a handler that never ends keeps no other message waiting', async () => {
    const done: string[] = []
    await bench.write(['stuck'])
    bench.start(({ key }) => (key === 'stuck' ? new Promise(() => {}) : void done.push(key)), {
      ...{ maxRunMs: 20_000, concurrency: 2, maxAttempts: 4 },
    })
    await bench.pass(100_000)
    await bench.write(['other'])
    await bench.pass(2_000)
    expect(done).to.deep.equal(['other'])
    await bench.pass(100_000)
    expect(await deadKeys()).to.deep.equal(['stuck'])
  })

  it('[OUT-05] while the store is away, the end is kept and recorded when it is back', async () => {
    let fails = 0
    await bench.write(['m'])
    const end = bench.store.outbox.end.bind(bench.store.outbox)
    bench.start(
      count,
      {},
      {
        end: async (...args) => {
          fails += 1
          // The second one arrives, and its reply is lost.
          if (fails === 2) await end(...args)
          if (fails <= 3) throw new PoeError('ERR_POE_STORE_DOWN')
          return await end(...args)
        },
      },
    )
    await bench.pass(5_000)
    expect([runs, fails]).to.deep.equal([1, 4])
    expect(bench.typesOf('m')).to.deep.equal(['outbox-taken', 'outbox-delivered'])
  })

  it('[OUT-05] where it stays away, the message is delivered again with its key', async () => {
    let isAway = true
    const seen: string[] = []
    const enders: string[] = []
    await bench.write(['m'])
    const { outbox } = bench.store
    const away = async (): Promise<never> => {
      throw new PoeError('ERR_POE_STORE_DOWN')
    }
    bench.start(
      ({ key, attempt }) => void seen.push(`${key} ${attempt}`),
      {},
      {
        end: (...args) => {
          enders.push(args[1])
          return isAway ? away() : outbox.end(...args)
        },
        renew: (...args) => (isAway ? away() : outbox.renew(...args)),
      },
    )
    await bench.pass(LEASE_MS + 1_000)
    const [first] = enders
    const byFirst = () => enders.filter(owner => owner === first).length
    const tries = byFirst()
    await bench.pass(1_000)
    expect([tries > 1, byFirst()], 'what is lost is tried no more').to.deep.equal([true, tries])
    isAway = false
    await bench.pass(5_000)
    expect(seen).to.deep.equal(['m 1', 'm 2'])
    expect(bench.typesOf('m')).to.include('outbox-late').and.not.include('outbox-lease-lost')
    expect(bench.typesOf('m').at(-1)).to.equal('outbox-delivered')
  })

  it('takes again at once what is written while it takes', async () => {
    const { outbox } = bench.store
    const take: typeof outbox.take = async query => {
      const reply = await outbox.take(query)
      if (reply.messages.length === 0 && runs === 0) await bench.write(['m'])
      return reply
    }
    bench.start(count, { pollMs: 86_400_000 }, { take })
    await bench.pass(1_000)
    expect(runs).to.equal(1)
  })

  it('a take that the store does not answer is made again', async () => {
    let isAway = true
    await bench.write(['m'])
    const { outbox } = bench.store
    const take = async (query: Parameters<typeof outbox.take>[0]) => {
      if (isAway) throw new PoeError('ERR_POE_STORE_DOWN')
      return await outbox.take(query)
    }
    bench.start(count, {}, { take })
    await bench.pass(3_000)
    expect(runs).to.equal(0)
    isAway = false
    await bench.pass(5_000)
    expect(runs).to.equal(1)
  })

  for (const [retryForMs, end] of [
    [4_999, 'outbox-dead'],
    [5_000, 'outbox-delivered'],
  ] as const) {
    it(`begun 5 s ago and never ended, ${retryForMs} ms for all attempts: ${end}`, async () => {
      await bench.write(['m'])
      const outbox = bench.store.outbox
      await outbox.take({ names: ['mail'], owner: 'died', leaseMs: 1_000, limit: 1 })
      await bench.pass(5_000)
      bench.start(count, { retryForMs })
      await bench.pass(2_000)
      expect(runs).to.equal(end === 'outbox-dead' ? 0 : 1)
      expect(bench.typesOf('m').at(-1)).to.equal(end)
    })
  }

  for (const [leaseMs, ran] of [
    [1_500, 0],
    [1_501, 1],
  ] as const) {
    it(`a take that is answered after 1.5 s, for ${leaseMs} ms, runs ${ran} messages`, async () => {
      await bench.write(['m'])
      const { outbox } = bench.store
      const take: typeof outbox.take = async query => {
        const reply = await outbox.take(query)
        if (runs === 0) await bench.clock.sleep(1_500)
        return reply
      }
      // The first attempt begins in any case.
      bench.start(count, { leaseMs, retryForMs: 1_000 }, { take })
      await bench.pass(1_600)
      expect(runs).to.equal(ran)
    })
  }

  it('runs no more at once than it may, and all in the end', async () => {
    const keys = Array.from({ length: 25 }, (_, index) => `m${index}`)
    let now = 0
    let most = 0
    const done: string[] = []
    await bench.write(keys)
    bench.start(
      async ({ key }) => {
        now += 1
        most = Math.max(most, now)
        await bench.clock.sleep(50)
        now -= 1
        done.push(key)
      },
      { concurrency: 3, pollMs: 86_400_000 },
    )
    await bench.pass(10_000)
    expect(most).to.equal(3)
    expect(done.toSorted()).to.deep.equal(keys.toSorted())
  })

  it('begun twice it is still one, and runs no more at once', async () => {
    const door = latch()
    await bench.write(['m1', 'm2'])
    const worker = bench.start(
      async () => {
        runs += 1
        await door.opened
      },
      { concurrency: 1 },
    )
    worker.start()
    await bench.pass(2_000)
    expect(runs).to.equal(1)
    door.open()
    await turns()
  })

  it('one that is full takes no more when it hears of more', async () => {
    let open = () => {}
    const opened = new Promise<void>(resolve => {
      open = resolve
    })
    await bench.write(['m'])
    bench.start(
      async () => {
        count()
        await opened
      },
      { concurrency: 1 },
    )
    await bench.pass(1_000)
    await bench.write(['n'])
    await bench.pass(3_000)
    expect(runs).to.equal(1)
    open()
    await bench.pass(3_000)
    expect(runs).to.equal(2)
  })

  it('a busy name does not keep another one waiting', async () => {
    const order: string[] = []
    await bench.write(
      Array.from({ length: 20 }, (_, index) => `m${index}`),
      'busy',
    )
    await bench.write(['rare'], 'rare')
    const handler = async ({ name }: Delivered) => {
      order.push(name)
      await bench.clock.sleep(100)
    }
    bench.start({ busy: handler, rare: handler }, { concurrency: 2 })
    await bench.pass(5_000)
    expect(order.indexOf('rare')).to.be.within(0, 3)
    expect(order).to.have.lengthOf(21)
  })

  it('stopped, it waits for what is at work; the rest is told, and delivered again', async () => {
    const door = latch()
    const signals: AbortSignal[] = []
    await bench.write(['quick', 'slow'])
    const worker = bench.start(async ({ key, signal }) => {
      signals.push(signal)
      if (key === 'slow') await door.opened
    })
    await bench.pass(10)
    await bench.write(['unseen'])
    // Whatever is written from here on is somebody else's.
    const left = await worker.stop(1_000, async () => {})
    expect(left).to.deep.equal(['slow'])
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false, true])
    expect(await worker.stop(0, async () => {})).to.deep.equal(left)
    const again: string[] = []
    bench.start(({ key }) => void again.push(key))
    await bench.pass(LEASE_MS + 2_000)
    expect(again).to.include('slow')
    door.open()
    await turns()
  })

  it('purges what was delivered long ago', async () => {
    await bench.write(['m'])
    bench.start(() => {}, { keepMs: 60_000 })
    await bench.pass(1_000)
    const rows = () => bench.store.database.prepare('SELECT payload FROM poe_outbox').all()
    expect(rows(), 'without its payload').to.deep.equal([{ payload: null }])
    await bench.pass(180_000)
    expect(rows()).to.deep.equal([])
  })

  it('[FALSE-3905] a purge that takes long is no outage, and holds no message up', async () => {
    const slow = async (): Promise<number> => {
      await bench.clock.sleep(9_000)
      return 0
    }
    bench.start(count, {}, { purge: slow })
    await bench.pass(1_000)
    await bench.write(['m'])
    await bench.pass(2_000)
    expect(runs).to.equal(1)
    await bench.pass(120_000)
    expect(bench.events.map(({ type }) => type)).not.to.include('store-down')
  })

  it('[FALSE-3906] more than goes at once goes in the same minute, bit by bit', async () => {
    const found = [1_000, 1_000, 10]
    const sizes: number[] = []
    const some = async (_: number, limit: number): Promise<number> => {
      const removed = Math.min(limit, found[sizes.length] ?? 0)
      sizes.push(removed)
      return removed
    }
    bench.start(count, {}, { purge: some })
    await bench.pass(5_000)
    expect(sizes).to.deep.equal(found)
    await bench.pass(60_000)
    expect(sizes).to.deep.equal([...found, 0])
  })
})
