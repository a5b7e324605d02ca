/** Bodies that never end by themselves: they end with the run, or with their client. */
import { PassThrough, Readable } from 'node:stream'
import { expect } from 'chai'
import { PoeError } from '../../lib/errors.js'
import { engineBench, settle } from '../support/engine-bench.js'

const MAX_RUN_MS = 5_000

/** A source that gives its pieces and then nothing more, and never ends. */
function endless(...pieces: readonly string[]) {
  const left = [...pieces]
  return new Readable({
    read() {
      const next = left.shift()
      if (next !== undefined) this.push(next)
    },
  })
}

function client() {
  const stream = new PassThrough()
  const errors: unknown[] = []
  stream.on('error', error => errors.push(error))
  stream.resume()
  return { stream, errors }
}

describe('a body that never ends', () => {
  for (const status of [201, 422, 502]) {
    it(`[FALSE-2421] of ${status} is broken off when the run is over`, async () => {
      const bench = engineBench()
      const source = endless('a')
      const to = client()
      await bench.post({
        rules: { maxRunMs: MAX_RUN_MS },
        handler: () => ({ status, body: { kind: 'stream', source }, client: to.stream }),
      })
      await bench.clock.advance(MAX_RUN_MS - 1_000)
      expect([source.destroyed, to.stream.destroyed]).to.deep.equal([false, false])
      await bench.clock.advance(1_100)
      await settle()
      expect([source.destroyed, to.stream.destroyed]).to.deep.equal([true, true])
      const [error] = to.errors
      expect(error).to.be.instanceOf(PoeError).and.have.property('code', 'ERR_POE_RUN_TOO_LONG')
    })
  }

  it('[FALSE-2422] its answer is not kept then, and the success stands', async () => {
    const bench = engineBench()
    const source = endless('a')
    const rules = { maxRunMs: MAX_RUN_MS }
    const body = { kind: 'stream', source } as const
    await bench.post({ rules, handler: () => ({ body, client: client().stream }) })
    await bench.clock.advance(MAX_RUN_MS + 100)
    await settle()
    expect(await bench.post()).to.have.nested.property('outcome.body.kind', 'not-kept')
    const lost = bench.events.find(({ type }) => type === 'body-not-kept')
    expect(lost).to.have.nested.property('cause.code', 'ERR_POE_RUN_TOO_LONG')
  })

  it('[FALSE-2423] also where a client takes nothing of it', async () => {
    const bench = engineBench({ bodyLimitBytes: 0 })
    const source = endless('abc', 'def')
    const to = new PassThrough({ highWaterMark: 1 })
    to.on('error', () => {})
    const rules = { maxRunMs: MAX_RUN_MS }
    await bench.post({ rules, handler: () => ({ body: { kind: 'stream', source }, client: to }) })
    await bench.clock.advance(MAX_RUN_MS + 100)
    await settle()
    expect(source.destroyed).to.equal(true)
  })

  it('[FALSE-2404] its source is closed with the client where nothing is kept', async () => {
    const bench = engineBench({ bodyLimitBytes: 2 })
    const [kept, large] = [endless('ab'), endless('abc')]
    const [one, two] = [client(), client()]
    await bench.post({
      handler: () => ({ body: { kind: 'stream', source: kept }, client: one.stream }),
    })
    await bench.post({
      operation: { key: 'order:2' },
      handler: () => ({ body: { kind: 'stream', source: large }, client: two.stream }),
    })
    await settle()
    one.stream.destroy()
    two.stream.destroy()
    await settle()
    expect([kept.destroyed, large.destroyed]).to.deep.equal([false, true])
    const body = await bench.post({ operation: { key: 'order:2' } })
    expect(body).to.have.nested.property('outcome.body.kind', 'not-kept')
  })

  for (const status of [422, 502]) {
    it(`[FALSE-2405] and with the client of a ${status}, of which nothing is kept`, async () => {
      const bench = engineBench()
      const source = endless('a')
      const to = client()
      await bench.post({
        handler: () => ({ status, body: { kind: 'stream', source }, client: to.stream }),
      })
      await settle()
      expect(source.destroyed).to.equal(false)
      to.stream.destroy()
      await settle()
      expect(source.destroyed).to.equal(true)
    })
  }
})
