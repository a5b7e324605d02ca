/**
 * The shop as a Koa application: its routes, and how an order is placed exactly once. `main.ts`
 * starts it; tests mount it as it is.
 */
import Router from '@koa/router'
import Koa, { type Context, type Next } from 'koa'
import { poe } from 'post-once-exactly/koa'
import { readBody } from './body.js'
import { beforeCommit, beforeWriting, failStatusOf, faultInjection } from './faults.js'
import type { Ledger } from './orders.js'
import * as pages from './pages.js'
import { problems, sendProblem, wantsHtml } from './problems.js'
import type { Storage } from './storage.js'
import { checkOrder, fieldsOf, type OrderInput, type Violation } from './validate.js'

/** What a shop is made of. */
export interface ShopOptions {
  /** Links, outcomes and orders; stays open when the shop is closed. */
  readonly storage: Storage
  /** Obey the request field `Demo-Fault`; default `false`. */
  readonly faults?: boolean
}

/** A shop ready to be listened to. */
export interface Shop {
  readonly app: Koa
  /** Stops background work; leaves the storage open. */
  close(): Promise<void>
}

const USED_BEFORE =
  'This form was sent before, with something else in it. That order stands as it was placed; ' +
  'nothing was changed. If you want what stands here as well, place it as a new order.'

/**
 * Makes a shop.
 *
 * @param options - where it keeps things, and whether it obeys `Demo-Fault`
 */
export function createShop(options: ShopOptions): Shop {
  const { store, book } = options.storage
  const once = poe({ store, principal: ctx => ctx.state.user })
  const router = new Router()
  let runs = 0

  router.get('/', ctx => pages.sendPage(ctx, pages.homePage()))
  router.get('/style.css', sendStyle)
  router.get('/basket', showBasket)
  once.mintEndpoint(router, { path: '/basket/links', resource: 'order' })
  once.resource(
    router,
    {
      name: 'order',
      path: '/orders/once/:token',
      transactional: book.transactional,
      createForm: '/basket',
      rerender: (ctx, fields) => sendForm(ctx, { fields, notice: USED_BEFORE }),
    },
    readBody,
    placeOrder,
  )
  router.get('/orders', async ctx => {
    const orders = await reading(ctx, book.list(userOf(ctx)))
    send(ctx, orders, () => pages.ordersPage(orders))
  })
  router.get('/orders/:id', async ctx => {
    const order = await reading(ctx, book.find(Number(ctx.params.id), userOf(ctx)))
    if (order === null) return sendProblem(ctx, 404, { detail: 'You have no such order.' })
    send(ctx, order, () => pages.orderPage(order))
  })
  router.get('/ledger', async ctx => {
    const orders = await reading(ctx, book.count())
    // Payments and messages have no routes yet, so there are none.
    const ledger: Ledger = { orders, payments: 0, messages: 0, runs }
    send(ctx, ledger, () => pages.ledgerPage(ledger))
  })

  async function placeOrder(ctx: Context): Promise<void> {
    runs += 1
    await beforeWriting(ctx)
    if (ctx.state.bodyProblem !== undefined) throw ctx.state.bodyProblem
    const checked = checkOrder(ctx.request.body, ctx.is('urlencoded') !== false)
    if (!checked.ok) return refuseOrder(ctx, checked.violations)
    const failStatus = failStatusOf(ctx)
    // A book that cannot take an order back must say no before it writes; the other rolls back.
    if (failStatus !== null && !book.transactional) return reportFault(ctx, failStatus)
    const order = await addOrder(ctx, checked.input)
    if (failStatus !== null) return reportFault(ctx, failStatus)
    await beforeCommit(ctx)
    ctx.status = wantsHtml(ctx) ? 303 : 201
    ctx.set('Location', `/orders/${order.id}`)
    if (ctx.status === 201) ctx.body = order
  }

  function addOrder(ctx: Context, input: OrderInput) {
    const placedAt = new Date().toISOString()
    return book.add({ ...input, user: userOf(ctx), placedAt }, () => ctx.poe.tx)
  }

  const app = new Koa()
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
    const { sku = '', qty = '1' } = fieldsOf(ctx.query)
    return sendForm(ctx, { fields: { sku, qty } })
  }
  const minted = ctx.poe.mint('order')
  ctx.body =
    minted === null
      ? { link: null, expires: null, detail: 'Orders cannot be taken right now.' }
      : { link: minted.link, expires: new Date(minted.expiresAtMs).toISOString() }
}

/** The form again, or everything that is wrong: the link stays open either way. */
function refuseOrder(ctx: Context, violations: readonly Violation[]): void {
  ctx.status = 422
  if (wantsHtml(ctx)) return sendForm(ctx, { fields: fieldsOf(ctx.request.body), violations })
  sendProblem(ctx, 422, { title: 'The order cannot be placed as it is', errors: violations })
}

function reportFault(ctx: Context, status: number): void {
  sendProblem(ctx, status, { detail: 'Asked for by Demo-Fault; nothing was ordered.' })
}

function sendForm(ctx: Context, view: Omit<pages.BasketView, 'link'>): void {
  pages.sendPage(ctx, pages.basketPage({ ...view, link: ctx.poe.link('order') }))
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

/** Reads from the order book; while that cannot be reached, the answer is 503. */
async function reading<T>(ctx: Context, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    ctx.app.emit('error', cause, ctx)
    const headers = { 'Retry-After': '5' }
    return ctx.throw(503, 'The order book cannot be reached right now.', { headers, expose: true })
  }
}

function userOf(ctx: Context): string {
  return String(ctx.state.user)
}
