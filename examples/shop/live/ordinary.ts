/**
 * The same order form on an ordinary POST route, as people write them: checked, written, answered,
 * and nothing else. It is here to show what that does when an answer is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type Router from '@koa/router'
import Database from 'better-sqlite3'
import type { Context } from 'koa'
import { readBody, refuseUnread } from '../body.js'
import { html, sendPage } from '../pages.js'
import { sendProblem } from '../problems.js'
import { checkOrder } from '../validate.js'
import type { Row } from './steps.js'

/** The path of the route. */
export const ORDINARY_PATH = '/live/orders'
/** The oldest orders make room. */
const MAX_ORDERS = 10_000
const TABLE = `
  CREATE TABLE IF NOT EXISTS ordinary_order (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL,
    sku TEXT NOT NULL,
    qty INTEGER NOT NULL
  ) STRICT`

/** The orders of the ordinary form, in a sqlite file of their own. */
export interface OrdinaryBook {
  add(user: string, sku: string, qty: number): number
  /** A user's orders with a higher number than `after`, oldest first. */
  list(user: string, after: number): Row[]
  find(user: string, id: number): Row | null
  /** The highest number that was given to a user; 0 for none. */
  last(user: string): number
  close(): void
}

/** Opens a file, and makes its table where it is absent; `:memory:` keeps nothing. */
export function openOrdinaryBook(file: string): OrdinaryBook {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(TABLE)
  const insert = db.prepare('INSERT INTO ordinary_order (user, sku, qty) VALUES (?, ?, ?)')
  const forget = db.prepare('DELETE FROM ordinary_order WHERE id <= ?')
  const select = "SELECT id, sku, qty, '/live/orders/' || id AS path FROM ordinary_order"
  const list = db.prepare(`${select} WHERE user = ? AND id > ? ORDER BY id LIMIT 100`)
  const find = db.prepare(`${select} WHERE user = ? AND id = ?`)
  const last = db.prepare('SELECT coalesce(max(id), 0) FROM ordinary_order WHERE user = ?').pluck()
  return {
    add(user, sku, qty) {
      const id = Number(insert.run(user, sku, qty).lastInsertRowid)
      forget.run(id - MAX_ORDERS)
      return id
    },
    list: (user, after) => list.all(user, after) as Row[],
    find: (user, id) => (find.get(user, id) as Row | undefined) ?? null,
    last: user => Number(last.get(user)),
    close: () => void db.close(),
  }
}

/** Adds the route, and the pages of what it wrote. */
export function addOrdinaryRoutes(router: Router, book: OrdinaryBook): void {
  router.post(ORDINARY_PATH, readBody, async ctx => {
    refuseUnread(ctx)
    const checked = checkOrder(ctx.request.body, ctx.is('urlencoded') !== false)
    if (!checked.ok) return sendProblem(ctx, 422, { errors: checked.violations })
    await delay(ctx)
    const id = book.add(String(ctx.state.user), checked.input.sku, checked.input.qty)
    ctx.state.entered = true
    ctx.redirect(`${ORDINARY_PATH}/${id}`)
    ctx.status = 303
  })
  router.get(`${ORDINARY_PATH}/:id`, ctx => {
    const id = /^[1-9]\d{0,14}$/.test(ctx.params.id ?? '') ? Number(ctx.params.id) : 0
    const order = book.find(String(ctx.state.user), id)
    if (order === null) return sendProblem(ctx, 404, { detail: 'You have no such order.' })
    const content = html`<h1>Ordinary order ${order.id}</h1>
<p class="notice bad">It is placed. Go back and press again, and there are two.</p>
<div class="card"><dl>
<dt>Article</dt><dd>${order.sku}</dd>
<dt>Quantity</dt><dd>${order.qty}</dd>
</dl></div>
<p><a href="/live">Back to both forms</a></p>`
    sendPage(ctx, { title: `Ordinary order ${order.id}`, content })
  })
}

/** A slow shop, where that is what is tried. */
async function delay(ctx: Context): Promise<void> {
  const { delayMs } = ctx.state.faults as { readonly delayMs: number }
  if (delayMs > 0) await sleep(delayMs)
}
