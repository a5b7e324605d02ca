/**
 * The shop as a Koa application: its routes, and how an order is placed exactly once. `main.ts`
 * starts it; tests mount it as it is.
 */
import Router from '@koa/router'
import Koa, { type Context, type Middleware, type Next } from 'koa'
import { poe, type Unfinished } from 'post-once-exactly/koa'
import { readBody } from './body.js'
import { DEMO_REPORTS, faultInjection } from './faults.js'
import { isPlaced, openCounter, sendForm } from './ordering.js'
import type { Ledger } from './orders.js'
import * as pages from './pages.js'
import { problems, reading, sendProblem, wantsHtml } from './problems.js'
import { drawRefusal } from './refusals.js'
import { addSiblings } from './siblings.js'
import type { Storage } from './storage.js'
import { checkOrder, fieldsOf } from './validate.js'

/** What a shop is made of. */
export interface ShopOptions {
  /** Links, outcomes and orders; stays open when the shop is closed. */
  readonly storage: Storage
  /** Obey the request field `Demo-Fault`; default `false`. */
  readonly faults?: boolean
  /** How long a claim lives without renewal, in milliseconds; default: the library's. */
  readonly leaseMs?: number | undefined
  /** How long links live, in milliseconds; default: the library's. */
  readonly linkLifeMs?: number | undefined
  /** What is shown beside the shop; default: nothing. */
  readonly extras?: Extras
}

/** Pages beside the shop's own, and what happens around all of them. */
export interface Extras {
  readonly around: Middleware
  addRoutes(router: Router): void
}

/** A shop ready to be listened to. */
export interface Shop {
  readonly app: Koa
  /** Waits for orders that are being placed, and stops; leaves the storage open. */
  close(): Promise<Unfinished>
}

/**
 * Makes a shop.
 *
 * @param options - where it keeps things, and whether it obeys `Demo-Fault`
 */
export function createShop(options: ShopOptions): Shop {
  const { store, book, side } = options.storage
  const once = poe({ store, principal: ctx => ctx.state.user, leaseMs: options.leaseMs })
  const router = new Router()
  const counter = openCounter(book)

  router.get('/', ctx => pages.sendPage(ctx, pages.homePage(ctx.state.live)))
  router.get('/style.css', sendStyle)
  router.get('/basket', showBasket)
  once.mintEndpoint(router, { path: '/basket/links', resource: 'order' })
  once.resource(
    router,
    {
      name: 'order',
      path: '/orders/once/:token',
      lifetimeMs: options.linkLifeMs,
      transactional: book.transactional,
      reports: DEMO_REPORTS,
      success: isPlaced,
      createForm: '/basket',
      refusal: drawRefusal,
    },
    // Nobody is asked to upload in vain: a link that is spent says so first.
    ctx => readBody(ctx, () => counter.placeOrder(ctx)),
  )
  router.get('/orders', async ctx => {
    const orders = await reading(ctx, book.list(userOf(ctx)))
    send(ctx, orders, () => pages.ordersPage(orders))
  })
  router.get('/orders/:id', async ctx => {
    const order = await reading(ctx, book.find(numberOf(ctx.params.id), userOf(ctx)))
    if (order === null) return sendProblem(ctx, 404, { detail: 'You have no such order.' })
    send(ctx, order, () => pages.orderPage(order))
  })
  router.get('/ledger', async ctx => {
    const counts = [book.count(), side.count('payment'), side.count('message')]
    const [orders = 0, payments = 0, messages = 0] = await reading(ctx, Promise.all(counts))
    const ledger: Ledger = { orders, payments, messages, runs: counter.runs() }
    send(ctx, ledger, () => pages.ledgerPage(ledger))
  })

  addSiblings(router, once, options.storage)
  options.extras?.addRoutes(router)

  const app = new Koa()
  if (options.extras !== undefined) app.use(options.extras.around)
  app.use(problems)
  app.use(visitor)
  app.use(faultInjection(options.faults ?? false))
  app.use(once.middleware())
  app.use(router.routes())
  app.use(router.allowedMethods())
  return { app, close: () => once.close() }
}

/** Reads who is there. In earnest this is a session; here a field that anybody may set. */
async function visitor(ctx: Context, next: Next): Promise<void> {
  const user = ctx.get('X-Demo-User') || 'guest'
  if (!/^[\x21-\x7e]{1,64}$/.test(user)) {
    const detail = 'X-Demo-User takes 1 to 64 visible ASCII characters.'
    return sendProblem(ctx, 400, { detail })
  }
  ctx.state.user = user
  ctx.set('Cache-Control', 'private, no-cache')
  ctx.vary('Accept')
  ctx.vary('X-Demo-User')
  await next()
}

function showBasket(ctx: Context): void {
  if (wantsHtml(ctx)) {
    const { sku, qty } = fieldsOf(ctx.query)
    // A form that was not taken comes back here.
    const checked = ctx.query.checked === undefined ? null : checkOrder({ sku, qty }, true)
    const fields = { sku, qty: checked === null ? qty || '1' : qty }
    sendForm(ctx, { fields, violations: checked?.ok === false ? checked.violations : [] })
    return
  }
  const { link, expiresAtMs } = ctx.poe.mint('order') ?? { link: null, expiresAtMs: null }
  ctx.body =
    expiresAtMs === null
      ? { link: null, expires: null, detail: 'Orders cannot be taken right now.' }
      : { link, expires: new Date(expiresAtMs).toISOString() }
}

function send(ctx: Context, value: unknown, page: () => pages.Page): void {
  if (wantsHtml(ctx)) pages.sendPage(ctx, page())
  else ctx.body = value
}

function sendStyle(ctx: Context): void {
  ctx.set('Cache-Control', 'public, max-age=300')
  ctx.body = pages.STYLE
  ctx.type = 'css'
}

/** An order's number as it is written in its path; 0, which no order has, for anything else. */
function numberOf(text = ''): number {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0
}

function userOf(ctx: Context): string {
  return String(ctx.state.user)
}
