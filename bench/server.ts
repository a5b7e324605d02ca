/**
 * One application to be measured, as a process of its own. Its parent says which, and asks over IPC
 * what a span of time has cost it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { Session } from 'node:inspector/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GCProfiler, getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import express from 'express'
import Koa, { type Context, type Middleware } from 'koa'
import pg from 'pg'
import type { Store } from '../lib/engine/store.js'
import type { PoeOptions } from '../lib/koa/options.js'
import type { Poe } from '../lib/koa/poe.js'
import * as hand from './by-hand.js'
import { type Peer, peerOf } from './peers.js'
import { type App, isOurs, isPeer } from './rows.js'

/** What the parent says. */
export interface Start {
  readonly app: App
  /** Where the compiled library is. */
  readonly dist: string
  /** Where other packages are installed. */
  readonly peers: string
  readonly redisUrl: string
  readonly postgresUrl: string
  /** How long links live and are remembered after that, in milliseconds; an hour and a day else. */
  readonly keptMs?: number | undefined
}

/** What a span of time has cost the process. */
export interface Spent {
  readonly cpuUs: number
  readonly allocatedBytes: number
  /** What came into old space, whether by surviving or at once (hidden classes do). */
  readonly promotedBytes: number
  readonly collections: number
  readonly collectionUs: number
  /** What the process has of memory, at the end of the span. */
  readonly rssBytes: number
  /** Timers, sockets and the like, at the end of the span. */
  readonly handles: number
}

