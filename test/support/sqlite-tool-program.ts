/**
 * A shop on a sqlite file that writes by a tool, as a process that a test kills: it dies by its own
 * hand where its argument says, in the handler or when the link is spent and nothing is answered.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Router from '@koa/router'
import Koa from 'koa'
import { poe } from 'post-once-exactly/koa'
import { sqliteStore } from 'post-once-exactly/stores/sqlite'
import type { Tool } from '../../examples/transactions/sqlite/tool.js'

/** What the process is started with, as JSON in its first argument. */
export interface SqliteToolSettings {
  readonly file: string
  /** Where the recipe is, as a URL. */
  readonly recipe: string
  readonly dies: 'before the commit' | 'after the commit' | 'never'
}

const { file, recipe, dies } = JSON.parse(process.argv[2] ?? '') as SqliteToolSettings
const tool = (await import(recipe)) as Tool
const store = sqliteStore(file)
await store.write(db => {
  db.exec('CREATE TABLE IF NOT EXISTS shop_orders (id INTEGER PRIMARY KEY, sku TEXT NOT NULL)')
})
const die = (): void => void process.kill(process.pid, 'SIGKILL')
const once = poe({
  ...{ store, principal: () => 'guest', leaseMs: 300 },
  onEvent({ type }) {
    if (type === 'spent' && dies === 'after the commit') die()
  },
})
const app = new Koa()
app.silent = true
app.use(once.middleware())
const router = new Router()
router.get('/page', ctx => {
  ctx.body = ctx.poe.link('order')
})
const order = { name: 'order', path: '/orders/:token', transactional: true }
once.resource(router, order, async ctx => {
  await tool.write(ctx.poe.tx, 'tea')
  await tool.nest(ctx.poe.tx, async add => void (await add('milk')))
  if (dies === 'before the commit') die()
  ctx.status = 201
})
app.use(router.routes())
const server = createServer(app.callback())
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
// It ends with whoever started it.
process.stdin.once('end', () => process.exit())
process.stdin.resume()
