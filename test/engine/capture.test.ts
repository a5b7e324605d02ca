import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { expect } from 'chai'
import { isStreaming, type Produced, produce } from '../../lib/engine/capture.js'

function textOf(produced: Produced): string {
  if (produced.kind !== 'bytes') throw new Error(`there are no bytes, but ${produced.kind}`)
  return Buffer.from(produced.bytes).toString()
}

async function readAll(body: unknown): Promise<string> {
  const produced = produce(body)
  if (produced.kind !== 'stream') throw new Error(`there is no stream, but ${produced.kind}`)
  const chunks: Buffer[] = []
  for await (const chunk of produced.source) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString()
}

describe('what a handler gives as its body', () => {
  it('[REPLAY-01] nothing is no body; falsy values are bodies', () => {
    expect(produce(null)).to.deep.equal({ kind: 'none' })
    expect(produce(undefined)).to.deep.equal({ kind: 'none' })
    expect(textOf(produce(''))).to.equal('')
    expect(textOf(produce(0))).to.equal('0')
    expect(textOf(produce(false))).to.equal('false')
  })

  it('[POE-2-7] strings are UTF-8, Buffers keep their bytes, the rest is JSON', () => {
    expect(textOf(produce('\u00e9\u6f22'))).to.equal('\u00e9\u6f22')
    const bytes = Buffer.from([0xff, 0x00, 0xfe])
    expect(produce(bytes)).to.deep.equal({ kind: 'bytes', bytes })
    expect(textOf(produce({ id: 1, toJSON: () => ['x'] }))).to.equal('["x"]')
  })

  it('a view that is no Buffer is JSON, because that is what Koa sends', () => {
    expect(textOf(produce(Uint8Array.of(7, 8)))).to.equal('{"0":7,"1":8}')
  })

  it('what has no JSON form is unreadable, and says why', () => {
    const loop: Record<string, unknown> = {}
    loop.loop = loop
    for (const body of [loop, 1n, () => 1, Symbol('x')]) {
      const produced = produce(body)
      expect(produced.kind).to.equal('unreadable')
      expect(produced).to.have.property('cause').that.is.instanceOf(TypeError)
    }
  })

  it('[REPLAY-05] streams of all kinds are read to their end', async () => {
    expect(await readAll(Readable.from([Buffer.from('a'), Buffer.from('b')]))).to.equal('ab')
    expect(await readAll(new Blob(['c', 'd']))).to.equal('cd')
    expect(await readAll(new Blob(['e']).stream())).to.equal('e')
    expect(await readAll(new Response('f'))).to.equal('f')
    expect(await readAll(new Response(null))).to.equal('')
  })

  it('an old-style stream without an iterator of its own is read too', async () => {
    const old = Object.assign(new EventEmitter(), { pipe: () => {}, pause() {}, resume() {} })
    const text = readAll(old)
    setImmediate(() => {
      old.emit('data', Buffer.from('old'))
      old.emit('end')
    })
    expect(await text).to.equal('old')
  })

  it('a web stream that somebody else reads is unreadable, and throws nothing', async () => {
    const locked = new Blob(['x']).stream()
    locked.getReader()
    const used = new Response('x')
    await used.text()
    expect(produce(locked).kind).to.equal('unreadable')
    expect(produce(used).kind).to.equal('unreadable')
  })

  it('tells what comes in pieces', () => {
    const pieces = [Readable.from([]), new Blob([]), new Blob([]).stream(), new Response(null)]
    for (const body of pieces) expect(isStreaming(body)).to.equal(true)
    for (const body of [null, 'x', { pipe: true }, {}, Buffer.from('x'), 1]) {
      expect(isStreaming(body)).to.equal(false)
    }
  })
})
