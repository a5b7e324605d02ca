/** Content that a door reads ahead: whoever comes next finds it as if nobody had been there. */
import { once } from 'node:events'
import { request } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2Server,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { bodyParser } from '@koa/bodyparser'
import { expect } from 'chai'
import type { Context, Middleware } from 'koa'
import { halfSent, rawRequest, requestBytes, slowly } from 'post-once-exactly/testing'
import { ask } from '../../support/ask.js'
import { until } from '../../support/meeting.js'
import { isReplay, type KeySite, keySite, pay } from './key-site.js'

const JSON_TYPE = { 'Content-Type': 'application/json' }
const FORM_TYPE = { 'Content-Type': 'application/x-www-form-urlencoded' }
const TEXT_TYPE = { 'Content-Type': 'text/plain' }
const BINARY_TYPE = { 'Content-Type': 'application/octet-stream' }
const BINARY = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256))
const parser = bodyParser({ enableTypes: ['json', 'form', 'text'], encoding: 'utf-8' })
const parsedBody = (ctx: Context): unknown => (ctx.request as { body?: unknown }).body

/** Reads the bytes from the socket, as a handler without any parser does. */
async function ownBytes(ctx: Context): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of ctx.req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

describe('content that a door reads ahead', () => {
  const open: KeySite[] = []
  const site = async (options: Parameters<typeof keySite>[0]): Promise<KeySite> => {
    const made = await keySite({ parse: false, ...options })
    open.push(made)
    return made
  }
  afterEach(() => Promise.all(open.splice(0).map(each => each.close())))

  const contents: readonly (readonly [
    string,
    Readonly<Record<string, string>>,
    string,
    string,
    unknown,
  ])[] = [
    ['JSON', JSON_TYPE, '{"a":[1,"ü"]}', '{"a":[1,"u"]}', { a: [1, 'ü'] }],
    ['a form', FORM_TYPE, 'a=1&b=%20', 'a=1&b=%21', { a: '1', b: ' ' }],
    ['text', TEXT_TYPE, 'hello ü', 'hello u', 'hello ü'],
    ['large JSON', JSON_TYPE, `["${'x'.repeat(90_000)}"]`, `["${'x'.repeat(90_001)}"]`, null],
    ['no content', JSON_TYPE, '', '{}', null],
  ]
  for (const [what, type, first, other, body] of contents) {
    for (const place of ['in front of', 'behind'] as const) {
      it(`${what}, with the parser ${place} the door`, async () => {
        const where = place === 'behind' ? { behind: [parser] } : { front: [parser] }
        const there = await site({ ...where, see: parsedBody })
        const again = await Promise.all([pay(there, first, type), pay(there, first, type)])
        expect(again.map(({ status }) => status).sort()).to.include(201)
        if (body !== null) expect(there.seen).to.deep.equal([body])
        expect(isReplay(await pay(there, first, type))).to.equal(true)
        expect((await pay(there, other, type)).status).to.equal(422)
        expect(there.seen).to.have.lengthOf(1)
        expect(there.errors).to.deep.equal([])
      })
    }
  }

  it('bytes without a parser reach a handler that reads the request itself', async () => {
    const there = await site({ see: ownBytes })
    expect((await pay(there, BINARY, BINARY_TYPE)).status).to.equal(201)
    expect((there.seen[0] as Buffer).equals(BINARY)).to.equal(true)
    expect(isReplay(await pay(there, BINARY, BINARY_TYPE))).to.equal(true)
    expect((await pay(there, BINARY.subarray(1), BINARY_TYPE)).status).to.equal(422)
  })

  for (const [how, read] of [
    ['a stream in flowing mode', flowing],
    ['a stream in paused mode', pausing],
    ['nothing at all', async () => Buffer.from('{"a":1}')],
  ] as const) {
    it(`a handler that reads ${how}`, async () => {
      const there = await site({ see: read })
      expect((await pay(there, '{"a":1}', JSON_TYPE)).status).to.equal(201)
      expect(String(there.seen[0])).to.equal('{"a":1}')
      expect(isReplay(await pay(there, '{"a":1}', JSON_TYPE))).to.equal(true)
    })
  }

  it('content in chunks, and the end of them alone', async () => {
    const there = await site({ see: ownBytes })
    const headers = { ...BINARY_TYPE, 'Transfer-Encoding': 'chunked' }
    const key = (name: string) => ({ ...headers, 'Idempotency-Key': name })
    const parts = '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'
    expect((await pay(there, parts, key('one'))).status).to.equal(201)
    expect((await pay(there, '0\r\n\r\n', key('two'))).status).to.equal(201)
    expect(there.seen.map(String)).to.deep.equal(['hello!', ''])
    // Another framing is the same content.
    const whole = await pay(there, 'hello!', { ...BINARY_TYPE, 'Idempotency-Key': 'one' })
    expect(isReplay(whole)).to.equal(true)
    expect((await pay(there, '0\r\n\r\n', key('one'))).status).to.equal(422)
  })

  it('two doors in a row read it one after the other', async () => {
    const conditional: Middleware[] = []
    const there = await site({
      makeDoor: poe => {
        conditional.push(poe.idempotencyKey({ name: 'pay', retentionMs: null, ...NOT_DURABLE }))
        return poe.conditional({ name: 'state', validator: () => null })
      },
      behind: [(ctx, next) => conditional[0]?.(ctx, next), parser],
      see: parsedBody,
    })
    const headers = { ...JSON_TYPE, 'If-None-Match': '*' }
    expect((await pay(there, '{"a":1}', headers)).status).to.equal(201)
    expect(there.seen).to.deep.equal([{ a: 1 }])
  })

  it('gzip goes to the parser behind as it came', async () => {
    const there = await site({ behind: [parser], see: parsedBody })
    const headers = { ...JSON_TYPE, 'Content-Encoding': 'gzip' }
    const body = gzipSync('{"a":1}')
    expect((await pay(there, body, headers)).status).to.equal(201)
    expect(there.seen).to.deep.equal([{ a: 1 }])
    expect(isReplay(await pay(there, body, headers))).to.equal(true)
  })

  it('multipart from fetch', async () => {
    const there = await site({ see: formIn })
    const form = new FormData()
    form.set('note', 'ü')
    form.set('file', new File([BINARY], 'a.bin'))
    const init = { method: 'POST', body: form, headers: { 'Idempotency-Key': 'k' } }
    const response = await fetch(`${there.world.base}/pay`, init)
    expect(response.status).to.equal(201)
    expect(there.seen).to.deep.equal([['ü', BINARY.byteLength]])
  })

  it('exactly the limit is taken, one byte more is 413 and runs nothing', async () => {
    const there = await site({ door: { contentLimitBytes: 10 }, see: ownBytes })
    const chunked = { ...BINARY_TYPE, 'Transfer-Encoding': 'chunked' }
    expect((await pay(there, '0123456789a', BINARY_TYPE)).status).to.equal(413)
    expect((await pay(there, 'b\r\n0123456789a\r\n0\r\n\r\n', chunked)).status).to.equal(413)
    expect(there.seen).to.deep.equal([])
    const answer = await pay(there, '0123456789a', BINARY_TYPE)
    expect(answer.json()).to.include({ type: 'urn:post-once-exactly:problem:too-large' })
    expect((await pay(there, '0123456789', BINARY_TYPE)).status).to.equal(201)
    expect(there.seen.map(String)).to.deep.equal(['0123456789'])
    const none = await site({ door: { contentLimitBytes: 0 } })
    expect((await pay(none, 'a', BINARY_TYPE)).status).to.equal(413)
    expect((await pay(none, '', BINARY_TYPE)).status).to.equal(201)
  })

  it('a parser in front does not widen the limit', async () => {
    const there = await site({ door: { contentLimitBytes: 10 }, front: [parser], see: parsedBody })
    expect((await pay(there, '["0123456"]', JSON_TYPE)).status).to.equal(413)
    expect((await pay(there, '["012345"]', JSON_TYPE)).status).to.equal(201)
  })

  it('after a 413 the same connection goes on, or is closed cleanly', async () => {
    const there = await site({ door: { contentLimitBytes: 10 }, see: ownBytes })
    const head = { ...BINARY_TYPE, 'Idempotency-Key': 'k' }
    const tooMuch = requestBytes({ method: 'POST', path: '/pay', headers: head, body: BINARY })
    const right = requestBytes({ method: 'POST', path: '/pay', headers: head, body: 'abc' })
    const bytes = Buffer.concat([tooMuch, right])
    const { received, ended } = await rawRequest({ port: there.port, bytes })
    expect(ended).to.equal('complete')
    expect(received.toString()).to.match(/^HTTP\/1\.1 413 /)
    await until(() => there.seen.length <= 1, 'at most one effect')
    expect((await pay(there, 'abc', { ...head })).status).to.equal(201)
    expect(there.seen.map(String)).to.deep.equal(['abc'])
  })

  it('Expect: 100-continue', async () => {
    const there = await site({ behind: [parser], see: parsedBody })
    const headers = { ...JSON_TYPE, Expect: '100-continue', 'Idempotency-Key': 'k' }
    const sent = request({ port: there.port, path: '/pay', method: 'POST', headers })
    sent.flushHeaders()
    await once(sent, 'continue')
    sent.end('{"a":1}')
    const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream & { statusCode: 1 }]
    response.resume()
    expect(response.statusCode).to.equal(201)
    expect(there.seen).to.deep.equal([{ a: 1 }])
  })

  for (const leave of ['end', 'destroy', 'reset'] as const) {
    it(`an upload that is cut off by ${leave} runs nothing, and leaves the key free`, async () => {
      const there = await site({ behind: [parser], see: parsedBody })
      const headers = { ...JSON_TYPE, 'Idempotency-Key': '"k"' }
      const whole = requestBytes({ method: 'POST', path: '/pay', headers, body: '{"a":1}' })
      const steps = halfSent(whole, whole.length - 2, leave)
      await rawRequest({ port: there.port, steps })
      expect((await pay(there, '{"a":1}', JSON_TYPE)).status).to.equal(201)
      expect(there.seen).to.deep.equal([{ a: 1 }])
    })
  }

  it('a slow upload in many pieces', async () => {
    const there = await site({ behind: [parser], see: parsedBody })
    const headers = { ...JSON_TYPE, 'Idempotency-Key': '"k"' }
    const body = JSON.stringify({ a: 'x'.repeat(60) })
    const whole = requestBytes({ method: 'POST', path: '/pay', headers, body })
    const { received } = await rawRequest({ port: there.port, steps: slowly(whole, 7, 1) })
    expect(received.toString()).to.match(/^HTTP\/1\.1 201 /)
    expect(there.seen).to.deep.equal([JSON.parse(body)])
    expect(isReplay(await pay(there, body, JSON_TYPE))).to.equal(true)
  })

  it('over HTTP/2, with and without a length, whole, in pieces and empty', async () => {
    const there = await site({ behind: [parser], see: parsedBody })
    const server = createHttp2Server(there.callback() as () => void)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const send = (key: string, pieces: readonly string[], fields: Record<string, string> = {}) =>
      http2Status(session, pieces, { ...JSON_TYPE, 'idempotency-key': key, ...fields })
    try {
      expect(await send('a', ['{"a":', '1}'])).to.equal(201)
      expect(await send('a', ['{"a":1}'], { 'content-length': '7' })).to.equal(201)
      expect(await send('a', ['{"a":2}'])).to.equal(422)
      expect(await send('b', [])).to.equal(201)
      expect(await send('b', [''], { 'content-length': '0' })).to.equal(201)
      expect(await send('b', ['{}'])).to.equal(422)
      expect(await send('c', [`["${'x'.repeat(100_000)}"]`])).to.equal(201)
      expect(
        await send(
          'd',
          Array.from({ length: 40 }, () => 'x'.repeat(30_000)),
        ),
      ).to.equal(413)
      expect(there.seen.slice(0, 1)).to.deep.equal([{ a: 1 }])
      expect(there.seen).to.have.lengthOf(3)
    } finally {
      session.destroy()
      await new Promise(resolve => server.close(resolve))
    }
  })

  it('content that something in front has read and thrown away is a mistake of ours', async () => {
    const swallow: Middleware = async (ctx, next) => {
      await ownBytes(ctx)
      await next()
    }
    const there = await site({ front: [swallow] })
    expect((await pay(there, '{"a":1}', JSON_TYPE)).status).to.equal(500)
    expect(there.seen).to.deep.equal([])
    expect(there.errors).to.have.lengthOf(1)
    expect(String(there.errors[0])).to.match(/TypeError: .*read before the door/)
    // Nothing was there to be lost.
    expect((await pay(there, '')).status).to.equal(201)
  })

  for (const [what, meddle] of [
    ['takes a piece of it', takePiece],
    ['listens to it', (ctx: Context) => ctx.req.on('data', () => {})],
    ['has it made into text', (ctx: Context) => ctx.req.setEncoding('utf8')],
  ] as const) {
    it(`content is not taken for whole where something in front ${what}`, async () => {
      const front: Middleware = async (ctx, next) => {
        await meddle(ctx)
        await next()
      }
      const there = await site({ front: [front], see: ownBytes })
      for (const body of ['one', 'two']) {
        expect((await pay(there, body, BINARY_TYPE)).status).to.equal(500)
      }
      expect(there.seen).to.deep.equal([])
      expect(String(there.errors[0])).to.match(/TypeError: .*read before the door/)
    })
  }

  it('what a parser in front keeps as a value alone is enough', async () => {
    const bare: Middleware = async (ctx, next) => {
      Object.assign(ctx.request, { body: JSON.parse(String(await ownBytes(ctx))) })
      await next()
    }
    const there = await site({ front: [bare], see: parsedBody })
    expect((await pay(there, '{"a":1,"b":2}', JSON_TYPE)).status).to.equal(201)
    expect(isReplay(await pay(there, '{"b":2,"a":1}', JSON_TYPE))).to.equal(true)
    expect((await pay(there, '{"a":1}', JSON_TYPE)).status).to.equal(422)
  })

  it('a safe method passes, and nobody reads its content', async () => {
    const there = await site({ see: ownBytes, handle: ctx => (ctx.body = 'seen') })
    for (const method of ['GET', 'OPTIONS']) {
      const parts = { body: 'abc', headers: { 'Idempotency-Key': '"' } }
      expect((await ask(there, method, '/pay', parts)).status, method).to.equal(200)
    }
    expect(there.seen.map(String)).to.deep.equal(['abc', 'abc'])
  })
})

