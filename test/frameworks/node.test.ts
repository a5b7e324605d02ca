/**
 * Handlers on node:http: in which ways they answer, fail and are left, and what of it is recorded.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, createServer as createServer2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import express, { type NextFunction, type Response as Reply, type Request } from 'express'
import createError from 'http-errors'
import { anyone, type NodeHandler, type NodeOnce, poe } from 'post-once-exactly/node'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { aroundStore } from '../support/around-store.js'
import { type Answer, ask } from '../support/ask.js'
import { latch, until } from '../support/meeting.js'

const BYTES = Buffer.from([0, 255, 10, 13, 128])
const open: Server[] = []

afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server with one resource, and with a page that hands out its link. */
async function serve(handler: NodeHandler, options: object = {}) {
  const errors: unknown[] = []
  const once = poe({
    store: memoryStore(),
    principal: anyone,
    onError: error => errors.push(error),
    ...(options as object),
  })
  once.resource({ name: 'order', path: '/once/:token', ...resourceOf(options) }, handler)
  const listener = once.handler((_request, response, links) => {
    response.end(links.link('order'))
  })
  const port = await listen(createServer(listener))
  return { once, port, errors, link: (await ask({ port }, 'GET', '/')).text }
}

/** Options of the resource are given beside those of `poe()`. */
function resourceOf(options: object): object {
  const { resource = {} } = options as { resource?: object }
  Reflect.deleteProperty(options, 'resource')
  return resource
}

