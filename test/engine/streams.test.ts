import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import type { Report } from '../../lib/engine/operation.js'
import { engineBench, gate, only, pass, refuse, settle } from '../support/engine-bench.js'

function client() {
  const stream = new PassThrough()
  const chunks: Buffer[] = []
  stream.on('data', chunk => chunks.push(chunk))
  stream.on('error', () => {})
  return { stream, text: () => Buffer.concat(chunks).toString() }
}

/** A source that gives texts, waits for promises, and fails with errors. */
async function* giving(...steps: readonly (string | Error | Promise<void>)[]) {
  for (const step of steps) {
    if (step instanceof Error) throw step
    if (typeof step === 'string') yield step
    else await step
  }
}

/** A report whose body is a stream that a test feeds. */
function streamed(source: AsyncIterable<unknown>, to = client()) {
  const report: Partial<Report> = { body: { kind: 'stream', source }, client: to.stream }
  return { to, handler: () => report }
}

describe('a streamed answer', () => {
  it('[REPLAY-05] is spent at its first chunk, and has its body at its end', async () => {
    const bench = engineBench()
    const first = gate()
    const end = gate()
    const { to, handler } = streamed(giving(first.promise, 'a', end.promise, 'b'))
    const post = bench.post({ handler })
    await settle()
    expect(await bench.stateOf()).to.equal('running')
    first.open()
    expect((await post).kind).to.equal('done')
    const untilMs = bench.clock.now() + 300_000
    const pending = { kind: 'pending', untilMs }
    expect(await bench.post()).to.have.deep.nested.property('outcome.body', pending)
    end.open()
    await settle()
    const looked = await bench.engine.look(bench.operation())
    if (looked.kind !== 'spent' || looked.outcome.body.kind !== 'kept') throw new Error('no body')
    expect(Buffer.from(looked.outcome.body.bytes).toString()).to.equal('ab')
    expect(to.text()).to.equal('ab')
    expect(to.stream.writableEnded).to.equal(true)
    expect(bench.events.at(-1)).to.deep.equal({ type: 'body-kept', key: 'order:1' })
  })

  it('[REPLAY-05] an empty one is an empty body', async () => {
    const bench = engineBench()
    await bench.post(streamed(giving()))
    await settle()
    const looked = await bench.engine.look(bench.operation())
    expect(looked).to.have.nested.property('outcome.body.bytes.byteLength', 0)
  })

  it('[REPLAY-09] an error before its first chunk is a throw', async () => {
    const bench = engineBench()
    const failing = streamed(giving(new Error('no connection')))
    expect(await bench.post(failing)).to.include({ kind: 'threw', free: false })
    expect(await bench.stateOf()).to.equal('undecided')
  })

  it('[REPLAY-09] an error midway: spent without a body, the client broken off', async () => {
    const bench = engineBench()
    const { to, handler } = streamed(giving('a', new Error('cut')))
    expect((await bench.post({ handler })).kind).to.equal('done')
    await settle()
    expect(await bench.post()).to.have.nested.property('outcome.body.kind', 'not-kept')
    expect(to.stream.destroyed).to.equal(true)
    expect(bench.events.at(-1)).to.have.nested.property('cause.message', 'cut')
  })

  it('[REPLAY-07] too large: the client gets it all, the record none', async () => {
    const bench = engineBench({ bodyLimitBytes: 3 })
    const { to, handler } = streamed(giving('four', '!'))
    await bench.post({ handler })
    await settle()
    expect(to.text()).to.equal('four!')
    expect(await bench.post()).to.have.nested.property('outcome.body.kind', 'not-kept')
    expect(bench.heard()).to.include('body-not-kept')
  })

  it('[POE-2-22] the client leaves midway: the body is kept all the same', async () => {
    const bench = engineBench()
    const end = gate()
    const { to, handler } = streamed(giving('a', end.promise, 'b'))
    await bench.post({ handler })
    to.stream.destroy()
    end.open()
    await settle()
    expect(await bench.post()).to.have.nested.property('outcome.body.bytes.byteLength', 2)
  })

  it('that reports a failure flows to the client, and frees the link', async () => {
    const bench = engineBench()
    const { to, handler } = streamed(giving('not today'))
    const verdict = await bench.post({ handler: () => ({ ...handler(), status: 503 }) })
    expect(verdict.kind).to.equal('refused')
    await settle()
    expect(to.text()).to.equal('not today')
    expect(await bench.stateOf()).to.equal('none')
    const broken = streamed(giving('not', new Error('cut')))
    await bench.post({ handler: () => ({ ...broken.handler(), status: 503 }) })
    await settle()
    expect(broken.to.stream.destroyed).to.equal(true)
  })

  it('of a stale owner is not sent, and its source is closed', async () => {
    const bench = engineBench()
    let closed = false
    const { to, handler } = streamed(
      (async function* () {
        try {
          yield 'a'
          yield 'b'
        } finally {
          closed = true
        }
      })(),
    )
    const verdict = await bench.post({
      handler: async () => {
        await bench.real.release('order:1', 'owner-1')
        return handler()
      },
    })
    await settle()
    expect(verdict.kind).to.equal('undecided')
    expect([closed, to.text()]).to.deep.equal([true, ''])
  })

  it('whose body cannot be attached at once: pending, and attached later', async () => {
    const bench = engineBench()
    bench.faulty.fault = only(['attachBody'], refuse)
    await bench.post(streamed(giving('a')))
    await settle()
    expect(bench.engine.pendingWrites).to.equal(1)
    bench.faulty.fault = pass
    await bench.clock.advance(5_000)
    expect(bench.engine.pendingWrites).to.equal(0)
    expect(await bench.post()).to.have.nested.property('outcome.body.bytes.byteLength', 1)
  })

  it('whose outcome is pending when the body is complete: recorded with the body', async () => {
    const bench = engineBench({ recordForMs: 0 })
    const end = gate()
    const { handler } = streamed(giving('a', end.promise))
    bench.faulty.fault = only(['complete'], refuse)
    expect((await bench.post({ handler })).kind).to.equal('done')
    bench.faulty.fault = pass
    end.open()
    await settle()
    expect(await bench.stateOf()).to.equal('spent')
    await bench.clock.advance(5_000)
    expect(bench.engine.pendingWrites).to.equal(0)
    expect(await bench.post()).to.have.nested.property('outcome.body.bytes.byteLength', 1)
  })
})
