/**
 * Sends requests while V8 writes down each hidden class (map) that it makes: to be started by
 * `node --log-maps --logfile=<file> <program> <kind> <count>`, `client` for the client's sends,
 * else a store; so many of each path. Between two marks in the log, properties that nobody else
 * has, stand the requests of one path; the log is whole when the process has ended.
 */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Middleware } from 'koa'
import { createClient } from 'post-once-exactly/client'
import { poe } from 'post-once-exactly/koa'
import { endAll } from './servers/programs.js'
import { openStore, type StoreKind } from './stores.js'

/** Until all is compiled that ever is, nearly. */
const WARM = 150

type Ask = () => Promise<unknown>

const [kind, counted] = process.argv.slice(2)
await (kind === 'client' ? ofClient() : ofServer(kind as StoreKind))
await endAll()
process.exit()

/** @param prepare - makes what is asked, before anything is counted */
async function count(name: string, prepare: (count: number) => Promise<readonly Ask[]>) {
  for (const ask of await prepare(WARM)) await ask()
  const asks = await prepare(Number(counted))
  mark(`begin-${name}`)
  for (const ask of asks) await ask()
  mark(`end-${name}`)
}

/** A new property is a new class, and the log names it. */
function mark(name: string): void {
  Reflect.set({}, `mark-${name}`, true)
}

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function ofServer(store: StoreKind): Promise<void> {
  const app = new Koa()
  const send = await openWire(await listen(register(app, (await openStore(store)).store)))
  const repeat = (ask: Ask) => async (times: number) => new Array<Ask>(times).fill(ask)
  let named = 0
  const fresh = (ask: (name: string) => Promise<unknown>) =>
    repeat(() => {
      named += 1
      return ask(`n-${named}`)
    })
  /** Once or twice at each of as many links. */
  const links = (resource: string, method: string, isUsed: boolean) => async (times: number) => {
    const found: Ask[] = []
    for (let made = 0; made < times; made += 1) {
      const link = await send('GET', `/link/${resource}`)
      if (isUsed) await send(resource === 'order' ? 'POST' : 'PUT', link, '{"a":1}')
      found.push(() => send(method, link, '{"a":1}'))
    }
    return found
  }
  await count(
    'bare',
    repeat(() => send('POST', '/bare', '{"a":1}', 'X-Name: a')),
  )
  await count(
    'planted',
    repeat(() => send('POST', '/planted')),
  )
  await count(
    'page',
    repeat(() => send('GET', '/link/order')),
  )
  await count('first', links('order', 'POST', false))
  await count('reuse', links('order', 'POST', true))
  await count('result', links('order', 'GET', true))
  await count(
    'forged',
    repeat(() => send('POST', `/orders/1${'A'.repeat(68)}`, '{"a":1}')),
  )
  await count(
    'key',
    fresh(name => send('POST', '/keys', '{"a":1}', `Idempotency-Key: "${name}"`)),
  )
  const again = 'Idempotency-Key: "again"'
  await count(
    'replay',
    repeat(() => send('POST', '/keys', '{"a":1}', again)),
  )
  await count(
    'other',
    repeat(() => send('POST', '/keys', '{"a":2}', again)),
  )
  await count('action', links('act', 'PUT', false))
  await count('again', links('act', 'PUT', true))
  await count(
    'condition',
    fresh(name => send('POST', `/stock/${name}`, '{"a":1}', 'If-Match: "1"')),
  )
  await count(
    'failed',
    fresh(name => send('POST', `/stock/${name}`, '{"a":1}', 'If-Match: "2"')),
  )
  await count(
    'duplicate',
    repeat(() => send('POST', '/same', '{"a":1}')),
  )
}

function register(app: Koa, store: Parameters<typeof poe>[0]['store']): RequestListener {
  const guarded = poe({ store, principal: () => 'guest' })
  const router = new Router()
  const place: Middleware = ctx => {
    ctx.status = 201
    ctx.body = { placed: true }
  }
  const kept = { retentionMs: 60_000, dangerouslyNotDurable: true }
  app.use(bodyParser()).use(guarded.middleware())
  router.get('/link/:name', ctx => {
    ctx.body = ctx.poe.link(ctx.params.name ?? '') ?? ''
  })
  router.post('/bare', place)
  router.post('/planted', async (ctx, next) => {
    // What has a prototype of its own has a class of its own.
    ctx.state.planted = Object.create({ own: ctx.path })
    await place(ctx as never, next)
  })
  router.post('/keys', guarded.idempotencyKey({ name: 'pay', ...kept }), place)
  guarded.resource(router, { name: 'order', path: '/orders/:token' }, place as never)
  guarded.actions(router, '/acts', { name: 'act', do: ctx => place(ctx as never, async () => {}) })
  const validator = () => ({ etag: '"1"' })
  router.post('/stock/:name', guarded.conditional({ name: 'stock', validator }), place)
  const identity = () => 'same'
  router.post('/same', guarded.detectDuplicates({ name: 'dup', windowMs: 60_000, identity }), place)
  app.use(router.routes())
  return app.callback()
}

/** One connection and one request at a time, without Node's client: that makes some of its own. */
async function openWire(port: number) {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  await once(socket, 'connect')
  let received = ''
  let take: (body: string) => void = () => {}
  socket.on('data', (chunk: string) => {
    received += chunk
    const end = received.indexOf('\r\n\r\n') + 4
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
    if (end < 4 || received.length < end + length) return
    const body = received.slice(end)
    received = ''
    take(body)
  })
  return (method: string, path: string, content = '', field = 'Accept: */*') =>
    new Promise<string>(resolve => {
      take = resolve
      const type = 'Content-Type: application/json'
      const head = content === '' ? '' : `${type}\r\nContent-Length: ${content.length}\r\n`
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: here\r\n${field}\r\n${head}\r\n${content}`)
    })
}

async function ofClient(): Promise<void> {
  const port = await listen((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(201, { Allow: 'GET', Location: '/orders/1' }).end('{"a":1}')
    })
  })
  const client = createClient()
  let sent = 0
  const sends = (ask: (url: string) => Promise<unknown>) => async (times: number) =>
    Array.from({ length: times }, () => () => {
      sent += 1
      return ask(`http://127.0.0.1:${port}/${sent}`)
    })
  const headers = { accept: 'application/json' }
  const init = { method: 'POST', body: '{"a":1}', headers, redirect: 'manual' } as const
  await count(
    'fetch',
    sends(async url => {
      const { signal } = new AbortController()
      return await (await fetch(url, { ...init, signal })).arrayBuffer()
    }),
  )
  await count(
    'post',
    sends(async url => {
      return await (await client.post(url, '{"a":1}', { headers })).json()
    }),
  )
  await count(
    'keyed',
    sends(async url => {
      const options = { headers, idempotencyKey: true } as const
      return await (await client.post(url, '{"a":1}', options)).json()
    }),
  )
}
