import { expect } from 'chai'
import { PoeError } from '../../lib/errors.js'
import {
  engineBench,
  hang,
  loseReply,
  only,
  pass,
  refuse,
  reportedError,
  settle,
  times,
} from '../support/engine-bench.js'

const boom = () => {
  throw new Error('boom')
}

describe('a handler of an external resource that fails', () => {
  it('[FAIL-01] by an error with a status: the link is free again', async () => {
    const bench = engineBench()
    const error = reportedError(422)
    const verdict = await bench.post({ handler: () => Promise.reject(error) })
    expect(verdict).to.deep.equal({ kind: 'threw', error, free: true })
    expect(await bench.stateOf()).to.equal('none')
    expect((await bench.post()).kind).to.equal('done')
  })

  it('[POE-2-20] by an unexpected throw: undecided at once, not when the lease ends', async () => {
    const bench = engineBench()
    const verdict = await bench.post({ handler: boom })
    expect(verdict).to.include({ kind: 'threw', free: false })
    expect(await bench.stateOf()).to.equal('undecided')
    expect(bench.heard()).to.deep.equal(['claimed', 'undecided'])
    expect((await bench.post()).kind).to.equal('undecided')
    expect(bench.runs).to.equal(1)
  })

  it('[POE-2-20] by a throw while the store is down: undecided when the lease ends', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['renew'], refuse)
    await bench.post({ handler: boom })
    expect(await bench.stateOf()).to.equal('running')
    await bench.clock.advance(15_000)
    expect(await bench.stateOf()).to.equal('undecided')
  })

  it('by any throw, with releaseOnThrow: free again', async () => {
    const bench = engineBench()
    const verdict = await bench.post({ rules: { releaseOnThrow: true }, handler: boom })
    expect(verdict).to.include({ kind: 'threw', free: true })
    expect((await bench.post()).kind).to.equal('done')
  })

  it('by its rule for success: that is a throw', async () => {
    const bench = engineBench()
    const verdict = await bench.post({ rules: { success: boom } })
    expect(verdict).to.include({ kind: 'threw', free: false })
  })

  it('[FALSE-4647] by its rule for success, with releaseOnThrow: the handler has not', async () => {
    const bench = engineBench()
    const verdict = await bench.post({ rules: { releaseOnThrow: true, success: boom } })
    expect(verdict).to.include({ kind: 'threw', free: false })
    expect((await bench.post()).kind).to.equal('undecided')
  })

  it('[LOCK-07] while the store is down: the release is pending, and gets there', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['release'], refuse)
    const verdict = await bench.post({ handler: () => ({ status: 422 }) })
    expect(verdict.kind).to.equal('refused')
    expect([await bench.stateOf(), bench.engine.pendingWrites]).to.deep.equal(['running', 1])
    bench.faulty.fault = pass
    await bench.clock.advance(1_000)
    expect([await bench.stateOf(), bench.engine.pendingWrites]).to.deep.equal(['none', 0])
  })

  it("and whose key is another's by now: nothing is released", async () => {
    const bench = engineBench()
    await bench.post({
      handler: async () => {
        await bench.real.release('order:1', 'owner-1')
        return { status: 422 }
      },
    })
    expect(bench.heard()).to.deep.equal(['claimed'])
  })
})

describe('an answer of an external resource that is no success', () => {
  for (const [status, passedOn, kind] of [
    [404, false, 'refused'],
    [404, true, 'silent'],
    [500, false, 'silent'],
    [500, true, 'silent'],
    [502, false, 'refused'],
    [502, true, 'silent'],
  ] as const) {
    it(`${status}, ${passedOn ? 'passed on' : 'its own'}: ${kind}`, async () => {
      const bench = engineBench()
      const verdict = await bench.post({
        rules: { reports: [502] },
        handler: () => ({ status, passedOn }),
      })
      expect(verdict.kind).to.equal(kind)
      expect(await bench.stateOf()).to.equal(kind === 'refused' ? 'none' : 'undecided')
    })
  }
})