async function listen(server: Server): Promise<number> {
  open.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** In which ways a handler may answer, and what the client then gets. */
const ANSWERS: Readonly<
  Record<string, [handler: NodeHandler, status: number, body: Buffer | string, type: string | null]>
> = {
  'end() with text': [
    (_, response) => void response.setHeader('Content-Type', 'text/plain').end('done'),
    ...([200, 'done', 'text/plain'] as const),
  ],
  'end() with bytes': [(_, response) => void response.end(BYTES), 200, BYTES, null],
  'end() with an encoding': [
    (_, response) => void response.end('00ff', 'hex'),
    200,
    Buffer.from([0, 255]),
    null,
  ],
  'nothing but a status': [
    (_, response) => {
      response.statusCode = 201
      response.end()
    },
    ...([201, '', null] as const),
  ],
  'writeHead() with fields': [
    (_, response) =>
      void response.writeHead(201, { 'Content-Type': 'a/b', Location: '/x' }).end('x'),
    ...([201, 'x', 'a/b'] as const),
  ],
  '[FALSE-4302] writeHead(), and another status after it': [
    (_, response) => {
      response.writeHead(201)
      response.statusCode = 503
      response.end('x')
    },
    ...([201, 'x', null] as const),
  ],
  'writeHead() with fields in a list': [
    (_, response) => void response.writeHead(202, ['Content-Type', 'a/b']).end('x'),
    ...([202, 'x', 'a/b'] as const),
  ],
  'a later callback': [
    (_, response) => void setTimeout(() => response.end('later'), 5),
    ...([200, 'later', null] as const),
  ],
  'several writes': [
    async (_, response) => {
      response.write('one ')
      await pause(5)
      response.end('two')
    },
    ...([200, 'one two', null] as const),
  ],
  'a stream that is piped': [
    (_, response) => void Readable.from(['a', 'b']).pipe(response),
    ...([200, 'ab', null] as const),
  ],
  'a pipeline that is waited for, larger than any buffer': [
    (_, response) => pipeline(Readable.from(Array(20).fill(Buffer.alloc(9_999, 'x'))), response),
    ...([200, 'x'.repeat(199_980), null] as const),
  ],
  'flushHeaders() first': [
    (_, response) => {
      response.flushHeaders()
      response.end('after')
    },
    ...([200, 'after', null] as const),
  ],
  'a framing of its own': [
    (_, response) => void response.writeHead(200, { 'Transfer-Encoding': 'chunked' }).end('x'),
    ...([200, 'x', null] as const),
  ],
  'a 204 with a type': [
    (_, response) => void response.writeHead(204, { 'Content-Type': 'a/b' }).end(),
    ...([204, '', null] as const),
  ],
}

describe('a handler on node:http', () => {
  for (const [how, [handler, status, body, type]] of Object.entries(ANSWERS)) {
    it(`answers by ${how}: sent and recorded as it was said`, async () => {
      const { port, link, errors } = await serve(handler)
      const first = await ask({ port }, 'POST', link)
      expect(errors).to.deep.equal([])
      expectAnswer(first, status, body, type)
      expect((await ask({ port }, 'POST', link)).status).to.equal(405)
      const shown = await ask({ port }, 'GET', link)
      const isEmpty = body.length === 0 && status !== 204 && status !== 200
      if (!isEmpty) expectAnswer(shown, status === 204 ? 204 : 200, body, type)
    })
  }

  it('[POE-2-9] gives each cookie its line, and records none', async () => {
    const { port, link } = await serve((_, response) => {
      response.setHeader('Set-Cookie', ['a=1', 'b=2'])
      response.end('x')
    })
    const { headers } = await fetch(`http://127.0.0.1:${port}${link}`, { method: 'POST' })
    expect(headers.getSetCookie()).to.deep.equal(['a=1', 'b=2'])
    expect((await ask({ port }, 'GET', link)).field('Set-Cookie')).to.equal(null)
  })

  it('has the parameters of the path, and its key', async () => {
    const { port, once } = await serve(() => {})
    once.resource({ name: 'seat', path: '/shows/:show/:token' }, (_, response, links) => {
      response.end(`${links.params.show} ${links.key.length > 10}`)
    })
    const link = await linkOf(once, 'seat', { show: 'a b' })
    expect((await ask({ port }, 'POST', link)).text).to.equal('a b true')
  })
})

function expectAnswer(answer: Answer, status: number, body: Buffer | string, type: string | null) {
  expect(answer.status).to.equal(status)
  expect(answer.body.equals(Buffer.from(body))).to.equal(true)
  expect(answer.field('Content-Type')).to.equal(type)
  // RFC 9112 6.2: never both.
  const framings = ['Content-Length', 'Transfer-Encoding'].map(name => answer.field(name))
  expect(framings).to.include(null)
}

/** A link without a page. */
async function linkOf(once: NodeOnce, name: string, params: Record<string, string>) {
  const listener = once.handler((_request, response, links) => {
    response.end(links.link(name, params))
  })
  return (await ask({ port: await listen(createServer(listener)) }, 'GET', '/')).text
}

/** In which ways a handler may fail: what is answered, what state the link has, what is told. */
const FAILURES: Readonly<Record<string, [NodeHandler, number, 'free' | 'held', told: number]>> = {
  'answers 422': [(_, response) => void response.writeHead(422).end('no'), 422, 'free', 0],
  'throws a 403': [() => Promise.reject(createError(403, 'no')), 403, 'free', 1],
  'throws at once': [
    () => {
      throw new Error('a surprise')
    },
    ...([500, 'held', 1] as const),
  ],
  'throws after end()': [
    async (_, response) => {
      response.end('done')
      throw new Error('a surprise')
    },
    ...([500, 'held', 1] as const),
  ],
  'destroys its response': [(_, response) => void response.destroy(), 500, 'held', 1],
  'throws what is no error': [() => Promise.reject(new Date(0)), 500, 'held', 1],
  'sets what is no field': [
    (_, response) => void response.setHeader('a b', 'c'),
    ...([500, 'held', 1] as const),
  ],
}

describe('a handler on node:http that fails', () => {
  for (const [how, [handler, status, state, told]] of Object.entries(FAILURES)) {
    it(`${how}: ${status}, and the link is ${state}`, async () => {
      const { port, link, errors } = await serve(handler)
      const { status: answered, allow, field } = await ask({ port }, 'POST', link)
      expect(answered).to.equal(status)
      expect(allow).to.deep.equal(state === 'free' ? ['OPTIONS', 'POST'] : ['OPTIONS'])
      expect(field('Cache-Control')).to.equal('no-store')
      expect(errors).to.have.lengthOf(told)
    })
  }

  it('[POE-2-7] breaks its content off: so does the answer, and no half is kept', async () => {
    const { port, link } = await serve(async (_, response) => {
      response.write('half')
      await pause(20)
      throw new Error('a surprise')
    })
    const whole = fetch(`http://127.0.0.1:${port}${link}`, { method: 'POST' }).then(each =>
      each.text(),
    )
    expect(await whole.catch(() => 'broken')).to.equal('broken')
    const { status, text } = await ask({ port }, 'GET', link)
    expect([status, text.includes('half')]).to.deep.equal([410, false])
  })

  it('answers too much to keep: it is sent whole, and told as not kept', async () => {
    const { port, link } = await serve((_, response) => void response.end('x'.repeat(999)), {
      bodyLimitBytes: 100,
    })
    expect((await ask({ port }, 'POST', link)).body).to.have.lengthOf(999)
    expect((await ask({ port }, 'GET', link)).status).to.equal(410)
  })

  it('outlives its client: the work counts', async () => {
    const door = latch()
    let entered = 0
    const { port, link } = await serve(async (_, response) => {
      entered += 1
      await door.opened
      response.end('done')
    })
    const left = new AbortController()
    const lost = fetch(`http://127.0.0.1:${port}${link}`, { method: 'POST', signal: left.signal })
    lost.catch(() => {})
    await until(() => entered === 1, 'the handler')
    left.abort()
    door.open()
    await until(async () => (await ask({ port }, 'GET', link)).text === 'done', 'the result')
    expect(entered).to.equal(1)
  })
})

describe('a client that leaves', () => {
  it('[POE-2-22] after all was sent, while the store is asked: the work counts', async () => {
    const left = new AbortController()
    const store = aroundStore(memoryStore(), async (method, _key, call) => {
      if (method === 'claim') {
        await pause(30)
        left.abort()
        await pause(30)
      }
      return await call()
    })
    const orders: string[] = []
    const { port, link } = await serve(
      async (request, response) => {
        orders.push(await text(request))
        response.end('done')
      },
      { store },
    )
    const { signal } = left
    const lost = fetch(`http://127.0.0.1:${port}${link}`, { method: 'POST', body: 'tea', signal })
    await lost.catch(() => {})
    await until(() => orders.length === 1, 'the order')
    expect(orders).to.deep.equal(['tea'])
    expect((await ask({ port }, 'POST', link)).status).to.equal(405)
  })
})

describe('node:http around the doors', () => {
  it('a page that throws is answered with 500, and told', async () => {
    const { once, errors } = await serve(() => {})
    const listener = once.handler(() => Promise.reject(new Error('a page')))
    expect((await ask({ port: await listen(createServer(listener)) }, 'GET', '/')).status).to.equal(
      500,
    )
    expect(errors).to.have.lengthOf(1)
  })

  it('404 where there is nobody', async () => {
    const { once } = await serve(() => {})
    const port = await listen(createServer(once.handler()))
    expect((await ask({ port }, 'GET', '/other')).status).to.equal(404)
  })

  it('HTTP/2: a link works once', async () => {
    const once = poe({ store: memoryStore(), principal: anyone })
    once.resource({ name: 'order', path: '/once/:token' }, (request, response) => {
      response.end(`over ${request.httpVersion}`)
    })
    const listener = once.handler((_request, response, links) => {
      response.end(links.link('order'))
    })
    const server = createServer2((request, response) => {
      void listener(request as unknown as IncomingMessage, response as unknown as ServerResponse)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const call = async (method: string, path: string) => {
      const stream = client.request({ ':method': method, ':path': path })
      let status = 0
      stream.on('response', fields => (status = Number(fields[':status'])))
      const chunks = await stream.setEncoding('utf8').end().toArray()
      return [status, chunks.join('')] as const
    }
    const [, link] = await call('GET', '/')
    expect(await call('POST', link)).to.deep.equal([200, 'over 2.0'])
    expect((await call('POST', link))[0]).to.equal(405)
    expect(await call('GET', link)).to.deep.equal([200, 'over 2.0'])
    client.close()
    server.close()
  })

  it('a condition is passed inside a resource: the link tells what happened', async () => {
    let version = 1
    const { once } = await serve(() => {})
    const guarded = once.conditional(
      { name: 'page', required: true, validator: () => ({ etag: `"${version}"` }) },
      (_request, response) => {
        version += 1
        response.end('saved')
      },
    )
    once.resource({ name: 'save', path: '/saves/:token' }, guarded)
    const link = await linkOf(once, 'save', {})
    const port = await listen(createServer(once.handler()))
    const save = (etag: string) => ask({ port }, 'POST', link, { headers: { 'If-Match': etag } })
    expect((await save('"0"')).status).to.equal(412)
    expect((await save('"1"')).text).to.equal('saved')
    expect((await save('"2"')).status).to.equal(405)
    expect(version).to.equal(2)
  })

  it('mints, sends on, publishes its rules, and refuses what it does not offer', async () => {
    const { once } = await serve((_, response) => void response.end('x'))
    once.mintEndpoint({ path: '/links', resource: 'order' })
    once.entryPoint({ path: '/orders', resource: 'order' })
    once.policy('/policy')
    once.idempotencyKey({ name: 'pay', retentionMs: 1_000, dangerouslyNotDurable: true }, () => {})
    const plain = once.refuseRepeatability({}, (_, response) => void response.end('plain'))
    const port = await listen(createServer(once.handler((req, res) => plain(req, res))))
    expect((await ask({ port }, 'POST', '/links')).status).to.equal(201)
    expect((await ask({ port }, 'POST', '/orders')).status).to.equal(307)
    expect((await ask({ port }, 'GET', '/policy')).text).to.include('"operation": "pay"')
    expect((await ask({ port }, 'POST', '/')).text).to.equal('plain')
    const headers = { 'Repeatability-Request-ID': 'x', 'Repeatability-First-Sent': 'y' }
    expect((await ask({ port }, 'POST', '/', { headers })).status).to.equal(501)
  })
})

describe('Express', () => {
  function application(handler: (request: Request, response: Reply) => unknown) {
    const told: unknown[] = []
    const once = poe({ store: memoryStore(), principal: anyone })
    once.resource({ name: 'order', path: '/once/:token' }, handler)
    const app = express()
    app.use((_request, response, next) => {
      response.locals.user = 'ann'
      response.setHeader('X-Before', 'yes')
      next()
    })
    app.use(express.json())
    const shop = express.Router()
    shop.use(once.middleware())
    shop.get('/', (request, response) => void response.send(once.link(request, 'order')))
    const pages = express.Router()
    pages.get('/', (request, response) => void response.send(once.link(request, 'order')))
    shop.use('/pages', pages)
    app.use('/shop', shop)
    app.use((error: Error, _request: Request, response: Reply, _next: NextFunction) => {
      told.push(error)
      // Later: nobody else may have answered by then.
      setTimeout(() => response.status(500).send('a page of errors'), 5)
    })
    return { app, told, once }
  }

  it('[FALSE-4445] spellings that are one route are one target of a condition', async () => {
    const { app, once } = application(() => {})
    let changes = 0
    const gate = latch()
    const door = once.conditional(
      { name: 'thing', validator: () => ({ etag: `"${changes}"` }) },
      async (_request, response) => {
        await gate.opened
        changes += 1
        response.end('done')
      },
    )
    app.put('/things/:id', door)
    const port = await listen(createServer(app))
    const headers = { 'If-Match': '"0"' }
    const all = ['/things/1', '/Things/1/', '/things/%31'].map(path =>
      ask({ port }, 'PUT', path, { headers }),
    )
    await pause(50)
    gate.open()
    const statuses = (await Promise.all(all)).map(({ status }) => status)
    expect([statuses.sort(), changes]).to.deep.equal([[200, 412, 412], 1])
  })

  it('has its own request and response, below a mount', async () => {
    const { app } = application((request, response) => {
      response
        .status(201)
        .location('/shop/1')
        .json({ by: response.locals.user, ...request.body })
    })
    const port = await listen(createServer(app))
    for (const page of ['/shop', '/shop/pages']) {
      const { text: link } = await ask({ port }, 'GET', page)
      expect(link).to.match(/^\/shop\/once\//)
      const headers = { 'Content-Type': 'application/json' }
      const first = await ask({ port }, 'POST', link, { body: '{"sku":"tea"}', headers })
      expect([first.status, first.field('Location')]).to.deep.equal([201, '/shop/1'])
      expect(first.json()).to.deep.equal({ by: 'ann', sku: 'tea' })
      expect(first.field('X-Before')).to.equal('yes')
      const other = await ask({ port }, 'POST', link, { body: '{"sku":"x"}', headers })
      expect(other.json()).to.include({ status: 405, payloadMatches: false })
    }
  })

  it('gets what a handler throws, and its page has the fields of the link', async () => {
    const { app, told } = application(() => Promise.reject(new Error('a surprise')))
    const port = await listen(createServer(app))
    const { text: link } = await ask({ port }, 'GET', '/shop')
    const answer = await ask({ port }, 'POST', link)
    expect([answer.status, answer.text]).to.deep.equal([500, 'a page of errors'])
    expect([answer.allow, answer.field('Cache-Control')]).to.deep.equal([['OPTIONS'], 'no-store'])
    expect(told.map(String)).to.deep.equal(['Error: a surprise'])
    expect((await ask({ port }, 'POST', link)).status).to.equal(409)
  })

  it('serves what is for nobody here', async () => {
    const { app, once } = application(() => {})
    app.get('/other', (_request, response) => void response.send('other'))
    app.post(
      '/keys',
      once.idempotencyKey(
        { name: 'k', retentionMs: 1_000, required: false, dangerouslyNotDurable: true },
        (_, response) => void response.end('k'),
      ),
    )
    const port = await listen(createServer(app))
    expect((await ask({ port }, 'GET', '/other')).text).to.equal('other')
    expect((await ask({ port }, 'POST', '/shop/once/none')).status).to.equal(404)
    expect((await ask({ port }, 'POST', '/keys')).text).to.equal('k')
  })

  it('a page without the middleware is told by name', async () => {
    const { once } = application(() => {})
    const app = express()
    let told = ''
    app.get('/', (request, response) => {
      try {
        once.link(request, 'order')
      } catch (error) {
        told = String(error)
      }
      response.end()
    })
    await ask({ port: await listen(createServer(app)) }, 'GET', '/')
    expect(told).to.match(/TypeError: once\.link\(\) needs .*once\.middleware\(\)/)
  })
})
