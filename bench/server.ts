/**
 * One application to be measured, as a process of its own: `bare`, `hand-memory`, `hand-sqlite`,
 * `memory` or `sqlite`. Its parent asks over IPC for links and for the CPU time that was spent.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import type { Store } from '../lib/engine/store.js'
import { type Memory, makeToken, mapMemory, nonceOf, sqliteMemory } from './minimums.js'

const MANY = 50_000_000
const NOTE = 'x'.repeat(110)
const variant = process.argv[2] ?? 'bare'
const folder = mkdtempSync(join(tmpdir(), 'poe-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('disconnect', () => process.exit(0))

let count = 0
const app = new Koa()
const router = new Router()
app.use(bodyParser())

function order(ctx: Context): string {
  const { sku } = ctx.request.body as { sku: string }
  count += 1
  ctx.status = 201
  ctx.set('Location', `/orders/${count}`)
  const answer = { id: count, sku, note: NOTE }
  ctx.body = answer
  return variant.startsWith('hand') ? JSON.stringify(answer) : ''
}

const PAGE = `<!doctype html><title>basket</title><p>${'text '.repeat(40)}</p>`
let makeLink: () => string | null = () => `/orders/once/${makeToken()}`

if (variant === 'bare') {
  router.get('/page', ctx => {
    ctx.body = `${PAGE}<form action="/orders/once/${'x'.repeat(69)}">`
  })
  router.post('/orders/once/:token', ctx => {
    order(ctx)
  })
  router.get('/orders/once/:token', ctx => {
    ctx.type = 'json'
    ctx.body = `{"id":1,"sku":"tea","note":"${NOTE}"}`
  })
} else if (variant.startsWith('hand'))
  byHand(variant === 'hand-sqlite' ? sqliteMemory(join(folder, 'hand.db')) : mapMemory())
else ours()
app.use(router.routes())

function byHand(memory: Memory): void {
  router.post('/orders/once/:token', async ctx => {
    const nonce = nonceOf(ctx.params.token ?? '') ?? ctx.throw(404)
    if (await memory.claim(nonce)) {
      await memory.record(nonce, order(ctx))
      return
    }
    const found = memory.find(nonce)
    ctx.status = 405
    ctx.set({ Allow: 'GET, HEAD, OPTIONS', 'Cache-Control': 'no-store' })
    ctx.body = { title: 'already sent', known: found !== null }
  })
  router.get('/orders/once/:token', ctx => {
    const nonce = nonceOf(ctx.params.token ?? '') ?? ctx.throw(404)
    const found = memory.find(nonce) ?? ctx.throw(404)
    ctx.type = 'json'
    ctx.body = found
  })
}

function ours(): void {
  const store =
    variant === 'sqlite'
      ? sqliteStore(join(folder, 'ours.db'))
      : memoryStore({ maxRecords: MANY, maxPerPrincipal: MANY, maxBodyBytes: 2 ** 30 })
  const once = poe({ store: store as Store<unknown>, principal: () => 'guest' })
  app.use(once.middleware())
  router.get('/page', ctx => {
    ctx.body = `${PAGE}<form action="${ctx.poe.link('order')}">`
  })
  router.get('/links/:count', ctx => {
    ctx.body = Array.from({ length: Number(ctx.params.count) }, () => ctx.poe.link('order'))
  })
  once.resource(router, { name: 'order', path: '/orders/once/:token' }, ctx => {
    order(ctx)
  })
  makeLink = () => null
}

const server = createServer(app.callback())
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port })
})

process.on('message', (message: { ask: 'cpu' } | { ask: 'links'; count: number }) => {
  if (message.ask === 'cpu') {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuUs: user + system })
  } else {
    process.send?.({ links: Array.from({ length: message.count }, makeLink) })
  }
})
