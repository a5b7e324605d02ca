import { PassThrough, Readable, Writable } from 'node:stream'
import { expect } from 'chai'
import { BodyPump } from '../../lib/engine/body-pump.js'
import { gate, settle, soon } from '../support/engine-bench.js'

/** A client that reads nothing until it is told to. */
class SlowClient extends Writable {
  readonly got: string[] = []
  #goOn: (() => void) | null = null

  constructor() {
    super({ highWaterMark: 1 })
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.got.push(chunk.toString())
    this.#goOn = done
  }

  takeOne(): void {
    this.#goOn?.()
  }
}

async function* pieces(...chunks: unknown[]): AsyncGenerator<unknown> {
  yield* chunks
}

function collector() {
  const client = new PassThrough()
  const chunks: Buffer[] = []
  client.on('data', chunk => chunks.push(chunk))
  client.on('error', () => {})
  return { client, text: () => Buffer.concat(chunks).toString() }
}

async function flow(pump: BodyPump): Promise<string | null> {
  let kept: Uint8Array | null = null
  await pump.start()
  await pump.flow(async bytes => {
    kept = bytes
  })
  return kept === null ? null : Buffer.from(kept).toString()
}

describe('a streamed body on its way', () => {
  it('reaches the client and the record, strings and bytes alike', async () => {
    const { client, text } = collector()
    const pump = new BodyPump(pieces('a', Buffer.from('b'), Uint8Array.of(99)), client, 100)
    expect(await flow(pump)).to.equal('abc')
    expect(text()).to.equal('abc')
    expect(client.writableEnded).to.equal(true)
  })

  it('an empty one is kept as empty', async () => {
    const { client } = collector()
    expect(await flow(new BodyPump(pieces(), client, 100))).to.equal('')
  })

  it('is kept before the client is told that it is complete', async () => {
    const { client } = collector()
    const kept = gate()
    const pump = new BodyPump(Readable.from(['x']), client, 100)
    await pump.start()
    const done = pump.flow(() => kept.promise)
    await settle()
    expect(client.writableEnded).to.equal(false)
    kept.open()
    await done
    expect(client.writableEnded).to.equal(true)
  })

  it('[REPLAY-07] one that is too large still reaches the client, and is not kept', async () => {
    const { client, text } = collector()
    expect(await flow(new BodyPump(pieces('1234', '5', '6'), client, 4))).to.equal(null)
    expect(text()).to.equal('123456')
    const exact = collector()
    expect(await flow(new BodyPump(pieces('12', '34'), exact.client, 4))).to.equal('1234')
  })

  it('a failure before the first chunk is thrown by start', async () => {
    const { client } = collector()
    const pump = new BodyPump(
      new Readable({ read: () => {}, construct: done => done(new Error('no')) }),
      client,
      100,
    )
    expect(await pump.start().catch(error => error.message)).to.equal('no')
  })

  it('[REPLAY-09] a failure midway breaks the client off, and nothing is kept', async () => {
    async function* broken() {
      yield 'a'
      throw new Error('cut')
    }
    const { client } = collector()
    let kept = false
    const pump = new BodyPump(broken(), client, 100)
    await pump.start()
    const keep = async () => {
      kept = true
    }
    const failure = await pump.flow(keep).catch(error => error)
    expect(failure.message).to.equal('cut')
    expect(client.destroyed).to.equal(true)
    expect(kept).to.equal(false)
  })

  it('what is no Error breaks the client off with one', async () => {
    async function* broken() {
      yield 'a'
      throw 'a string'
    }
    const client = new PassThrough()
    const reasons: Error[] = []
    client.on('error', error => reasons.push(error))
    const pump = new BodyPump(broken(), client, 100)
    await pump.start()
    expect(await pump.flow(async () => {}).catch(error => error)).to.equal('a string')
    client.resume()
    await settle()
    expect(reasons.map(error => error.cause)).to.deep.equal(['a string'])
  })

  it('[REPLAY-09] what came before the break is read first, also by who begins late', async () => {
    async function* broken() {
      yield 'a'
      throw new Error('cut')
    }
    const client = new PassThrough()
    const seen: string[] = []
    const pump = new BodyPump(broken(), client, 100)
    await pump.start()
    await pump.flow(async () => {}).catch(() => {})
    expect(client.destroyed).to.equal(false)
    client.on('error', error => seen.push(error.message))
    client.on('data', chunk => seen.push(String(chunk)))
    await settle()
    expect(seen).to.deep.equal(['a', 'cut'])
  })

  it('[FALSE-4300] also by another pump, that of the claim around', async () => {
    const between = new PassThrough()
    between.on('error', () => {})
    async function* source() {
      yield 'one'
      throw new Error('broken')
    }
    const inner = flow(new BodyPump(source(), between, 100)).catch(String)
    expect(await inner).to.equal('Error: broken')
    const { client, text } = collector()
    const outer = flow(new BodyPump(between, client, 100)).catch(String)
    expect(await soon(outer)).to.equal('Error: broken')
    expect([text(), client.destroyed]).to.deep.equal(['one', true])
  })

  it('a chunk that is neither text nor bytes breaks it off, and closes the source', async () => {
    let closed = false
    async function* odd() {
      try {
        yield 'a'
        yield { not: 'bytes' }
      } finally {
        closed = true
      }
    }
    const { client } = collector()
    const pump = new BodyPump(odd(), client, 100)
    await pump.start()
    expect(await pump.flow(async () => {}).catch(error => error)).to.be.instanceOf(TypeError)
    await settle()
    expect(closed).to.equal(true)
  })

  it('the record does not wait for a slow client while the body is within the limit', async () => {
    const client = new SlowClient()
    const whole = flow(new BodyPump(pieces('a', 'b', 'c'), client, 100))
    expect(await soon(whole)).to.equal('abc')
    expect(client.got).to.deep.equal(['a'])
  })

  it('beyond the limit it waits for the client, so that it fills no memory', async () => {
    const client = new SlowClient()
    let given = 0
    async function* counted() {
      for (const chunk of ['123', '456', '789']) {
        given += 1
        yield chunk
      }
    }
    const all = flow(new BodyPump(counted(), client, 2))
    await settle()
    expect([given, client.got]).to.deep.equal([1, ['123']])
    client.takeOne()
    await settle()
    expect([given, client.got]).to.deep.equal([2, ['123', '456']])
    client.takeOne()
    await settle()
    client.takeOne()
    expect(await all).to.equal(null)
    expect(given).to.equal(3)
  })

  it('a client that leaves while it is waited for does not hold it up', async () => {
    const client = new SlowClient()
    const pump = new BodyPump(pieces('123', '456'), client, 2)
    const all = flow(pump)
    await settle()
    client.destroy()
    expect(await all).to.equal(null)
    expect(client.listenerCount('drain') + client.listenerCount('close')).to.equal(0)
  })

  it('[POE-2-22] goes on for the record when the client has left', async () => {
    const { client } = collector()
    const pump = new BodyPump(pieces('a', 'b'), client, 100)
    client.destroy()
    expect(await flow(pump)).to.equal('ab')
    expect(await flow(new BodyPump(pieces('c'), null, 100))).to.equal('c')
  })

  it('nobody wants it: too large, and the client has left; the source is closed', async () => {
    const source = Readable.from(['123', '456'])
    expect(await flow(new BodyPump(source, null, 2))).to.equal(null)
    await settle()
    expect(source.destroyed).to.equal(true)
  })

  it('drop closes the source, whether it can be closed or not, or fails to', async () => {
    const source = Readable.from(['a', 'b'])
    const pump = new BodyPump(source, null, 100)
    await pump.start()
    pump.drop()
    await settle()
    expect(source.destroyed).to.equal(true)
    const endless = { next: async () => ({ done: false, value: 'x' }) as const }
    new BodyPump({ [Symbol.asyncIterator]: () => endless }, null, 1).drop()
    const stubborn = { ...endless, return: () => Promise.reject(new Error('no')) }
    new BodyPump({ [Symbol.asyncIterator]: () => stubborn }, null, 1).drop()
    await settle()
  })
})
