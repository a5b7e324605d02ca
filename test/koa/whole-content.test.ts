/**
 * No prefix of a content is ever run: a request that is cut off at any byte has no effect, uses up
 * no name, and the whole one runs afterwards; at doors and at links, whoever reads the content.
 *
 * @see RFC 9112 8; RFC 9113 8.1; decision 0013
 */
import { createServer as createHttp1, type Server } from 'node:http'
import { createServer as createHttp2, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { expect } from 'chai'
import Koa, { type Context, type Middleware } from 'koa'
import { poe } from 'post-once-exactly/koa'
import { type CutRequest, cutOverHttp1, cutOverHttp2, ENDS, LEAVES } from '../support/cut-off.js'
import { until } from '../support/meeting.js'
import { INSTALLED_STORES, openStore, type StoreKind } from '../support/stores.js'

const CONTENT = Buffer.from('a=10')
const TYPE = { 'content-type': 'application/x-www-form-urlencoded' }
const READERS = ['parser in front', 'parser in the handler', 'its own', 'nobody'] as const
const DOORS = ['link', 'key', 'replay', 'conditional', 'action', 'duplicates'] as const

type Reader = (typeof READERS)[number]
type Door = (typeof DOORS)[number]

interface Site {
  readonly ports: { readonly http1: number; readonly http2: number }
  /** What handlers took for a request, and did. */
  readonly effects: string[]
  readonly started: () => number
  readonly atWork: () => number
  /** Makes a request that names itself, in a way of the door. */
  request(door: Door, reader: Reader, announced: boolean): Promise<CutRequest>
  close(): Promise<void>
}

describe('a content is whole or it is not run', function () {
  this.timeout(120_000)

  for (const kind of INSTALLED_STORES) {
    const every = Array.from({ length: CONTENT.length + 1 }, (_, index) => index)
    // The store has no part in it: a sample is enough where it takes longer.
    const cuts = { memory: every, sqlite: [0, 3], redis: [3], postgres: [3] }[kind]

    describe(kind, () => {
      let site: Site
      before(async () => {
        site = await startSite(kind)
      })
      after(() => site.close())

      for (const end of ENDS) {
        it(`[FALSE-201] HTTP/2, cut off at each byte by ${end}`, async () => {
          for (const bytes of cuts) {
            const requests = await everyRequest(site, [true, false])
            const seen = arrivals(site, requests.length)
            await cutOverHttp2(site.ports.http2, requests, bytes, end, seen)
            await settled(site, `${bytes} bytes, ${end}`)
            await runWhole(site, requests)
          }
        })
      }

      for (const leave of LEAVES) {
        it(`[FALSE-202] HTTP/1.1, cut off at each byte: ${leave}`, async () => {
          for (const bytes of cuts) {
            // Announced and all there, it is whole.
            const framings = bytes === CONTENT.length ? [false] : [true, false]
            const requests = await everyRequest(site, framings)
            const seen = arrivals(site, requests.length)
            const { http1 } = site.ports
            await Promise.all(requests.map(each => cutOverHttp1(http1, each, bytes, leave, seen)))
            await settled(site, `${bytes} bytes, ${leave}`)
            await runWhole(site, requests)
          }
        })
      }
    })
  }
})

async function everyRequest(site: Site, framings: readonly boolean[]): Promise<CutRequest[]> {
  const made = DOORS.flatMap(door =>
    // A handler that never reads its content depends on none of it, and is run at once.
    READERS.filter(reader => door !== 'link' || reader !== 'nobody').flatMap(reader =>
      framings.map(announced => site.request(door, reader, announced)),
    ),
  )
  return await Promise.all(made)
}

/** Waits until the application has begun with each of so many requests. */
function arrivals(site: Site, count: number): () => Promise<void> {
  const wanted = site.started() + count
  return async () => {
    await until(() => site.started() >= wanted, 'all have arrived', 20_000)
    // What was sent with the head gets its turn.
    await new Promise(done => setTimeout(done, 5))
  }
}

async function settled(site: Site, what: string): Promise<void> {
  await until(() => site.atWork() === 0, 'the application is done with them', 20_000)
  expect(site.effects, what).to.deep.equal([])
}

async function runWhole(site: Site, requests: readonly CutRequest[]): Promise<void> {
  const statuses = await Promise.all(
    requests.map(async ({ method, path, headers, content }) => {
      const to = `http://127.0.0.1:${site.ports.http1}${path}`
      const response = await fetch(to, { method, headers, body: new Uint8Array(content) })
      return `${path.replace(/\/[^/]{60,}$/, '')} ${response.status} ${await response.text()}`
    }),
  )
  const unlike = statuses.filter(each => !each.endsWith(' 201 done'))
  expect(unlike).to.deep.equal([])
  expect(site.effects.splice(0)).to.have.lengthOf(requests.length)
}

async function startSite(kind: StoreKind): Promise<Site> {
  const { store, discard } = await openStore(kind)
  const once = poe<unknown>({ store, principal: () => 'ann' })
  const app = new Koa()
  app.silent = true
  const router = new Router()
  const effects: string[] = []
  let started = 0
  let atWork = 0
  app.use(async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.path !== '/actions') started += 1
    atWork += 1
    try {
      await next()
    } finally {
      atWork -= 1
    }
  })
  app.use(once.middleware())
  for (const reader of READERS) addRoutes(router, once, reader, effects)
  app.use(router.routes())
  const callback = app.callback()
  const servers = [createHttp1(callback), createHttp2(callback)] as const
  for (const server of servers) {
    await new Promise<void>(done => server.listen(0, '127.0.0.1', () => done()))
  }
  const [http1, http2] = servers.map(server => (server.address() as AddressInfo).port)
  let count = 0
  const base = `http://127.0.0.1:${http1}`
  return {
    ports: { http1: Number(http1), http2: Number(http2) },
    effects,
    started: () => started,
    atWork: () => atWork,
    async request(door, reader, announced) {
      count += 1
      const place = `/${door}/${READERS.indexOf(reader)}`
      const headers = { ...TYPE, 'x-name': `"n${count}"` }
      const rest = { headers, content: CONTENT, announced }
      if (door === 'link') {
        return { method: 'POST', path: await (await fetch(base + place)).text(), ...rest }
      }
      if (door === 'action') {
        const response = await fetch(base + place, { method: 'POST' })
        const { action } = (await response.json()) as { action: string }
        started -= 1
        return { method: 'PUT', path: action, ...rest }
      }
      return { method: 'POST', path: place, ...rest, headers: { ...headers, ...NAMED[door] } }
    },
    async close() {
      for (const server of servers) closeServer(server)
      await once.close()
      await discard()
    },
  }
}

const NAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  conditional: { 'if-match': '"1"' },
}

function closeServer(server: Server | Http2Server): void {
  server.close()
  if ('closeAllConnections' in server) server.closeAllConnections()
}

function addRoutes(
  router: Router,
  once: ReturnType<typeof poe<unknown>>,
  reader: Reader,
  effects: string[],
): void {
  const index = READERS.indexOf(reader)
  const parse = bodyParser({ encoding: 'utf-8' }) as Middleware
  const front: Middleware[] = reader === 'parser in front' ? [parse] : []
  const act: Middleware = async ctx => {
    effects.push(await readBy(reader, ctx, parse))
    ctx.status = 201
    ctx.body = 'done'
  }
  const name = (ctx: Context) => ctx.get('X-Name')
  const kept = { retentionMs: 3_600_000, dangerouslyNotDurable: true }
  const resource = { name: `link${index}`, path: `/link/${index}/:token` }
  router.get(`/link/${index}`, ctx => {
    ctx.body = ctx.poe.link(resource.name)
  })
  once.resource(router, resource, ...(front as never[]), act as never)
  const posted = (door: Door, middleware: Middleware) => {
    router.post(`/${door}/${index}`, ...front, middleware, act)
  }
  posted('replay', once.replay({ name: `replay${index}`, key: name, ...kept }))
  router.post(
    `/key/${index}`,
    ...front,
    (ctx, next) => {
      ctx.headers['idempotency-key'] = name(ctx)
      return next()
    },
    once.idempotencyKey({ name: `key${index}`, ...kept }),
    act,
  )
  const validator = () => ({ etag: '"1"' })
  const target = (ctx: Context) => `${index} ${name(ctx)}`
  posted('conditional', once.conditional({ name: `if${index}`, validator, target }))
  const identity = { identity: name, windowMs: 3_600_000 }
  posted('duplicates', once.detectDuplicates({ name: `same${index}`, ...identity }))
  once.actions(router, `/action/${index}`, { name: `act${index}`, do: act as never }, ...front)
}

async function readBy(reader: Reader, ctx: Context, parse: Middleware): Promise<string> {
  if (reader === 'nobody') return 'unread'
  if (reader === 'its own') {
    let text = ''
    for await (const chunk of ctx.req) text += String(chunk)
    return text
  }
  if (reader === 'parser in the handler') await parse(ctx, async () => {})
  return JSON.stringify((ctx.request as { body?: unknown }).body)
}
