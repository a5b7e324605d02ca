/**
 * One deadline for a call, the guard's; what an answer of the store is, and what an outage; and a
 * process that stands still for a while.
 */
import { expect } from 'chai'
import { Deadlines } from '../../lib/engine/deadlines.js'
import { StoreGuard } from '../../lib/engine/store-guard.js'
import { PoeError } from '../../lib/errors.js'
import { fakeClock } from '../../lib/testing/fake-clock.js'
import { engineBench, gate, only, type StoreCall, settle } from '../support/engine-bench.js'
import { tinyDatabase } from '../support/tiny-transactions.js'

/** What a call of a store is handed as its deadline is the last of its arguments. */
function deadlines(args: readonly unknown[]): unknown {
  return args.at(-1)
}

describe('the one deadline of a call', () => {
  for (const [storeTimeoutMs, handed] of [
    [900, 850],
    [10_000, 9_950],
    [20, 10],
  ] as const) {
    it(`[FALSE-1401] of ${storeTimeoutMs} ms: every call is handed ${handed} ms`, async () => {
      const bench = engineBench({ storeTimeoutMs })
      const seen = new Map<string, unknown>()
      bench.faulty.fault = call => {
        seen.set(call.method, deadlines(call.args))
        return call.arrive()
      }
      await bench.post({
        rules: { marks: true },
        handler: async run => {
          await run.pointOfNoReturn()
          await bench.clock.advance(5_000)
          return {}
        },
      })
      await bench.post({ operation: { key: 'b' }, handler: () => ({ status: 422 }) })
      await bench.engine.look(bench.operation())
      const methods = ['claim', 'mark', 'renew', 'complete', 'release', 'read']
      expect([...seen.keys()]).to.have.members(methods)
      expect(new Set(seen.values())).to.deep.equal(new Set([handed]))
    })
  }

  it('[FALSE-1403] a commit and the question after it have a share of their own', async () => {
    const clock = fakeClock()
    const { real } = engineBench({ fakeClock: clock })
    const handed: unknown[] = []
    const database = tinyDatabase(real)
    const store = new Proxy(database.store, {
      get(target, member) {
        if (member !== 'transaction') return Reflect.get(target, member)
        return (key: string, owner: string, withinMs: number) => {
          const transaction = target.transaction?.(key, owner)
          if (transaction === undefined) throw new Error('no transactions')
          handed.push(withinMs)
          const commit: typeof transaction.commit = (outcome, ms) => {
            handed.push(ms)
            return transaction.commit(outcome)
          }
          return { ...transaction, commit }
        }
      },
    })
    const bench = engineBench({ fakeClock: clock })
    const own = engineBench({ fakeClock: clock, store: store as typeof bench.real })
    expect((await own.post({ rules: { transactional: true } })).kind).to.equal('done')
    expect(handed).to.deep.equal([900, 5_850])
  })
})

describe('an answer of the store that is no outage', () => {
  for (const [code, kind] of [
    ['ERR_POE_STORE_BUSY', 'store-down'],
    ['ERR_POE_STORE_FULL', 'store-full'],
  ] as const) {
    it(`[FALSE-1402] ${code}: this POST is refused, and other links go on`, async () => {
      const bench = engineBench({ dangerouslyRunUnprotected: true })
      const says = async () => {
        throw new PoeError(code)
      }
      bench.faulty.fault = only(['claim', 'read'], says)
      expect(await bench.post()).to.deep.equal({ kind, retryAfterMs: 1_000 })
      expect((await bench.engine.look(bench.operation())).kind).to.equal(kind)
      expect([bench.runs, bench.engine.guard.down, bench.heard()]).to.deep.equal([0, false, []])
    })

    it(`[FALSE-1402] ${code} at the mark: nothing has begun, and the link is free`, async () => {
      const bench = engineBench()
      bench.faulty.fault = only(['mark'], async () => {
        throw new PoeError(code)
      })
      const rules = { marks: true }
      const handler = async (run: { pointOfNoReturn(): Promise<void> }) => {
        await run.pointOfNoReturn()
        return {}
      }
      expect((await bench.post({ rules, handler })).kind).to.equal(kind)
      expect(await bench.stateOf()).to.equal('none')
    })
  }

  it('[FALSE-1402] a store that was down and answers that it is full is back', async () => {
    const bench = engineBench()
    bench.faulty.fault = async () => {
      throw new Error('ECONNREFUSED')
    }
    await bench.post()
    bench.faulty.fault = async () => {
      throw new PoeError('ERR_POE_STORE_FULL')
    }
    await bench.post()
    expect(bench.heard()).to.deep.equal(['store-down', 'store-back'])
  })
})

