/**
 * No error that a public client library throws frees an operation whose effect is elsewhere: it
 * tells what another server said. A table of real libraries against a server that really fails.
 */
import { createServer } from 'node:http'
import { createServer as createHttp2Server, connect as http2Connect } from 'node:http2'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import axios from 'axios'
import { expect } from 'chai'
import got from 'got'
import Koa, { type Context } from 'koa'
import ky from 'ky'
import pg from 'pg'
import { type Poe, poe } from 'post-once-exactly/koa'
import Stripe from 'stripe'
import { Agent, interceptors, request, fetch as undiciFetch } from 'undici'
import { openStore, type StoreKind } from '../support/stores.js'

const superagent = createRequire(import.meta.url)('superagent')

const STATUSES = [500, 502, 503, 504, 402, 409, 422] as const
const FAULTS = [...STATUSES, 'cut'] as const

/** Fails as its path says. */
const upstream = createServer((asked, answer) => {
  asked.resume()
  asked.on('end', () => {
    const status = Number(asked.headers.authorization?.split('_').at(-1) ?? asked.url?.slice(1))
    if (Number.isNaN(status)) return void asked.socket.destroy()
    answer.writeHead(status, { 'Content-Type': 'application/json', 'Retry-After': '1' })
    return void answer.end('{"error":{"message":"no","type":"card_error"}}')
  })
})

/** Every library, asked to POST to a URL of the server that fails. */
const LIBRARIES: Readonly<Record<string, (url: string, fault: string) => Promise<unknown>>> = {
  axios: url => axios.post(url, {}, { adapter: 'http' }),
  'axios with fetch': url => axios.post(url, {}, { adapter: 'fetch' }),
  got: url => got.post(url, { json: {}, retry: { limit: 0 } }),
  ky: url => ky.post(url, { json: {}, retry: 0 }),
  superagent: url => superagent.post(url).send({}),
  stripe: async (url, fault) => {
    const { hostname, port } = new URL(url)
    const options = { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 } as const
    const stripe = new Stripe(`sk_test_${fault}`, options)
    return await stripe.charges.create({ amount: 1, currency: 'eur' })
  },
  'undici request': url =>
    request(url, {
      method: 'POST',
      dispatcher: new Agent().compose(interceptors.responseError()),
    }),
  'undici fetch, a Response thrown': async url => {
    throw await undiciFetch(url, { method: 'POST' })
  },
  'in the style of the AWS SDK': async url => {
    const { status } = await fetch(url, { method: 'POST' })
    const $metadata = { httpStatusCode: status, attempts: 1 }
    const more = { $fault: 'server', $metadata, status, statusCode: status, expose: 'false' }
    throw Object.assign(new Error('UnknownError'), more)
  },
  'node-postgres': async url => {
    const { hostname, port } = new URL(url)
    const client = new pg.Client({ host: hostname, port: Number(port), user: 'nobody' })
    client.on('error', () => {})
    await client.connect()
  },
}

/** A way for a handler to say nothing that can be believed. */
interface Silence {
  readonly from: string
  /** What is answered. */
  readonly status: number
  fall(ctx: Context): unknown
}

/** What handlers say themselves that is no promise either. */
const OWN_SILENCES: readonly Silence[] = [500, 502, 504].flatMap(status => [
  { from: `thrown ${status}`, status, fall: ctx => ctx.throw(status) },
  {
    from: `set ${status}`,
    status,
    fall: ctx => {
      ctx.status = status
      ctx.body = 'somebody else did not answer'
    },
  },
])

async function collect(
  faults: readonly (typeof FAULTS)[number][],
  turn: number | undefined,
): Promise<readonly Silence[]> {
  const { port } = upstream.address() as AddressInfo
  const all: Silence[] = [
    ...OWN_SILENCES,
    { from: 'neither status nor body', status: 500, fall: () => {} },
  ]
  for (const [index, [library, post]] of Object.entries(LIBRARIES).entries()) {
    const one = turn === undefined ? undefined : faults[(index + turn) % faults.length]
    for (const fault of one === undefined ? faults : [one]) {
      const error: unknown = await post(`http://127.0.0.1:${port}/${fault}`, `${fault}`).then(
        () => {
          throw new TypeError(`${library} takes ${fault} for a success`)
        },
        thrown => thrown,
      )
      if (error instanceof TypeError && error.message.startsWith(library)) throw error
      const fall = () => {
        throw error
      }
      all.push({ from: `${library}, ${fault}`, status: 500, fall })
    }
  }
  return all
}

/** Sends a request and gives the status and `Location`. */
type Send = (
  method: string,
  path: string,
  fields?: Readonly<Record<string, string>>,
) => Promise<{ readonly status: number; readonly location: string }>

/** How an operation is named at each door; what is sent twice. */
const DOORS: Readonly<
  Record<string, (send: Send, id: string) => Promise<[string, string, Record<string, string>]>>
> = {
  'a POE link': async send => ['POST', (await send('GET', '/link/order')).location, {}],
  'a POE link, marked': async send => ['POST', (await send('GET', '/link/marked')).location, {}],
  idempotencyKey: async (_send, id) => ['POST', '/key', { 'idempotency-key': `"${id}"` }],
  'the profile repeatable-requests': async (_send, id) => [
    'POST',
    '/repeatable',
    {
      'repeatability-request-id': id,
      'repeatability-first-sent': new Date().toUTCString(),
    },
  ],
  replay: async (_send, id) => ['POST', '/replay', { 'x-id': id }],
  actions: async send => ['PUT', (await send('POST', '/actions')).location, {}],
  conditional: async (_send, id) => ['POST', `/things/${id}`, { 'if-match': '"v1"' }],
  detectDuplicates: async (_send, id) => ['POST', '/alike', { 'x-id': id }],
}

