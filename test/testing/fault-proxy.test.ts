import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import {
  type Fault,
  type FaultProxy,
  type FaultProxyOptions,
  faultProxy,
} from '../../lib/testing/fault-proxy.js'
import { rawRequest, requestBytes, responseOf, slowly } from '../../lib/testing/raw-http.js'

const proxies: FaultProxy[] = []
const closers: (() => void)[] = []
const REQUEST = requestBytes({ method: 'POST', path: '/x', body: 'the body' })

/** A server that counts what it has run, and the connections that it has. */
class Backend {
  readonly bodies: string[] = []
  connections = 0
  readonly #server: Server
  port = 0

  constructor() {
    const http = createHttpServer((request, response) => {
      let body = ''
      request.setEncoding('utf8')
      request.on('data', chunk => {
        body += chunk
      })
      request.on('end', () => {
        this.bodies.push(body)
        response.end('the reply')
      })
    })
    http.on('connection', () => {
      this.connections += 1
    })
    this.#server = http
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    this.#server.close()
    if ('closeAllConnections' in this.#server) (this.#server.closeAllConnections as () => void)()
  }
}

describe('the fault proxy', () => {
  let backend: Backend
  let proxy: FaultProxy
  const send = (timeoutMs = 5_000) => rawRequest({ port: proxy.port, bytes: REQUEST, timeoutMs })
  const until = async (condition: () => boolean) => {
    const endMs = performance.now() + 3_000
    while (!condition()) {
      if (performance.now() > endMs) throw new Error('it did not come to that')
      await new Promise(setImmediate)
    }
  }

  beforeEach(async () => {
    backend = new Backend()
    await backend.start()
    proxy = await start({ target: { port: backend.port } })
  })

  afterEach(async () => {
    await Promise.all(proxies.splice(0).map(one => one.close()))
    for (const close of closers.splice(0)) close()
    backend.stop()
  })

  it('passes everything, and counts', async () => {
    const result = await send()
    expect(responseOf(result).body.toString()).to.equal('the reply')
    expect(backend.bodies).to.deep.equal(['the body'])
    expect(proxy.origin).to.equal(`http://127.0.0.1:${proxy.port}`)
    await until(() => proxy.counts.open === 0)
    expect(proxy.counts).to.deep.equal({
      connections: 1,
      open: 0,
      cut: 0,
      requestBytes: REQUEST.length,
      replyBytes: result.received.length,
      lostRequestBytes: 0,
      lostReplyBytes: 0,
      serverErrors: 0,
    })
  })

  it('passes several requests of one connection', async () => {
    const [first, second] = [await fetch(`${proxy.origin}/1`), await fetch(`${proxy.origin}/2`)]
    expect([await first.text(), await second.text()]).to.deep.equal(['the reply', 'the reply'])
  })

  it('passes megabytes, however slowly they are read', async () => {
    const size = 48_000_000
    const big = await listen(socket => {
      socket.end(Buffer.alloc(size, 'x'))
    })
    const through = await start({ target: { host: '127.0.0.1', port: big.port } })
    const client = connect(through.port, '127.0.0.1').pause()
    await until(() => through.counts.replyBytes > 100_000)
    let passed = 0
    while (passed < through.counts.replyBytes) {
      passed = through.counts.replyBytes
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    expect(passed).to.be.below(size)
    let read = 0
    client.on('data', chunk => {
      read += chunk.length
    })
    client.resume()
    await closed(client)
    expect(read).to.equal(size)
  })

  it('passes a half-close on, both ways', async () => {
    const echo = await listen(socket => {
      let text = ''
      socket.on('data', chunk => {
        text += chunk
      })
      socket.once('end', () => socket.end(`heard: ${text}`))
    })
    const through = await start({ target: { port: echo.port } })
    const client = connect({ port: through.port, host: '127.0.0.1', allowHalfOpen: true })
    client.end('hello')
    const [heard] = await once(client, 'data')
    expect(String(heard)).to.equal('heard: hello')
    await once(client, 'end')
    await until(() => through.counts.open === 0)
  })

  for (const reset of [false, true]) {
    const ended = reset ? 'reset' : 'closed'
    it(`drops the reply (${ended}): the server did its work, nobody hears`, async () => {
      await proxy.set({ kind: 'drop-reply', reset })
      const result = await send()
      expect(result).to.include({ ended, response: null })
      expect(result.received).to.have.length(0)
      expect(backend.bodies).to.deep.equal(['the body'])
      expect(proxy.counts).to.include({ cut: 1, replyBytes: 0, requestBytes: REQUEST.length })
      expect(proxy.counts.lostReplyBytes).to.be.above(0)
      await until(() => proxy.counts.open === 0)
    })

    it(`drops the request (${ended}): the server sees nothing`, async () => {
      await proxy.set({ kind: 'drop-request', quietMs: 5, reset })
      expect(await send()).to.include({ ended, response: null })
      expect(backend.connections).to.equal(0)
      expect(proxy.counts).to.include({ cut: 1, requestBytes: 0 })
      expect(proxy.counts.lostRequestBytes).to.equal(REQUEST.length)
      await until(() => proxy.counts.open === 0)
    })

    it(`cuts the reply after so many bytes (${ended})`, async () => {
      await proxy.set({ kind: 'cut', replyBytes: 17, reset })
      const result = await send()
      expect(result.received.toString()).to.equal('HTTP/1.1 200 OK\r\n')
      expect(result.ended).to.equal(ended)
      expect(backend.bodies).to.deep.equal(['the body'])
      expect(proxy.counts).to.include({ cut: 1, replyBytes: 17 })
    })
  }

  it('does not disturb a server whose reply is dropped', async () => {
    const log: string[] = []
    const streaming = await listen(socket => {
      socket.once('data', () => socket.write('first'))
      socket.once('end', () => {
        socket.end(Buffer.alloc(500_000), () => log.push('all sent'))
      })
      socket.on('error', error => log.push(String(error)))
      socket.once('close', hadError => log.push(`closed, error: ${hadError}`))
    })
    const through = await start({ target: { port: streaming.port }, fault: 'drop-reply' })
    expect(await rawRequest({ port: through.port })).to.include({ ended: 'closed' })
    await until(() => through.counts.open === 0)
    expect(log).to.deep.equal(['all sent', 'closed, error: false'])
    expect(through.counts.lostReplyBytes).to.equal(500_005)
  })

  it('waits for a slow request before it drops it', async () => {
    await proxy.set({ kind: 'drop-request', quietMs: 150 })
    const steps = slowly(REQUEST, Math.ceil(REQUEST.length / 4), 60)
    expect(await rawRequest({ port: proxy.port, steps })).to.include({ ended: 'closed' })
    expect(proxy.counts.lostRequestBytes).to.equal(REQUEST.length)
  })

  it('drops a request that ends before it begins', async () => {
    await proxy.set('drop-request')
    const steps = [{ leave: 'end' }] as const
    expect(await rawRequest({ port: proxy.port, steps })).to.include({ ended: 'closed' })
  })

  it('cuts the request after so many bytes', async () => {
    const seen: Buffer[] = []
    const server = await listen(socket => socket.on('data', chunk => seen.push(chunk)))
    const through = await start({ target: { port: server.port } })
    for (const requestBytes of [0, 1, REQUEST.length - 1, REQUEST.length]) {
      seen.length = 0
      await through.set({ kind: 'cut', requestBytes })
      const { ended } = await rawRequest({ port: through.port, bytes: REQUEST })
      expect(ended).to.be.oneOf(['closed', 'reset'])
      await until(() => through.counts.open === 0)
      await until(() => Buffer.concat(seen).length >= requestBytes)
      expect(Buffer.concat(seen)).to.deep.equal(REQUEST.subarray(0, requestBytes))
    }
    expect(through.counts.cut).to.equal(4)
  })

  it('counts from when the fault was set: the third reply of a connection is cut', async () => {
    const client = connect(proxy.port, '127.0.0.1')
    for (let count = 0; count < 2; count += 1) {
      client.write(REQUEST)
      await once(client, 'data')
    }
    await proxy.set({ kind: 'cut', replyBytes: 4 })
    client.write(REQUEST)
    const [last] = await once(client, 'data')
    expect(String(last)).to.equal('HTTP')
    await closed(client)
    expect(backend.bodies).to.have.length(3)
  })

  it('delays each way, in order', async () => {
    for (const fault of [{ requestMs: 60 }, { replyMs: 60 }, { requestMs: 30, replyMs: 30 }]) {
      await proxy.set({ kind: 'delay', ...fault })
      const started = performance.now()
      expect(responseOf(await send()).body.toString()).to.equal('the reply')
      expect(performance.now() - started).to.be.above(55)
    }
  })

  it('bytes do not overtake those that are delayed', async () => {
    const echo = await listen(socket => socket.pipe(socket))
    const through = await start({ target: { port: echo.port } })
    await through.set({ kind: 'delay', requestMs: 40 })
    const client = connect(through.port, '127.0.0.1')
    client.write('1')
    await until(() => through.counts.requestBytes === 1)
    await through.set('pass')
    client.end('2')
    let heard = ''
    client.on('data', chunk => {
      heard += chunk
    })
    await closed(client)
    expect(heard).to.equal('12')
  })

  it('[FALSE-4342] what is passed before a cut does not overtake what is delayed', async () => {
    let heard = ''
    let isEnded = false
    const sink = await listen(socket => {
      socket.once('end', () => {
        isEnded = true
      })
      socket.on('data', bytes => {
        heard += String(bytes)
      })
    })
    const through = await start({ target: { port: sink.port } })
    const client = connect(through.port, '127.0.0.1')
    client.on('error', () => {})
    await through.set({ kind: 'delay', requestMs: 60 })
    client.write('12')
    await until(() => through.counts.requestBytes === 2)
    await through.set({ kind: 'cut', requestBytes: 2 })
    client.write('3456')
    await until(() => isEnded)
    client.destroy()
    expect(heard).to.equal('1234')
  })

  it('half-open: accepts, and says nothing for ever', async () => {
    await proxy.set('half-open')
    expect(await send(50)).to.include({ ended: 'timeout', response: null })
    expect(backend.connections).to.equal(0)
    expect(proxy.counts).to.include({ cut: 0, lostRequestBytes: REQUEST.length })
  })

  it('half-open, once a connection is there: the reply never comes, nor does the end', async () => {
    const client = connect(proxy.port, '127.0.0.1')
    await until(() => backend.connections === 1)
    await proxy.set('half-open')
    client.end(REQUEST)
    await until(() => proxy.counts.lostRequestBytes === REQUEST.length)
    backend.stop()
    const gone = closed(client).then(() => 'gone')
    expect(await Promise.race([gone, new Promise(resolve => setTimeout(resolve, 30))])).to.equal(
      undefined,
    )
    client.destroy()
  })

  for (const kind of ['half-open', 'drop-request'] as const) {
    it(`[FALSE-4337] ${kind}: what has lost bytes passes none after them`, async () => {
      const seen: string[] = []
      const echo = await listen(socket => {
        socket.on('data', bytes => {
          seen.push(String(bytes))
          socket.write(bytes)
        })
      })
      const through = await start({ target: { port: echo.port } })
      const [sends, hears] = [
        connect(through.port, '127.0.0.1'),
        connect(through.port, '127.0.0.1'),
      ]
      hears.write('one')
      await once(hears, 'data')
      const heard: string[] = []
      for (const client of [sends, hears]) client.on('data', bytes => heard.push(String(bytes)))
      await through.set(kind === 'half-open' ? kind : { kind, quietMs: 10_000 })
      sends.write('two')
      await until(() => through.counts.lostRequestBytes === 3)
      await through.set('pass')
      sends.write('three')
      await until(() => through.counts.lostRequestBytes === 8)
      hears.write('four')
      await once(hears, 'data')
      expect([seen, heard]).to.deep.equal([['one', 'four'], ['four']])
      for (const client of [sends, hears]) client.destroy()
    })
  }

  it('refuses, keeps open connections, and comes back on the same port', async () => {
    const client = connect(proxy.port, '127.0.0.1')
    await until(() => backend.connections === 1)
    await proxy.set('refuse')
    expect(await send()).to.include({ ended: 'refused' })
    client.write(REQUEST)
    await once(client, 'data')
    await proxy.set('refuse')
    await proxy.set('pass')
    expect(responseOf(await send()).status).to.equal(200)
    client.destroy()
  })

  it('can begin with its port closed', async () => {
    const closed = await start({ target: { port: backend.port }, fault: 'refuse' })
    expect(await rawRequest({ port: closed.port })).to.include({ ended: 'refused' })
    await closed.set('pass')
    expect(responseOf(await rawRequest({ port: closed.port })).status).to.equal(200)
  })

  it('resets connections as they come', async () => {
    await proxy.set('reset')
    expect(await send()).to.include({ ended: 'reset' })
    expect(backend.connections).to.equal(0)
    expect(proxy.counts).to.include({ connections: 1, cut: 1 })
  })

  it('resets open connections at their next byte, from either side', async () => {
    const talker = await listen(socket => {
      socket.on('data', chunk => socket.write(chunk))
    })
    const through = await start({ target: { port: talker.port } })
    for (const way of ['request', 'reply'] as const) {
      await through.set(way === 'request' ? 'pass' : { kind: 'delay', requestMs: 20 })
      const client = connect(through.port, '127.0.0.1')
      await until(() => through.counts.open === 1)
      const reset = once(client, 'error')
      if (way === 'reply') {
        client.write('a')
        await until(() => through.counts.requestBytes === 1)
      }
      await through.set('reset')
      if (way === 'request') client.write('a')
      const [error] = await reset
      expect(error.code).to.equal('ECONNRESET')
      await until(() => through.counts.open === 0)
    }
  })

  it('gives the next connections their own faults, in order, and keeps them', async () => {
    proxy.next('drop-reply', { kind: 'reset' })
    await proxy.set('pass')
    const ends = [await send(), await send(), await send()].map(result => result.ended)
    expect(ends).to.deep.equal(['closed', 'reset', 'complete'])
    expect(backend.bodies).to.have.length(2)
    expect(() => proxy.next('refuse')).to.throw(TypeError)
  })

  for (const how of ['close', 'reset'] as const) {
    it(`cuts off all open connections by ${how}`, async () => {
      const clients = [connect(proxy.port, '127.0.0.1'), connect(proxy.port, '127.0.0.1')]
      const errors: string[] = []
      for (const client of clients) {
        client.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''))
      }
      await until(() => backend.connections === 2)
      const gone = Promise.all(clients.map(client => closed(client.resume())))
      expect(how === 'close' ? proxy.cutAll() : proxy.cutAll(how)).to.equal(2)
      await gone
      expect(errors).to.deep.equal(how === 'reset' ? ['ECONNRESET', 'ECONNRESET'] : [])
      expect(proxy.counts.cut).to.equal(2)
      await until(() => proxy.counts.open === 0)
      expect(proxy.cutAll()).to.equal(0)
    })
  }

  it('closes also while the resets of all connections are still under way', async () => {
    for (let round = 0; round < 20; round += 1) {
      const hasty = await faultProxy({ target: { port: backend.port } })
      const clients = Array.from({ length: 10 }, () => connect(hasty.port, '127.0.0.1'))
      for (const client of clients) client.on('error', () => {}).write(REQUEST.subarray(0, 20))
      await until(() => hasty.counts.open === 10 && hasty.counts.requestBytes >= 200)
      hasty.cutAll('reset')
      await hasty.close()
      for (const client of clients) client.destroy()
    }
  })

  it('passes on that the server is not there, and that a side was reset', async () => {
    backend.stop()
    expect(await send()).to.include({ ended: 'reset' })
    expect(proxy.counts).to.include({ serverErrors: 1, cut: 0 })
    const rude = await listen(socket => socket.once('data', () => socket.resetAndDestroy()))
    const through = await start({ target: { port: rude.port } })
    expect(await rawRequest({ port: through.port })).to.include({ ended: 'reset' })
    expect(through.counts).to.include({ serverErrors: 0, cut: 0 })
  })

  it('passes on that the client was reset', async () => {
    const seen: string[] = []
    const server = await listen(socket => {
      socket.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code ?? ''))
    })
    const through = await start({ target: { port: server.port } })
    const steps = [Buffer.from('a'), { pauseMs: 20 }, { leave: 'reset' }] as const
    await rawRequest({ port: through.port, steps })
    await until(() => seen.length === 1)
    expect(seen).to.deep.equal(['ECONNRESET'])
  })

  for (const kind of ['pass', 'half-open', 'drop-request', 'delay'] satisfies Fault['kind'][]) {
    it(`close leaves nothing open (${kind})`, async () => {
      await proxy.set(kind === 'delay' ? { kind, requestMs: 60_000, replyMs: 60_000 } : kind)
      const client = connect(proxy.port, '127.0.0.1')
      client.on('error', () => {})
      client.write(REQUEST.subarray(0, 20))
      await until(() => proxy.counts.open === 1)
      const gone = closed(client)
      await proxy.close()
      await gone
      expect(proxy.counts.open).to.equal(0)
      expect(await send()).to.include({ ended: 'refused' })
      await proxy.close()
    })
  }
})

async function start(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = await faultProxy(options)
  proxies.push(proxy)
  return proxy
}

async function listen(onSocket: (socket: Socket) => void): Promise<{ readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    closers.push(() => socket.destroy())
    onSocket(socket)
  })
  closers.push(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port }
}

/** Unlike `once`, does not reject for an error before it. */
function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()))
}
