/**
 * A server in a process of its own, for tests that kill it or run several on one sqlite file.
 *
 * Its argument is {@link ProgramOptions} as JSON; it prints its port in one line when it listens.
 * Request fields tell the handler what to do: `X-Before` and `X-After` are pauses in milliseconds
 * before and after the effect.
 */
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { type SqliteTransaction, sqliteStore } from 'post-once-exactly/stores/sqlite'
import type { Clock } from '../../lib/engine/ports.js'
import type { Store } from '../../lib/engine/store.js'
import { aroundStore } from './around-store.js'

/** What the program is told. Times are milliseconds. */
export interface ProgramOptions {
  /** The sqlite file; `null` for a memory store. */
  readonly file: string | null
  /** Where external effects are noted, one line each. */
  readonly ledger: string
  /** The effect is a row in the sqlite file, in the claim's transaction. */
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

function openStore(): Store<unknown> {
  const { file, storeDelayMs = 0, looksThenTakes = false } = options
  const store = (file === null ? memoryStore() : sqliteStore(file)) as Store<unknown>
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

async function takeEffect(key: string, tx: SqliteTransaction | null): Promise<void> {
  if (tx === null) appendFileSync(options.ledger, `${key}\n`)
  else await tx.run('INSERT INTO effect (key) VALUES (?)', key)
}

async function start(): Promise<void> {
  const store = openStore()
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
    await takeEffect(key, transactional ? (ctx.poe.tx as SqliteTransaction) : null)
    await pause(Number(ctx.get('X-After')))
    ctx.status = 201
    ctx.set('Location', `/orders/${encodeURIComponent(key)}`)
    ctx.body = { key, by: process.pid }
  })
  app.use(router.routes())
  const server = createServer(app.callback())
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
  })
}

await start()