function mount(once: Poe<unknown>, router: Router, fail: (ctx: Context) => unknown): void {
  const handler = (ctx: unknown) => fail(ctx as Context)
  const lasting = { retentionMs: 86_400_000, dangerouslyNotDurable: true }
  router.get('/link/:name', ctx => {
    ctx.set('Location', ctx.poe.link(String(ctx.params.name)) ?? '')
    ctx.status = 204
  })
  once.resource(router, { name: 'order', path: '/orders/:token' }, handler)
  once.resource(router, { name: 'marked', path: '/marked/:token', marks: true }, async ctx => {
    await ctx.poe.pointOfNoReturn()
    return handler(ctx)
  })
  router.post('/key', once.idempotencyKey({ name: 'key', ...lasting }), handler)
  const profile = { name: 'repeatable', profile: 'repeatable-requests', ...lasting } as const
  router.post('/repeatable', once.idempotencyKey(profile), handler)
  const replay = once.replay({ name: 'replay', key: ctx => ctx.get('X-Id'), ...lasting })
  router.post('/replay', replay, handler)
  once.actions(router, '/actions', { name: 'action', do: handler })
  const validator = () => ({ etag: '"v1"' })
  router.post('/things/:id', once.conditional({ name: 'thing', validator }), handler)
  const identity = (ctx: Context) => ctx.get('X-Id')
  router.post('/alike', once.detectDuplicates({ name: 'a', identity, windowMs: 60_000 }), handler)
}

/** A server that speaks both protocols, with every door. */
interface Site {
  readonly open: Readonly<Record<'HTTP/1.1' | 'HTTP/2', () => { send: Send; close(): void }>>
  close(): Promise<void>
}

async function openSite(kind: StoreKind, fail: (ctx: Context) => unknown): Promise<Site> {
  const storage = await openStore(kind)
  const once = poe<unknown>({ store: storage.store, principal: () => 'guest' })
  const app = new Koa()
  app.silent = true
  const router = new Router()
  mount(once, router, fail)
  app.use(once.middleware()).use(router.routes())
  const one = createServer(app.callback())
  const two = createHttp2Server(app.callback())
  for (const server of [one, two]) {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  }
  return {
    open: { 'HTTP/1.1': () => http1(portOf(one)), 'HTTP/2': () => http2(portOf(two)) },
    async close() {
      one.closeAllConnections()
      one.close()
      two.close()
      await once.close()
      await storage.discard()
    },
  }
}

/**
 * Describes them.
 *
 * @param kind - of the store
 * @param protocol - of HTTP
 * @param faults - of the server that is asked; each where it is absent
 * @param turn - where each library is to meet one of them: which is the first one's
 */
export function describeErrors(
  kind: StoreKind,
  protocol: 'HTTP/1.1' | 'HTTP/2',
  faults: readonly (typeof FAULTS)[number][] = FAULTS,
  turn?: number,
): void {
  describe(`errors of client libraries, and other silences, on ${kind}`, function () {
    this.timeout(60_000)
    const runs = new Map<string, number>()
    let silences: readonly Silence[] = []
    let site: Site
    before(async () => {
      await new Promise<void>(resolve => upstream.listen(0, '127.0.0.1', resolve))
      silences = await collect(faults, turn)
      site = await openSite(kind, ctx => {
        const id = ctx.get('X-Thrown')
        runs.set(id, (runs.get(id) ?? 0) + 1)
        return silences[Number(id)]?.fall(ctx)
      })
    })
    after(async () => {
      upstream.closeAllConnections()
      upstream.close()
      await site?.close()
    })

    for (const [door, nameAt] of Object.entries(DOORS)) {
      it(`[FALSE-112] none frees ${door} over ${protocol}`, async () => {
        const { send, close } = site.open[protocol]()
        runs.clear()
        const freed: unknown[] = []
        for (const [at, { from, status }] of silences.entries()) {
          const [method, path, fields] = await nameAt(send, `${protocol.at(-1)}-${at}`)
          const all = { ...fields, 'x-thrown': String(at) }
          const statuses = []
          for (let time = 0; time < 2; time += 1) {
            statuses.push((await send(method, path, all)).status)
          }
          const seen = [...statuses, runs.get(String(at))].join()
          if (seen !== `${status},409,1`) freed.push([from, seen])
        }
        close()
        expect(freed).to.deep.equal([])
        const least = Object.keys(LIBRARIES).length * (turn === undefined ? faults.length : 1)
        expect(silences).to.have.lengthOf.above(least)
      })
    }
  })
}

function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port
}

function http1(port: number): { send: Send; close(): void } {
  return {
    send: async (method, path, fields = {}) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: fields })
      await answer.arrayBuffer()
      return { status: answer.status, location: answer.headers.get('Location') ?? '' }
    },
    close: () => {},
  }
}

function http2(port: number): { send: Send; close(): void } {
  const session = http2Connect(`http://127.0.0.1:${port}`)
  return {
    send: (method, path, fields = {}) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':method': method, ':path': path, ...fields })
        let answer = { status: 0, location: '' }
        stream.on('response', head => {
          answer = { status: Number(head[':status']), location: String(head.location ?? '') }
        })
        stream.on('error', reject)
        stream.on('close', () => resolve(answer))
        stream.resume()
        if (method !== 'GET') stream.end()
      }),
    close: () => session.close(),
  }
}
