/**
 * A server in a process of its own, for tests that kill it or run several on one sqlite file.
 *
 * Its argument is {@link ProgramOptions} as JSON; it prints its port in one line when it listens.
 * Request fields tell the handler what to do: `X-Before` and `X-After` are pauses in milliseconds
 * before and after the effect; before it, `X-Until` waits until a file with that name stands beside
 * the ledger.
 */
import { appendFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import { Redis } from 'ioredis'
import Koa from 'koa'
import pg from 'pg'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { type PostgresTransaction, postgresStore } from 'post-once-exactly/stores/postgres'
import { redisStore } from 'post-once-exactly/stores/redis'
import {
  type SqliteStore,
  type SqliteTransaction,
  sqliteStore,
} from 'post-once-exactly/stores/sqlite'
import type { Clock } from '../../lib/engine/ports.js'
import type { Store } from '../../lib/engine/store.js'
import { aroundStore } from './around-store.js'
import { addDoors } from './door-routes.js'

/** A store on a server, instead of a file. */
export interface ServerStore {
  readonly kind: 'postgres' | 'redis'
  readonly url: string
  /** The schema, or the prefix of the keys. */
  readonly name: string
}

/** What the program is told. Times are milliseconds. */
export interface ProgramOptions {
  /** The sqlite file; `null` for a memory store. */
  readonly file: string | null
  readonly server?: ServerStore | undefined
  /** Where external effects are noted, one line each. */
  readonly ledger: string
  /** The effect is a row in the store's database, in the claim's transaction. */
  readonly transactional?: boolean
  /** Pause before and after each call to the store together, half each. */
  readonly storeDelayMs?: number
  /** A planted fault: a claim looks first, and takes afterwards whatever it has seen. */
  readonly looksThenTakes?: boolean
  readonly leaseMs?: number
  readonly waitMs?: number
  readonly lifetimeMs?: number
  /** How far this process's clock is ahead. */
  readonly clockAheadMs?: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as ProgramOptions

async function openStore(): Promise<Store<unknown>> {
  const { storeDelayMs = 0, looksThenTakes = false } = options
  const store = await openPlainStore()
  if (storeDelayMs === 0 && !looksThenTakes) return store
  return aroundStore(store, async (method, key, call) => {
    await pause(storeDelayMs / 2)
    const lying = looksThenTakes && method === 'claim' && key !== null
    const seen = lying ? await store.read(key, null) : null
    if (seen?.state === 'none') await pause(storeDelayMs / 2)
    const reply = await call()
    await pause(storeDelayMs / 2)
    if (seen?.state !== 'none') return reply
    return { nowMs: seen.nowMs, state: 'claimed' }
  })
}

async function openPlainStore(): Promise<Store<unknown>> {
  const { file, server } = options
  if (server?.kind === 'redis') {
    const client = new Redis(server.url)
    redis = client
    client.on('error', () => {})
    await client.ping()
    return redisStore({ client, prefix: server.name })
  }
  if (server?.kind === 'postgres') {
    pool = new pg.Pool({ connectionString: server.url })
    return postgresStore({ pool, schema: server.name }) as Store<unknown>
  }
  if (file === null) return memoryStore() as Store<unknown>
  sqlite = sqliteStore(file)
  return sqlite as Store<unknown>
}

let redis: Redis | null = null
let pool: pg.Pool | null = null
let sqlite: SqliteStore | null = null
const counts = new Map<string, number>()

/** How many effects a name has had, wherever every process of this kind can see it. */
async function countEffects(name: string, tx: unknown): Promise<number> {
  const { server } = options
  if (server?.kind === 'redis') return Number((await redis?.get(`effects:${name}`)) ?? 0)
  if (server?.kind === 'postgres') {
    const db = (tx ?? pool) as PostgresTransaction
    const sql = `SELECT count(*) FROM ${server.name}.effect WHERE key = $1`
    return Number((await db.query(sql, [name])).rows[0]?.count)
  }
  if (options.file === null) return counts.get(name) ?? 0
  const sql = 'SELECT count(*) AS count FROM effect WHERE key = ?'
  const row = tx
    ? await (tx as SqliteTransaction).get(sql, name)
    : sqlite?.database.prepare(sql).get(name)
  return (row as { count: number }).count
}

async function takeDoorEffect(name: string, tx: unknown): Promise<void> {
  counts.set(name, (counts.get(name) ?? 0) + 1)
  if (options.server?.kind === 'redis') await redis?.incr(`effects:${name}`)
  await takeEffect(name, tx)
}

async function takeEffect(key: string, tx: unknown): Promise<void> {
  if (tx === null) appendFileSync(options.ledger, `${key}\n`)
  else if (options.server === undefined) {
    await (tx as SqliteTransaction).run('INSERT INTO effect (key) VALUES (?)', key)
  } else {
    const sql = `INSERT INTO ${options.server.name}.effect (key) VALUES ($1)`
    await (tx as PostgresTransaction).query(sql, [key])
  }
}

async function start(): Promise<void> {
  const store = await openStore()
  const { leaseMs, waitMs, lifetimeMs, transactional = false, clockAheadMs = 0 } = options
  const clock: Clock = {
    now: () => Date.now() + clockAheadMs,
    sleep: (ms, signal) => pause(ms, undefined, { ref: false, ...(signal && { signal }) }),
  }
  const principal = (ctx: Koa.Context) => ctx.get('X-User') || 'guest'
  const once = poe<unknown>({ store, principal, leaseMs, waitMs, lifetimeMs, clock })
  const app = new Koa()
  app.silent = true
  app.use(bodyParser())
  app.use(once.middleware())
  const router = new Router()
  router.get('/page', ctx => {
    ctx.body = { link: ctx.poe.link('order') }
  })
  router.get('/links', ctx => {
    const count = Number(ctx.query.count ?? 1)
    ctx.body = Array.from({ length: count }, () => ctx.poe.link('order'))
  })
  const resource = { name: 'order', path: '/orders/once/:token', transactional }
  once.resource(router, resource, async ctx => {
    const { key } = ctx.poe
    await pause(Number(ctx.get('X-Before')))
    const awaited = join(dirname(options.ledger), ctx.get('X-Until'))
    while (!existsSync(awaited)) await pause(10)
    await takeEffect(key, transactional ? ctx.poe.tx : null)
    await pause(Number(ctx.get('X-After')))
    ctx.status = 201
    ctx.set('Location', `/orders/${encodeURIComponent(key)}`)
    ctx.body = { key, by: process.pid }
  })
  addDoors(router, once, { transactional, take: takeDoorEffect, count: countEffects })
  app.use(router.routes())
  const server = createServer(app.callback())
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
  })
}

await start()
