/** What an operator does about undecided keys, on a real memory store. */
import { expect } from 'chai'
import { Operator } from '../../lib/engine/operator.js'
import { engineBench } from '../support/engine-bench.js'

/** Keys whose handlers threw, one a minute. */
async function setUp(keys: readonly string[]) {
  const bench = engineBench()
  for (const key of keys) {
    await bench.post({ operation: { key }, handler: () => Promise.reject(new Error('boom')) })
    await bench.clock.advance(60_000)
  }
  const { engine, real, clock } = bench
  const owners = new Map<string, string>()
  for (const { key, owner } of (await real.list({ state: 'undecided' })).records) {
    owners.set(key, owner)
  }
  bench.events.length = 0
  const operator = new Operator({
    store: real,
    call: send => engine.guard.call(send),
    emit: event => void bench.events.push(event),
    bodyLimitBytes: 3,
  })
  return { bench, clock, operator, ownerOf: (key: string) => owners.get(key) ?? '' }
}

async function keysOf(records: AsyncIterable<{ readonly key: string }>): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of records) keys.push(key)
  return keys.sort()
}

describe('an operator', () => {
  it('is told what is undecided, by pages, all of it or what is older', async () => {
    const keys = Array.from({ length: 120 }, (_, index) => `k${index}`).sort()
    const { clock, operator } = await setUp(keys)
    expect(await keysOf(operator.undecided())).to.deep.equal(keys)
    const before = new Date(clock.now() - 119 * 60_000 - 1)
    expect(await keysOf(operator.undecided({ before }))).to.deep.equal(keys.slice(0, 1))
  })

  it('is refused a time that is none, and a wish that nobody knows', async () => {
    const { operator } = await setUp([])
    for (const wishes of [{ before: 7 }, { before: new Date(Number.NaN) }, { after: new Date() }]) {
      const records = operator.undecided(wishes as object)
      const error = await keysOf(records).catch(cause => cause)
      expect(error, JSON.stringify(wishes)).to.be.instanceOf(TypeError)
    }
  })

  for (const [verdict, told, state] of [
    [{ verdict: 'did-not-happen' }, 'did-not-happen', 'none'],
    [{ verdict: 'happened', outcome: { status: 204 } }, 'happened', 'spent'],
  ] as const) {
    it(`settles a key as ${told}, says so, and once only`, async () => {
      const { bench, operator, ownerOf } = await setUp(['k'])
      expect(await operator.inspect('k')).to.include({ state: 'undecided', owner: ownerOf('k') })
      expect(await operator.settle('k', 'somebody else', verdict)).to.equal(false)
      expect(bench.events).to.deep.equal([])
      expect(await operator.settle('k', ownerOf('k'), verdict)).to.equal(true)
      expect(bench.events).to.deep.equal([{ type: 'settled', key: 'k', verdict: told }])
      expect((await operator.inspect('k')).state).to.equal(state)
      expect(await operator.settle('k', ownerOf('k'), verdict)).to.equal(false)
      expect(bench.events).to.have.lengthOf(1)
    })
  }

  it('who knows nothing decides nothing', async () => {
    const { bench, operator, ownerOf } = await setUp(['k'])
    expect(await operator.settle('k', ownerOf('k'), { verdict: 'unknown' })).to.equal(false)
    expect([bench.events, await bench.stateOf('k')]).to.deep.equal([[], 'undecided'])
  })

  it('is refused a key or an owner that is no text', async () => {
    const { operator } = await setUp([])
    const verdict = { verdict: 'did-not-happen' } as const
    for (const asked of [
      () => operator.inspect(''),
      () => operator.settle('', 'o', verdict),
      () => operator.settle('k', '', verdict),
    ]) {
      expect(await asked().catch(cause => cause)).to.be.instanceOf(TypeError)
    }
  })
})
