import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import {
  halfSent,
  type RawResult,
  rawRequest,
  releaseTogether,
  requestBytes,
  responseOf,
  slowly,
} from '../../lib/testing/raw-http.js'
import { fieldValues } from '../../lib/testing/raw-response.js'
import { BOUNDED_MS } from '../support/meeting.js'

const servers: Server[] = []
const sockets = new Set<Socket>()

async function start(server: Server): Promise<number> {
  servers.push(server)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const http = (listener: RequestListener) => start(createHttpServer(listener))
const tcp = (listener: (socket: Socket) => void) =>
  start(createServer({ allowHalfOpen: true }, listener))
const bodyOf = (result: RawResult) => responseOf(result).body.toString()

describe('the raw HTTP client', () => {
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
    for (const socket of sockets) socket.destroy()
  })

  it('sends a request by its parts and gives the answer as it came', async () => {
    const port = await http((request, response) => {
      response.setHeader('X-Two', ['1', '2'])
      request.pipe(response)
    })
    const result = await rawRequest({ port, method: 'POST', path: '/a?b', body: 'h\u00e9' })
    expect(bodyOf(result)).to.equal('h\u00e9')
    expect(result.response?.fields.map(field => field.line)).to.include.members([
      'X-Two: 1',
      'X-Two: 2',
    ])
    expect(result.received.toString('latin1')).to.match(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('sends bytes as they are', async () => {
    const port = await http((request, response) => response.end(request.rawHeaders.join('|')))
    const bytes = Buffer.from('GET / HTTP/1.1\r\nHoSt: x\r\nA: 1\r\nA: 2\r\n\r\n')
    expect(bodyOf(await rawRequest({ port, bytes }))).to.equal('HoSt|x|A|1|A|2')
  })

  it('decodes chunks and knows that HEAD has no content', async () => {
    const port = await http((request, response) => {
      if (request.method === 'HEAD') response.setHeader('Content-Length', 9)
      response.write('one,')
      setImmediate(() => response.end('two'))
    })
    expect(bodyOf(await rawRequest({ port }))).to.equal('one,two')
    const head = responseOf(await rawRequest({ port, method: 'HEAD' }))
    expect(fieldValues(head, 'content-length')).to.deep.equal(['9'])
    expect(head.body).to.have.length(0)
  })

  it('reads content that ends with the connection', async () => {
    const port = await tcp(socket => {
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'))
    })
    expect(bodyOf(await rawRequest({ port }))).to.equal('all of it')
  })

  it('sees the interim response to Expect, and the body that follows', async () => {
    const port = await http((request, response) => request.pipe(response))
    const head = requestBytes({
      method: 'POST',
      headers: { Expect: '100-continue', 'Content-Length': '2' },
    })
    const continues = { receivedBytes: 'HTTP/1.1 100 Continue\r\n\r\n'.length }
    const result = await rawRequest({ port, steps: [head, continues, Buffer.from('ok')] })
    expect(responseOf(result).interim).to.deep.equal([100])
    expect(bodyOf(result)).to.equal('ok')
  })

  it('leaves in the middle of an answer, once so much of it is there', async () => {
    const port = await tcp(socket => socket.once('data', () => socket.write('HTTP/1.1 200 OK')))
    const steps = [requestBytes({}), { receivedBytes: 8 }, { leave: 'destroy' }] as const
    const { ended, received } = await rawRequest({ port, steps })
    expect([ended, received.toString()]).to.deep.equal(['left', 'HTTP/1.1 200 OK'])
  })

  it('tells a close, a reset and a refusal from one another', async () => {
    const closing = await tcp(socket => socket.once('data', () => socket.end('HTTP/1.1 2')))
    const closed = await rawRequest({ port: closing })
    expect(closed).to.include({ ended: 'closed', response: null })
    expect(closed.received.toString()).to.equal('HTTP/1.1 2')
    const resetting = await tcp(socket => socket.once('data', () => socket.resetAndDestroy()))
    expect(await rawRequest({ port: resetting })).to.include({ ended: 'reset', response: null })
    const server = createServer()
    const port = await start(server)
    server.close()
    await once(server, 'close')
    expect(await rawRequest({ port })).to.include({ ended: 'refused', response: null })
  })

  it('gives what there is of a response that was cut off', async () => {
    const text = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf'
    const port = await tcp(socket => socket.once('data', () => socket.end(text)))
    const result = await rawRequest({ port })
    expect(result.ended).to.equal('closed')
    expect(result.response).to.include({ status: 200, complete: false })
    expect(() => responseOf(result)).to.throw(Error, /closed.*HTTP\/1\.1 200 OK/)
  })

  it('tells what is not HTTP', async () => {
    const port = await tcp(socket => socket.once('data', () => socket.write('220 hello\r\n\r\n')))
    expect(await rawRequest({ port })).to.include({ ended: 'malformed', response: null })
  })

  it('gives up in time, whatever it is waiting for', async () => {
    const port = await tcp(socket => socket.resume())
    const target = { port, timeoutMs: 30 }
    const started = performance.now()
    const results = [
      await rawRequest(target),
      await rawRequest({ ...target, steps: [{ pauseMs: 60_000 }] }),
      await rawRequest({ ...target, steps: [Buffer.from('GET'), { leave: 'end' }] }),
      ...(await releaseTogether({ ...target, requests: [requestBytes({})], holdMs: 60_000 })),
    ]
    expect(results.map(result => result.ended)).to.deep.equal(Array(4).fill('timeout'))
    expect(performance.now() - started).to.be.below(BOUNDED_MS)
  })

  it('gives up in time where the server does not read', async () => {
    const port = await tcp(socket => socket.pause())
    const result = await rawRequest({ port, bytes: Buffer.alloc(32_000_000), timeoutMs: 100 })
    expect(result.ended).to.equal('timeout')
  })

  for (const leave of ['end', 'destroy', 'reset'] as const) {
    it(`sends half a request and leaves by ${leave}`, async () => {
      let received = ''
      let error = ''
      let gone = () => {}
      const left = new Promise<void>(resolve => {
        gone = resolve
      })
      const port = await tcp(socket => {
        socket.on('data', chunk => {
          received += chunk
        })
        socket.on('error', (reason: NodeJS.ErrnoException) => {
          error = reason.code ?? ''
        })
        socket.once('end', () => socket.end())
        socket.once('close', () => gone())
      })
      const bytes = requestBytes({ method: 'POST', body: 'whole body' })
      const result = await rawRequest({ port, steps: halfSent(bytes, bytes.length - 5, leave) })
      await left
      expect(result.ended).to.equal(leave === 'end' ? 'closed' : 'left')
      expect(received).to.equal(bytes.subarray(0, -5).toString())
      expect(error).to.equal(leave === 'reset' ? 'ECONNRESET' : '')
    })
  }

  it('sends slowly', async () => {
    const sizes: number[] = []
    const port = await tcp(socket => {
      socket.on('data', chunk => {
        sizes.push(chunk.length)
        if (chunk.includes('!')) socket.end('HTTP/1.1 204 No Content\r\n\r\n')
      })
    })
    const steps = slowly(Buffer.from('0123456789!'), 4, 15)
    expect(steps).to.have.length(5)
    expect(responseOf(await rawRequest({ port, steps })).status).to.equal(204)
    expect(sizes).to.deep.equal([4, 4, 3])
    expect(() => slowly(Buffer.from('a'), 0, 1)).to.throw(RangeError)
  })

  it('stops sending once there is an answer', async () => {
    let received = 0
    const port = await tcp(socket => {
      socket.on('data', chunk => {
        received += chunk.length
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n')
      })
    })
    const steps = slowly(Buffer.alloc(1_000, 'x'), 1, 15)
    expect(responseOf(await rawRequest({ port, steps })).status).to.equal(413)
    expect(received).to.be.below(1_000)
  })

  it('writes requests by their parts', () => {
    const text = (parts: Parameters<typeof requestBytes>[0]) =>
      requestBytes(parts).toString('latin1')
    expect(text({})).to.equal('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    expect(
      text({
        headers: [
          ['a', '1'],
          ['a', '\u00fc'],
        ],
      }),
    ).to.equal('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\na: 1\r\na: \u00fc\r\n\r\n')
    expect(text({ headers: { HOST: 'h' }, body: '' })).to.equal(
      'GET / HTTP/1.1\r\nHOST: h\r\nContent-Length: 0\r\n\r\n',
    )
    expect(text({ headers: { 'Content-length': '9' }, body: 'a' })).not.to.include('h: 1')
    expect(text({ headers: { 'Transfer-Encoding': 'chunked' }, body: '0' })).not.to.include('h: 1')
    expect(text({ body: Uint8Array.of(0xff) })).to.match(/Content-Length: 1\r\n\r\n\xff$/)
  })
})

describe('releasing requests together', () => {
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
    for (const socket of sockets) socket.destroy()
  })

  it('completes no request before all are there, and then all at once', async () => {
    const requests = Array.from({ length: 20 }, (_, index) =>
      requestBytes({ method: 'POST', path: `/${index}`, body: `body ${index}` }),
    )
    let almost = 0
    let done = 0
    let early = 0
    const port = await tcp(socket => {
      let got = Buffer.alloc(0)
      socket.on('data', chunk => {
        got = Buffer.concat([got, chunk])
        const path = /^POST \/(\d+) /.exec(got.toString())?.[1] ?? ''
        const missing = (requests[Number(path)]?.length ?? 0) - got.length
        if (missing === 1) almost += 1
        if (missing !== 0) return
        done += 1
        if (almost < requests.length) early += 1
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
      })
    })
    const results = await releaseTogether({ port, requests, holdMs: 500 })
    expect({ almost, done, early }).to.deep.equal({ almost: 20, done: 20, early: 0 })
    expect(results.map(bodyOf)).to.deep.equal(requests.map((_, index) => String(index)))
  })

  it('lets a real server run all of them at the same time', async () => {
    let running = 0
    let most = 0
    const port = await http((request, response) => {
      request.resume()
      request.once('end', () => {
        running += 1
        most = Math.max(most, running)
        setTimeout(() => {
          running -= 1
          response.end('done')
        }, 50)
      })
    })
    const requests = Array.from({ length: 16 }, () => requestBytes({ method: 'POST', body: 'x' }))
    const results = await releaseTogether({ port, requests })
    expect(results.map(bodyOf)).to.deep.equal(Array(16).fill('done'))
    expect(most).to.equal(16)
  })

  it('one that is answered early, or cut off, does not hold the others up', async () => {
    const port = await tcp(socket => {
      socket.on('data', chunk => {
        const text = chunk.toString()
        if (text.includes('/early')) socket.write('HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n')
        if (text.includes('/cut')) socket.resetAndDestroy()
        if (text.endsWith('!')) socket.write('HTTP/1.1 204 X\r\n\r\n')
      })
    })
    const requests = ['/early', '/cut', '/fine'].map(path => requestBytes({ path, body: 'x!' }))
    const [early, cut, fine] = await releaseTogether({ port, requests })
    expect(early).to.deep.include({ ended: 'complete' })
    expect(early?.response?.status).to.equal(404)
    expect(cut).to.deep.include({ ended: 'reset' })
    expect(fine?.response?.status).to.equal(204)
  })

  it('tells refusals, and refuses empty requests', async () => {
    const server = createServer()
    const port = await start(server)
    server.close()
    await once(server, 'close')
    const results = await releaseTogether({ port, requests: [requestBytes({}), requestBytes({})] })
    expect(results.map(result => result.ended)).to.deep.equal(['refused', 'refused'])
    const empty = releaseTogether({ port, requests: [Buffer.alloc(0)] })
    expect(await empty.catch(error => error)).to.be.instanceOf(RangeError)
  })
})
