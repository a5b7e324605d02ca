import { expect } from 'chai'
import { memoryStore } from 'post-once-exactly/stores/memory'
import type { Store } from '../../lib/engine/store.js'
import { engineBench, only, reportedError } from '../support/engine-bench.js'

async function epochOf(store: Store<unknown>): Promise<string> {
  return (await store.epoch()).epochs[0] ?? ''
}

describe('a POST through the engine', () => {
  it('[POE-2-1] takes effect once; every repeat is told what became of it', async () => {
    const bench = engineBench()
    expect(await bench.post()).to.deep.equal({ kind: 'done' })
    for (let repeat = 0; repeat < 20; repeat += 1) {
      expect(await bench.post()).to.deep.equal({
        kind: 'spent',
        outcome: {
          status: 201,
          fields: [['location', '/orders/1']],
          body: { kind: 'kept', bytes: new Uint8Array(Buffer.from('{"id":1}')) },
        },
        payloadMatches: true,
        mark: 'owner-1',
      })
    }
    expect(bench.runs).to.equal(1)
    expect(bench.events).to.deep.equal([
      { type: 'claimed', key: 'order:1', owner: 'owner-1' },
      { type: 'spent', key: 'order:1', late: false },
    ])
  })

  it('[POE-2-21] a repeat is told whether its content is the same, if that is known', async () => {
    const bench = engineBench()
    await bench.post()
    const other = await bench.post({ operation: { fingerprint: 'other' } })
    expect(other).to.include({ kind: 'spent', payloadMatches: false })
    const unknown = await bench.post({ operation: { fingerprint: null } })
    expect(unknown).to.include({ kind: 'spent', payloadMatches: null })
  })

  it('[POE-2-3] a failure that the handler reports leaves the link unspent', async () => {
    const bench = engineBench()
    for (const status of [400, 401, 404, 409, 422, 429, 501, 503, 304, 307, 308]) {
      expect(await bench.post({ handler: () => ({ status }) })).to.deep.equal({ kind: 'refused' })
      expect(await bench.stateOf(), `after ${status}`).to.equal('none')
    }
    expect(await bench.post()).to.deep.equal({ kind: 'done' })
    expect(bench.heard().filter(type => type === 'released')).to.have.lengthOf(11)
  })

  it('[FAIL-05, FALSE-4294] a redirect with a Location is a success, else in doubt', async () => {
    for (const status of [301, 302, 303]) {
      const bench = engineBench()
      expect((await bench.post({ handler: () => ({ status }) })).kind).to.equal('done')
      expect((await bench.post()).kind).to.equal('spent')
      const other = engineBench()
      const bare = { status, hasLocation: false }
      expect((await other.post({ handler: () => bare })).kind).to.equal('silent')
      expect((await other.post()).kind).to.equal('undecided')
    }
  })

  it('[FALSE-4371] one without is an error where nothing has happened', async () => {
    const bench = engineBench()
    const bare = { status: 303, hasLocation: false }
    const verdict = await bench.post({ rules: { marks: true }, handler: () => bare })
    expect(verdict).to.include({ kind: 'threw', free: true })
    expect(await bench.stateOf()).to.equal('none')
  })

  it('[FALSE-4294] one with a Location is free where the rule turns it down', async () => {
    const bench = engineBench()
    const rules = { success: () => false }
    expect((await bench.post({ rules, handler: () => ({ status: 302 }) })).kind).to.equal('refused')
  })

  it('[POE-2-19] the rule for success can be replaced', async () => {
    const bench = engineBench()
    const rules = { success: ({ status }: { status: number }) => status === 422 }
    expect((await bench.post({ rules })).kind).to.equal('refused')
    expect((await bench.post({ rules, handler: () => ({ status: 422 }) })).kind).to.equal('done')
  })

  it('[BIND-01] an app-named key of somebody else is foreign, to POST and GET', async () => {
    const bench = engineBench()
    const operation = { comparePrincipal: true, expiresAtMs: null, keepUntilMs: null }
    await bench.post({ operation })
    const mallory = { ...operation, principals: ['mallory'] as const }
    expect(await bench.post({ operation: mallory })).to.deep.equal({ kind: 'foreign' })
    const looked = await bench.engine.look(bench.operation(mallory))
    expect(looked).to.deep.equal({ kind: 'foreign' })
    expect((await bench.post({ operation })).kind).to.equal('spent')
  })

  it('[BIND-01] a foreign POST does not wait for the running twin', async () => {
    const bench = engineBench()
    const operation = { comparePrincipal: true }
    const first = bench.post({
      operation,
      handler: async () => {
        await bench.clock.sleep(1_000)
        return {}
      },
    })
    const foreign = await bench.post({
      operation: { comparePrincipal: true, principals: ['mallory'] },
    })
    expect(foreign.kind).to.equal('foreign')
    await bench.clock.advance(1_000)
    await first
  })

  it('[POE-2-18] an expired link runs nothing; a spent one still tells its outcome', async () => {
    const bench = engineBench()
    const operation = bench.operation()
    const other = { ...operation, key: 'order:2' }
    await bench.post({ operation })
    await bench.clock.advance(3_600_000)
    expect((await bench.engine.look(other)).kind).to.equal('unspent')
    await bench.clock.advance(1)
    expect(await bench.post({ operation: other })).to.deep.equal({ kind: 'expired' })
    expect(await bench.engine.look(other)).to.deep.equal({ kind: 'expired' })
    expect((await bench.post({ operation })).kind).to.equal('spent')
    expect(bench.runs).to.equal(1)
  })

  it('[POE-2-18] a POST that was begun in time succeeds after the expiry', async () => {
    const bench = engineBench()
    const operation = { ...bench.operation(), expiresAtMs: bench.clock.now() + 100 }
    const post = bench.post({
      operation,
      handler: async () => {
        await bench.clock.sleep(200)
        return {}
      },
    })
    await bench.clock.advance(200)
    expect((await post).kind).to.equal('done')
    expect((await bench.post({ operation })).kind).to.equal('spent')
  })

  it('[EXP-05] a link of another memory never runs, but a record still answers', async () => {
    const bench = engineBench()
    const epoch = await epochOf(bench.real)
    await bench.post({ operation: { epoch } })
    await bench.real.rotateEpoch()
    expect((await bench.post({ operation: { epoch } })).kind).to.equal('spent')
    const lost = { epoch, key: 'order:2' }
    expect(await bench.post({ operation: lost })).to.deep.equal({ kind: 'forgotten' })
    const looked = await bench.engine.look(bench.operation(lost))
    expect(looked).to.deep.equal({ kind: 'forgotten' })
    expect(bench.runs).to.equal(1)
  })

  it('[EXP-01] a full store refuses, and forgets nothing', async () => {
    const bench = engineBench({ real: memoryStore({ maxRecords: 1 }) as Store<unknown> })
    await bench.post({ operation: { expiresAtMs: null, keepUntilMs: null } })
    const second = { key: 'order:2', expiresAtMs: null, keepUntilMs: null }
    const refused = await bench.post({ operation: second })
    expect(refused).to.deep.equal({ kind: 'store-full', retryAfterMs: 1_000 })
    expect(bench.runs).to.equal(1)
    expect((await bench.post()).kind).to.equal('spent')
  })

  it('[STORE-05] a claim that was sent twice recognises itself', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['claim'], async call => {
      await call.arrive()
      return call.arrive()
    })
    expect((await bench.post()).kind).to.equal('done')
    expect((await bench.post()).kind).to.equal('spent')
    expect(bench.runs).to.equal(1)
  })

  it('[POE-2-22] a client that left: nothing runs before the claim, all counts after', async () => {
    const bench = engineBench()
    const client = new AbortController()
    const post = bench.post({
      gone: client.signal,
      handler: () => {
        client.abort()
        return {}
      },
    })
    expect((await post).kind).to.equal('done')
    expect(await bench.post({ gone: client.signal })).to.deep.equal({ kind: 'gone' })
    expect((await bench.post()).kind).to.equal('spent')
    expect(bench.runs).to.equal(1)
  })

  it('a broken listener changes nothing, and none is needed', async () => {
    const broken = engineBench({
      onEvent: () => {
        throw new Error('the log is full')
      },
    })
    expect((await broken.post()).kind).to.equal('done')
    const silent = engineBench({ onEvent: undefined })
    expect((await silent.post()).kind).to.equal('done')
    const failing = {
      handler: () => {
        throw reportedError(409)
      },
    }
    expect((await silent.post(failing)).kind).to.equal('spent')
  })

  it('a store may ask for more time than the engine would give', async () => {
    const real = memoryStore() as Store<unknown>
    const patient = new Proxy(real, {
      get(target, member) {
        if (member === 'timeoutMs') return 4_000
        const value: unknown = Reflect.get(target, member, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    expect(engineBench({ real: patient }).engine.guard.timeoutMs).to.equal(4_000)
    expect(engineBench().engine.guard.timeoutMs).to.equal(900)
  })

  it('[FALSE-3925] where large bodies are kept, every call has the time to bring one', () => {
    const within = (bodyLimitBytes: number) =>
      engineBench({ bodyLimitBytes }).engine.guard.timeoutMs
    expect(within(0)).to.equal(900)
    expect(within(1_024 * 1_024)).to.equal(900)
    expect(within(64 * 1_024 * 1_024)).to.equal(900 + 63 * 100)
  })
})