describe('pointOfNoReturn()', () => {
  const rules = { marks: true }

  it('silence before it frees the link, a throw at once', async () => {
    const bench = engineBench()
    const verdict = await bench.post({ rules, handler: boom })
    expect(verdict).to.include({ kind: 'threw', free: true })
    expect(await bench.stateOf()).to.equal('none')
  })

  it('[POE-2-20] a death before it frees the link, one after it leaves doubt', async () => {
    for (const [mark, state] of [
      [false, 'none'],
      [true, 'undecided'],
    ] as const) {
      const bench = engineBench()
      bench
        .post({
          rules,
          handler: async run => {
            if (mark) await run.pointOfNoReturn()
            // Nothing of a dead process reaches the store.
            bench.faulty.fault = hang
            await new Promise(() => {})
            return {}
          },
        })
        .catch(() => {})
      await settle()
      await bench.clock.advance(15_000)
      expect(await bench.stateOf()).to.equal(state)
    }
  })

  it('[FALSE-4391] a throw after it is undecided; a reported failure is believed', async () => {
    for (const [error, free] of [
      [new Error('boom'), false],
      // As `reject(error)` in a callback does, where there is no error.
      [null, false],
      [undefined, false],
      [reportedError(502), true],
    ] as const) {
      const bench = engineBench()
      const verdict = await bench.post({
        rules,
        handler: async run => {
          await run.pointOfNoReturn()
          throw error
        },
      })
      expect(verdict).to.deep.equal({ kind: 'threw', error, free })
      expect(await bench.stateOf()).to.equal(free ? 'none' : 'undecided')
    }
  })

  it('[FALSE-4393] where another one follows the effect, and fails: undecided', async () => {
    for (const fault of [refuse, loseReply]) {
      const bench = engineBench()
      const verdict = await bench.post({
        rules,
        handler: async run => {
          await run.pointOfNoReturn()
          bench.faulty.fault = only(['mark'], fault)
          await run.pointOfNoReturn()
          return {}
        },
      })
      expect(verdict).to.include({ kind: 'threw', free: false })
      expect(await bench.stateOf()).to.equal('undecided')
    }
  })

  it('when it fails and its error passes, the effect was never begun: free', async () => {
    for (const fault of [refuse, loseReply]) {
      const bench = engineBench()
      bench.faulty.fault = only(['mark'], fault)
      const verdict = await bench.post({
        rules,
        handler: async run => {
          await run.pointOfNoReturn()
          return {}
        },
      })
      expect(verdict).to.include({ kind: 'store-down' })
      expect(await bench.stateOf()).to.equal('none')
    }
  })

  it("[LOCK-01] a stale owner gets a throw, and touches nobody else's claim", async () => {
    const bench = engineBench()
    let error: unknown
    await bench.post({
      rules,
      handler: async run => {
        await bench.real.release('order:1', 'owner-1')
        await bench.real.claim('order:1', {
          ...bench.operation(),
          owner: 'rival',
          leaseMs: 1_000,
          claimByMs: bench.clock.now(),
          tokenExpiresMs: null,
          onSilence: 'free',
          principal: 'alice',
        })
        await run.pointOfNoReturn().catch(cause => {
          error = cause
          throw cause
        })
        return {}
      },
    })
    expect(error).to.be.instanceOf(PoeError).with.property('code', 'ERR_POE_LEASE_LOST')
    expect(await bench.stateOf()).to.equal('running')
  })

  /** A handler that takes no notice of a mark that fails, acts, and then throws. */
  const careless = {
    rules,
    handler: async (run: { pointOfNoReturn(): Promise<void> }) => {
      await run.pointOfNoReturn().catch(() => {})
      throw new Error('after the effect')
    },
  }

  it('when it fails and the handler swallows that: the mark is made up for', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['mark'], times(1, refuse))
    expect(await bench.post(careless)).to.include({ kind: 'threw', free: false })
    expect(await bench.stateOf()).to.equal('undecided')
  })

  it('when it fails for longer: the lease is not ended before the mark is there', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['mark'], refuse)
    expect(await bench.post(careless)).to.include({ kind: 'threw', free: false })
    expect([await bench.stateOf(), bench.engine.pendingWrites]).to.deep.equal(['running', 1])
    await bench.clock.advance(20_000)
    bench.faulty.fault = pass
    await bench.clock.advance(5_000)
    expect([await bench.stateOf(), bench.engine.pendingWrites]).to.deep.equal(['undecided', 0])
    expect((await bench.post()).kind).to.equal('undecided')
  })

  it('one that fails first and succeeds then is there', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['mark'], times(1, refuse))
    let first: unknown
    const verdict = await bench.post({
      rules,
      handler: async run => {
        await run.pointOfNoReturn().catch(error => {
          first = error
        })
        await run.pointOfNoReturn()
        throw first
      },
    })
    expect(verdict).to.include({ kind: 'threw', free: false })
    expect(await bench.stateOf()).to.equal('undecided')
  })

  it('belongs to resources with marks', async () => {
    const bench = engineBench()
    const verdict = await bench.post({
      handler: async run => {
        await run.pointOfNoReturn()
        return {}
      },
    })
    expect(verdict).to.have.property('error').that.is.instanceOf(TypeError)
  })
})

describe('a body that is not streamed', () => {
  it('[REPLAY-07] beyond the limit is not kept, and the success stands', async () => {
    const bench = engineBench({ bodyLimitBytes: 3 })
    const bytes = Buffer.from('four')
    await bench.post({ handler: () => ({ body: { kind: 'bytes', bytes } }) })
    expect(await bench.post()).to.have.nested.property('outcome.body.kind', 'not-kept')
    expect(bench.heard()).to.include('body-not-kept')
    const other = { key: 'order:2' }
    const fits = { kind: 'bytes', bytes: bytes.subarray(1) } as const
    await bench.post({ operation: other, handler: () => ({ body: fits }) })
    const kept = await bench.post({ operation: other })
    expect(kept).to.have.nested.property('outcome.body.kind', 'kept')
  })

  it('that cannot be read does not undo the success', async () => {
    const bench = engineBench()
    const cause = new TypeError('a bigint')
    await bench.post({ handler: () => ({ body: { kind: 'unreadable', cause } }) })
    expect(await bench.post()).to.have.nested.property('outcome.body.kind', 'not-kept')
    const event = { type: 'body-unreadable', key: 'order:1', cause }
    expect(bench.events).to.deep.include(event)
  })

  it('[LOCK-07] that the handler wrote itself is not kept; none is none', async () => {
    for (const [kind, recorded] of [
      ['elsewhere', 'not-kept'],
      ['none', 'none'],
    ] as const) {
      const bench = engineBench()
      await bench.post({ handler: () => ({ body: { kind } }) })
      expect(await bench.post()).to.have.nested.property('outcome.body.kind', recorded)
    }
  })
})
