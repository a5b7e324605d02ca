/** What is done once: an order is checked, written and answered; a bad one gets its form back. */
import type { Context } from 'koa'
import type { ResourceOptions } from 'post-once-exactly/koa'
import { refuseUnread } from './body.js'
import { beforeCommit, beforeWriting, failStatusOf } from './faults.js'
import type { Order, OrderBook } from './orders.js'
import { type BasketView, basketPage, sendPage } from './pages.js'
import { sendProblem, wantsHtml } from './problems.js'
import { checkOrder, fieldsOf, type OrderInput, type Violation } from './validate.js'

type SuccessRule = NonNullable<ResourceOptions['success']>

/** The order handler, and how often it was entered. */
export interface Counter {
  readonly placeOrder: (ctx: Context) => Promise<void>
  readonly runs: () => number
}

/**
 * Makes the order handler.
 *
 * @param book - where orders are written
 */
export function openCounter(book: OrderBook): Counter {
  let runs = 0

  async function placeOrder(ctx: Context): Promise<void> {
    runs += 1
    await beforeWriting(ctx)
    refuseUnread(ctx)
    const checked = checkOrder(ctx.request.body, ctx.is('urlencoded') !== false)
    if (!checked.ok) return refuseOrder(ctx, checked.violations)
    const failStatus = failStatusOf(ctx)
    // A book that cannot take an order back must say no before it writes; the other rolls back.
    if (failStatus !== null && !book.transactional) return reportFault(ctx, failStatus)
    const order = await writeOrder(ctx, book, checked.input)
    if (failStatus !== null) return reportFault(ctx, failStatus)
    await beforeCommit(ctx)
    ctx.status = wantsHtml(ctx) ? 303 : 201
    ctx.set('Location', `/orders/${order.id}`)
    if (ctx.status === 201) ctx.body = order
  }

  return { placeOrder, runs: () => runs }
}

/** Sends the form with a fresh link; without one, it says that the shop is closed. */
export function sendForm(ctx: Context, view: Omit<BasketView, 'link'>): void {
  sendPage(ctx, basketPage({ ...view, link: ctx.poe.link('order') }))
}

/**
 * Back to the form, or everything that is wrong: the link stays open either way. A redirect leaves
 * no page behind of which the browser asks whether to send it again.
 */
function refuseOrder(ctx: Context, violations: readonly Violation[]): void {
  if (!wantsHtml(ctx)) {
    const title = 'The order cannot be placed as it is'
    sendProblem(ctx, 422, { title, errors: violations })
    return
  }
  const fields = fieldsOf(ctx.request.body)
  const basket = `/basket?${new URLSearchParams({ ...fields, checked: '1' })}`
  if (basket.length <= LONGEST_BASKET) {
    ctx.status = 303
    ctx.set('Location', basket)
    return
  }
  ctx.status = 422
  sendForm(ctx, { fields, violations })
}

/** Longer addresses are not taken everywhere; in characters. */
const LONGEST_BASKET = 2_000

/** What the handler's answer must be for the order to be placed. */
export const isPlaced: SuccessRule = ({ status, fields }) =>
  (status === 201 || status === 303) &&
  fields.some(([name, value]) => name === 'location' && /^\/orders\/\d+$/.test(value))

function reportFault(ctx: Context, status: number): void {
  sendProblem(ctx, status, { detail: 'Asked for by Demo-Fault; nothing was ordered.' })
}

function writeOrder(ctx: Context, book: OrderBook, input: OrderInput): Promise<Order> {
  const order = { ...input, user: String(ctx.state.user), placedAt: new Date().toISOString() }
  return book.add(order, () => ctx.poe.tx)
}
