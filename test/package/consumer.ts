/**
 * What somebody writes who has installed the package: compiled against it as it is published, with
 * Node's types and without the browser's. Never run.
 */
import Router from '@koa/router'
import Koa from 'koa'
import { createClient } from 'post-once-exactly/client'
import * as conformance from 'post-once-exactly/conformance'
import { anyone, poe } from 'post-once-exactly/koa'
import { memoryStore } from 'post-once-exactly/stores/memory'
import * as postgres from 'post-once-exactly/stores/postgres'
import * as redis from 'post-once-exactly/stores/redis'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import * as testing from 'post-once-exactly/testing'

interface Order {
  sku: string
  qty?: number
}

class Line {
  sku = 'tea'
}

const once = poe({ store: memoryStore(), principal: anyone })
const app = new Koa()
app.use(once.middleware())
const router = new Router()
once.resource(router, { name: 'order', path: '/orders/once/:token' }, ctx => {
  ctx.status = 201
})
app.use(router.routes())

const order: Order = { sku: 'tea', qty: 1 }
const client = createClient({ headers: { 'X-Shop': 'ours' } })
for (const json of [order, new Line(), [order], 'tea', null]) {
  const outcome = await client.post('http://127.0.0.1/orders', { json })
  console.log(outcome.outcome)
}
await client.post('http://127.0.0.1/orders', { body: new Uint8Array([1, 2]) })

export const everything = { conformance, postgres, redis, sqliteStore, testing }