describe('a process that stands still', () => {
  function setUp() {
    const clock = fakeClock()
    let skippedMs = 0
    const jumpy = { now: () => clock.now() + skippedMs, sleep: clock.sleep }
    const guard = new StoreGuard({
      clock: jumpy,
      deadlines: new Deadlines(jumpy),
      emit: () => {},
      timeoutMs: 900,
      probe: () => new Promise(() => {}),
    })
    const reply = gate<string>()
    let ended = ''
    guard
      .call(() => reply.promise)
      .then(
        text => {
          ended = text
        },
        error => {
          ended = error.code
        },
      )
    const standStill = async (ms: number): Promise<void> => {
      skippedMs += ms
      await clock.advance(50)
    }
    return { clock, guard, reply, standStill, ended: () => ended }
  }

  it('[FALSE-1501] fails no call whose answer is there and not yet read', async () => {
    const { clock, guard, reply, standStill, ended } = setUp()
    await clock.advance(300)
    await standStill(1_300)
    expect(ended()).to.equal('')
    await clock.advance(200)
    reply.open('an answer')
    await settle()
    expect([ended(), guard.down]).to.deep.equal(['an answer', false])
  })

  it('[FALSE-1501] and yet a call that is not answered ends', async () => {
    for (const stillMs of [1_300, 3_600_000]) {
      const { clock, standStill, ended } = setUp()
      await clock.advance(300)
      await standStill(stillMs)
      await clock.advance(1_000)
      await settle()
      expect(ended(), `after ${stillMs} ms`).to.equal('ERR_POE_STORE_DOWN')
    }
  })

  it('[FALSE-1502] an answer that comes in the turn of the deadline still counts', async () => {
    const { clock, reply, ended } = setUp()
    // The deadline is told among the timers of a turn; sockets are read after them.
    clock.sleep(900).then(
      () => queueMicrotask(() => queueMicrotask(() => reply.open('just so'))),
      () => {},
    )
    await clock.advance(1_000)
    await settle()
    expect(ended()).to.equal('just so')
  })

  /** A bench whose process stands still for longer than a lease after a call, and an operator. */
  function setUpBench(method: string, decides: boolean) {
    const clock = fakeClock()
    let skippedMs = 0
    const now = () => clock.now() + skippedMs
    const bench = engineBench({ fakeClock: Object.create(clock, { now: { value: now } }) })
    let isLate = false
    const arrive = async (call: StoreCall): Promise<unknown> => {
      if (isLate && method === 'late') {
        isLate = false
        return { state: 'late', nowMs: now() }
      }
      const reply = await call.arrive()
      if (skippedMs > 0) return reply
      skippedMs += 20_000
      const [key, claim] = call.args as [string, string | { readonly owner: string }]
      const owner = typeof claim === 'string' ? claim : claim.owner
      if (decides) expect((await bench.real.settle(key, owner, 'free')).state).to.equal('ok')
      return reply
    }
    isLate = method === 'late'
    bench.faulty.fault = only([method === 'late' ? 'claim' : method], arrive)
    return bench
  }

  for (const method of ['claim', 'late']) {
    it(`[FALSE-4552] runs nothing by a claim that lapsed meanwhile (${method})`, async () => {
      const bench = setUpBench(method, true)
      expect((await bench.post()).kind).to.equal('store-down')
      expect((await bench.post()).kind).to.equal('done')
      expect(bench.runs).to.equal(1)
    })
  }

  it('[FALSE-4552] or was merely slow: a short lease keeps no handler from its start', async () => {
    const clock = fakeClock()
    const bench = engineBench({ fakeClock: clock, leaseMs: 100 })
    bench.faulty.fault = async call => {
      const reply = await call.arrive()
      await clock.advance(300)
      return reply
    }
    const handler = async (run: { pointOfNoReturn(): Promise<void> }) => {
      await run.pointOfNoReturn()
      return {}
    }
    expect((await bench.post({ rules: { marks: true }, handler })).kind).to.equal('done')
  })

  for (const decides of [true, false]) {
    const [title, effects] = decides ? ['is told so at its mark', 0] : ['goes on after it', 1]
    it(`[FALSE-4552] while ${decides ? 'somebody' : 'nobody'} decides: ${title}`, async () => {
      const bench = setUpBench('mark', decides)
      let done = 0
      const verdict = await bench.post({
        rules: { marks: true },
        handler: async run => {
          await run.pointOfNoReturn()
          done += 1
          return {}
        },
      })
      expect([verdict.kind, done]).to.deep.equal([decides ? 'undecided' : 'done', effects])
    })
  }
})