const NOT_DURABLE = { dangerouslyNotDurable: true }

async function http2Status(
  session: ClientHttp2Session,
  pieces: readonly string[],
  fields: Readonly<Record<string, string>>,
): Promise<number> {
  const stream = session.request({ ':method': 'POST', ':path': '/pay', ...fields })
  const answered = once(stream, 'response') as Promise<[{ ':status': number }]>
  for (const piece of pieces) {
    stream.write(piece)
    await turn()
  }
  stream.end()
  const [{ ':status': status }] = await answered
  stream.resume()
  return status
}

async function takePiece(ctx: Context): Promise<void> {
  await until(() => ctx.req.readableLength > 0, 'something is there')
  ctx.req.read(1)
}

async function flowing(ctx: Context): Promise<Buffer> {
  const chunks: Buffer[] = []
  ctx.req.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(ctx.req, 'end')
  return Buffer.concat(chunks)
}

async function pausing(ctx: Context): Promise<Buffer> {
  const chunks: Buffer[] = []
  ctx.req.on('readable', () => {
    for (let chunk = ctx.req.read(); chunk !== null; chunk = ctx.req.read()) chunks.push(chunk)
  })
  await once(ctx.req, 'end')
  return Buffer.concat(chunks)
}

async function formIn(ctx: Context): Promise<unknown> {
  const headers = { 'Content-Type': ctx.get('Content-Type') }
  const form = await new Response(new Uint8Array(await ownBytes(ctx)), { headers }).formData()
  return [form.get('note'), (form.get('file') as File).size]
}