const MANY = 50_000_000
const PURGE_MS = 2_000
const NOTE = 'x'.repeat(110)
const PAGE = `<!doctype html><title>basket</title><p>${'text '.repeat(40)}</p>`
const given = JSON.parse(process.argv[2] ?? '{}') as Start
const folder = mkdtempSync(join(tmpdir(), 'poe-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const end of ['disconnect', 'SIGTERM'] as const) process.on(end, () => process.exit(0))

let count = 0

/** The handler that all have: an order of what was sent. */
function order(sku: string): { id: number; sku: string; note: string } {
  count += 1
  return { id: count, sku, note: NOTE }
}

const place: Middleware = ctx => {
  const answer = order((ctx.request.body as { sku: string }).sku)
  ctx.status = 201
  ctx.set('Location', `/orders/${answer.id}`)
  ctx.body = answer
}

await listen(given.app.startsWith('bare-express') ? bareExpress() : await koaApp())

async function koaApp(): Promise<RequestListener> {
  const { app: name } = given
  if (name === 'express-idempotency') return bareExpress(await peerOf(given))
  const app = new Koa()
  const router = new Router()
  app.use(bodyParser())
  if (isOurs(name)) await ours(app, router)
  else if (isPeer(name)) router.post('/keys', (await peerOf(given)).koa(place))
  else bare(router, await byHand(router))
  app.use(router.routes())
  return app.callback()
}

/** The handler without a library: alone, or with a claim and a record by hand around it. */
async function byHand(router: Router): Promise<Middleware> {
  const { app: name, redisUrl, postgresUrl } = given
  switch (name) {
    case 'hand-memory': {
      const memory = hand.mapMemory()
      linksByHand(router, memory)
      return withMemory(memory)
    }
    case 'hand-sqlite':
      return withMemory(hand.sqliteMemory(join(folder, 'hand.db')))
    case 'hand-redis':
      return withMemory(hand.redisMemory(redisUrl))
    case 'hand-postgres':
      return withMemory(hand.postgresMemory(postgresUrl))
    case 'hand-tx':
    case 'bare-tx': {
      const transact = hand.ownTransaction(postgresUrl, name === 'hand-tx')
      return async (ctx, next) => {
        await transact((ctx.request.body as { sku: string }).sku)
        await place(ctx as never, next)
      }
    }
    default:
      return place
  }
}

function withMemory(memory: hand.Memory): Middleware {
  return async (ctx, next) => {
    const nonce = hand.nonceOf(ctx.params.token)
    if (nonce === null) return refuse(ctx, 404, NO_LINK, 'POST, OPTIONS')
    if (!(await memory.claim(nonce))) return refuse(ctx, 405, USED, 'GET, HEAD, OPTIONS')
    await place(ctx as never, next)
    await memory.record(nonce, JSON.stringify(ctx.body))
  }
}

const NO_LINK = '{"type":"urn:problem:unverifiable","title":"No such link","status":404}'
const USED = '{"type":"urn:problem:used","title":"It was used before","status":405}'

/** The fields that keep an answer at a link to the person who asked. */
function keepPrivate({ res }: Context, allow: string): void {
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Referrer-Policy', 'no-referrer')
  res.setHeader('Allow', allow)
}

function refuse(ctx: Context, status: number, problem: string, allow: string): void {
  ctx.status = status
  keepPrivate(ctx, allow)
  ctx.res.setHeader('Content-Type', 'application/problem+json')
  ctx.body = problem
}

/** Pages with links, and GET of a result, by hand; the answer is not the handler's, but as long. */
function linksByHand(router: Router, memory: hand.Memory): void {
  router.get('/page', ctx => {
    const link = `/orders/once/${hand.makeToken()}`
    ctx.res.setHeader('Cache-Control', 'private, no-cache')
    ctx.res.setHeader('POE-Links', `"${link}"`)
    ctx.body = `${PAGE}<form action="${link}">`
  })
  router.get('/orders/once/:token', ctx => {
    const nonce = hand.nonceOf(ctx.params.token ?? '')
    const answer = nonce === null ? undefined : memory.read?.(nonce)
    if (answer === undefined) return refuse(ctx, 404, NO_LINK, 'POST, OPTIONS')
    keepPrivate(ctx, 'GET, HEAD, OPTIONS')
    ctx.res.setHeader('Link', `</orders/1>; rel="related"; anchor="${ctx.path}"`)
    ctx.res.setHeader('Content-Type', 'application/json; charset=utf-8')
    ctx.body = answer
  })
}

function bare(router: Router, handler: Middleware): void {
  router.get('/page', ctx => {
    ctx.body = `${PAGE}<form action="/orders/once/${'x'.repeat(69)}">`
  })
  router.get('/orders/once/:token', ctx => {
    ctx.type = 'json'
    ctx.body = `{"id":1,"sku":"tea","note":"${NOTE}"}`
  })
  router.post('/orders/once/:token', handler)
  for (const path of ['/keys', '/stock/:sku']) router.post(path, place)
  router.put('/actions/:token', place)
  router.get('/links/:name/:count', ctx => {
    ctx.body = Array.from(
      { length: Number(ctx.params.count) },
      () => `/${ctx.params.name === 'order' ? 'orders/once' : 'actions'}/${hand.makeToken()}`,
    )
  })
}

async function ours(app: Koa, router: Router): Promise<void> {
  const { poe } = (await import(join(given.dist, 'koa/index.js'))) as {
    poe(options: PoeOptions<never>): Poe<never>
  }
  const store = await openStore()
  const once = poe({ store, principal: () => 'guest', ...whileKept(store) })
  app.use(once.middleware())
  router.get('/page', ctx => {
    ctx.body = `${PAGE}<form action="${ctx.poe.link('order')}">`
  })
  router.get('/links/:name/:count', ctx => {
    const { name = '', count: wanted } = ctx.params
    const mint = () => ctx.poe.mint(name)?.link
    ctx.body = Array.from({ length: Number(wanted) }, mint)
    ctx.res.removeHeader('POE-Links')
  })
  const transactional = given.app === 'postgres-tx'
  const common = { name: 'order', path: '/orders/once/:token', transactional }
  const placeInTransaction: Middleware = async (ctx, next) => {
    const tx = ctx.poe.tx as unknown as pg.ClientBase
    const { sku } = ctx.request.body as { sku: string }
    await tx.query('INSERT INTO app_order (sku) VALUES ($1)', [sku])
    await place(ctx as never, next)
  }
  // The very handler that the other side has.
  once.resource(router, common, (transactional ? placeInTransaction : place) as never)
  const kept = { retentionMs: 3_600_000, dangerouslyNotDurable: true }
  router.post('/keys', once.idempotencyKey({ name: 'key', ...kept }), place)
  once.actions(router, '/actions', { name: 'action', do: ctx => place(ctx as never, next) })
  const validator = () => ({ etag: '"1"' })
  router.post('/stock/:sku', once.conditional({ name: 'stock', validator }), place)
}

const next = async (): Promise<void> => {}

/** How long links are kept; what is past that is purged now and then, as an operator would. */
function whileKept(store: Store<never>): { lifetimeMs?: number; horizonMs?: number } {
  const { keptMs } = given
  if (keptMs === undefined) return {}
  const purge = async (): Promise<void> => {
    // The next one makes up for one that a slow store has broken off.
    try {
      while ((await store.purge(10_000)).more);
    } catch (error) {
      console.error(`purge: ${error}`)
    }
    setTimeout(purge, PURGE_MS).unref()
  }
  void purge()
  return { lifetimeMs: keptMs, horizonMs: keptMs }
}

async function openStore(): Promise<Store<never>> {
  const { app: name, dist, redisUrl, postgresUrl } = given
  const file = name.replace(/-tx$/, '')
  const module = await import(join(dist, `stores/${file}.js`))
  switch (file) {
    case 'sqlite':
      return module.sqliteStore(join(folder, 'ours.db'))
    case 'redis': {
      const { Redis } = await import('ioredis')
      return module.redisStore({ client: new Redis(redisUrl), prefix: `p${process.pid}` })
    }
    case 'postgres': {
      const pool = new pg.Pool({ connectionString: postgresUrl, max: 10 })
      const store = module.postgresStore({ pool, direct: true, schema: `poe_${process.pid}` })
      await store.migrate()
      return store
    }
    default:
      return module.memoryStore({ maxRecords: MANY, maxPerPrincipal: MANY, maxBodyBytes: 2 ** 30 })
  }
}

function bareExpress(peer?: Peer): RequestListener {
  const app = express()
  app.use(express.json())
  if (peer !== undefined) app.use(peer.express)
  app.post('/keys', (req, res) => {
    const answer = order(req.body.sku)
    res.status(201).location(`/orders/${answer.id}`).json(answer)
  })
  return app
}

async function listen(listener: RequestListener): Promise<void> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  process.send?.({ port: (server.address() as AddressInfo).port })
}

let profiler = new GCProfiler()
let cpu = process.cpuUsage()
let heapUsed = 0
let oldUsed = 0
let session: Session | null = null

process.on('message', async (message: { ask: 'start' | 'stop'; profile?: string }) => {
  if (message.ask === 'start') {
    if (message.profile !== undefined) {
      session = new Session()
      session.connect()
      await session.post('Profiler.enable')
      await session.post('Profiler.start')
    }
    profiler = new GCProfiler()
    profiler.start()
    heapUsed = getHeapStatistics().used_heap_size
    oldUsed = oldIn(getHeapSpaceStatistics())
    cpu = process.cpuUsage()
    process.send?.({})
    return
  }
  const spent = stop()
  if (session !== null && message.profile !== undefined) {
    const { profile } = await session.post('Profiler.stop')
    writeFileSync(message.profile, JSON.stringify(profile))
    session.disconnect()
  }
  process.send?.(spent)
})

function stop(): Spent {
  const { user, system } = process.cpuUsage(cpu)
  const end = getHeapStatistics().used_heap_size
  const oldAtEnd = oldIn(getHeapSpaceStatistics())
  const { statistics } = profiler.stop() as unknown as { statistics: Collection[] }
  let [allocatedBytes, promotedBytes, collectionUs] = [0, 0, 0]
  for (const { gcType, cost, beforeGC, afterGC } of statistics) {
    allocatedBytes += beforeGC.heapStatistics.usedHeapSize - heapUsed
    promotedBytes += oldIn(beforeGC.heapSpaceStatistics) - oldUsed
    heapUsed = afterGC.heapStatistics.usedHeapSize
    if (gcType === 'Scavenge') {
      promotedBytes += oldIn(afterGC.heapSpaceStatistics) - oldIn(beforeGC.heapSpaceStatistics)
    }
    oldUsed = oldIn(afterGC.heapSpaceStatistics)
    collectionUs += cost
  }
  return {
    cpuUs: user + system,
    allocatedBytes: allocatedBytes + Math.max(0, end - heapUsed),
    promotedBytes: promotedBytes + Math.max(0, oldAtEnd - oldUsed),
    collections: statistics.length,
    collectionUs,
    rssBytes: process.memoryUsage.rss(),
    handles: process.getActiveResourcesInfo().length,
  }
}

type Space = { spaceName?: string; space_name?: string; spaceUsedSize?: number }

interface Collection {
  readonly gcType: string
  readonly cost: number
  readonly beforeGC: HeapThen
  readonly afterGC: HeapThen
}

interface HeapThen {
  readonly heapStatistics: { readonly usedHeapSize: number }
  readonly heapSpaceStatistics: readonly Space[]
}

function oldIn(spaces: readonly (Space & { space_used_size?: number })[]): number {
  const old = spaces.find(space => (space.spaceName ?? space.space_name) === 'old_space')
  return old?.spaceUsedSize ?? old?.space_used_size ?? 0
}
