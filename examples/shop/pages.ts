/**
 * The shop's pages: HTML made on the server, every value escaped, no scripts, one style sheet of
 * our own. {@link sendPage} is the only way in which markup leaves.
 */
import { readFileSync } from 'node:fs'
import escapeHtml from 'escape-html'
import type { Context } from 'koa'
import type { Ledger, Order } from './orders.js'
import type { OrderFields, Violation } from './validate.js'

/** A finished page. */
export interface Page {
  readonly title: string
  readonly content: Markup
  /** Where the order is that the page is about, told in its head. */
  readonly related?: string | null
  /** A style sheet besides the shop's. */
  readonly style?: string
  /** A module of our own that the page runs; without one no script may run. */
  readonly script?: string
}

/** What is told of a form that was not taken, and what leads on. */
export interface RefusalView {
  readonly title: string
  readonly detail: string
  /** Where the order is found, where there is one. */
  readonly result: string | null
  /** Where the page leads to it. */
  readonly way: string | null
  /** Where a look tells more, later. */
  readonly lookAgain: string | null
  /** The form again, with what was typed; `null` where sending it is of no use. */
  readonly form: { readonly link: string; readonly fields: OrderFields } | null
}

/** What the order form shows. */
export interface BasketView {
  /** The one-time address; `null` while orders cannot be taken. */
  readonly link: string | null
  readonly fields: OrderFields
  readonly violations?: readonly Violation[]
  /** What happened to an earlier try, above the form. */
  readonly notice?: string
  /** Where an earlier order is found, beside the notice. */
  readonly result?: string | null
}

/** Text that is markup already; everything else is escaped on its way into {@link html}. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** The style sheet's text, served at `/style.css`. */
export const STYLE: string = readFileSync(new URL('./style.css', import.meta.url), 'utf8')

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** What is offered. */
export const SHELF = [
  { sku: 'tea-assam', name: 'Assam tea', text: 'Malty, for the first cup of the day.' },
  { sku: 'coffee-sidamo', name: 'Sidamo coffee', text: 'Whole beans, roasted this week.' },
  { sku: 'cup-blue', name: 'Blue cup', text: 'Stoneware, holds a good quarter litre.' },
]

const SCRIPT_POLICY = `${POLICY}; script-src 'self'; connect-src 'self'`

/** Sends a page; the status is the caller's. */
export function sendPage(ctx: Context, page: Page): void {
  ctx.body = drawPage(ctx, page)
  ctx.type = 'html'
}

/** Gives a page's text, for whoever sends it, and sets the fields that it needs. */
export function drawPage(ctx: Context, page: Page): string {
  ctx.set('Content-Security-Policy', page.script === undefined ? POLICY : SCRIPT_POLICY)
  ctx.set('X-Content-Type-Options', 'nosniff')
  // Not `no-referrer`: a browser would send the forms of such a page as of no origin.
  ctx.set('Referrer-Policy', 'same-origin')
  return layout(page, String(ctx.state.user ?? ''), ctx.state.live === true).text
}

/** The shop window; `live`: with the way to the page on which it is tried to break. */
export function homePage(live = false): Page {
  const items = SHELF.map(
    item => html`<li class="card"><strong>${item.name}</strong>
<p class="hint">${item.text}</p>
<p><a href="/basket?sku=${encodeURIComponent(item.sku)}&amp;qty=1">Order ${item.name}</a></p></li>`,
  )
  const content = html`<h1>Nothing is ordered twice here</h1>
<p class="lead">Press the button five times, go back, reload, pull the plug in between:
each form places one order, and every further try leads to it.</p>
${live ? html`<p><a class="button" href="/live">Break it, and watch</a></p>` : ''}
<ul class="shelf">${items}</ul>
<h2>What to look at</h2>
<p>The <a href="/ledger">ledger</a> counts the orders that exist and the times that the order
handler ran. Open a <a href="/basket">basket</a> and try to make them differ from what you did.</p>`
  return { title: 'Shop', content }
}

/** The order form, empty, filled in, or with what was wrong. */
export function basketPage(view: BasketView): Page {
  const wrong = new Map(view.violations?.map(({ pointer, detail }) => [pointer, detail]))
  const notice = view.notice === undefined ? '' : noticeBox(view.notice, view.result ?? null)
  const general = wrong.get('#') === undefined ? '' : noticeBox(wrong.get('#') ?? '', null)
  const content = html`<h1>Basket</h1>
${notice}${general}
${view.link === null ? closedCounter() : orderForm(view.link, view.fields, wrong)}`
  return { title: 'Basket', content }
}

/** A form that was not taken. */
export function refusalPage(view: RefusalView): Page {
  const { title, detail, result, way, lookAgain, form } = view
  const content = html`<h1>${title}</h1>
<div class="notice bad" role="alert"><p>${detail}</p>
${way === null ? '' : html`<p><a href="${way}">See the order</a></p>`}
${lookAgain === null ? '' : html`<p><a href="${lookAgain}">Look again</a></p>`}</div>
${form === null ? '' : orderForm(form.link, form.fields, new Map())}
<p><a href="/orders">Your orders</a> · <a href="/basket">A new form</a></p>`
  return { title, content, related: result }
}

/** One order. */
export function orderPage(order: Order): Page {
  const content = html`<h1>Order ${order.id}</h1>
<p class="notice good">It is placed, once. Reload or go back as you like.</p>
<div class="card"><dl>
<dt>Article</dt><dd>${order.sku}</dd>
<dt>Quantity</dt><dd>${order.qty}</dd>
<dt>Ordered by</dt><dd>${order.user}</dd>
<dt>Placed</dt><dd>${time(order.placedAt)}</dd>
</dl></div>
<p><a href="/basket">Order something else</a></p>`
  return { title: `Order ${order.id}`, content }
}

/** A user's orders, newest first. */
export function ordersPage(orders: readonly Order[]): Page {
  const rows = orders.map(
    order => html`<tr><td><a href="/orders/${order.id}">Order ${order.id}</a></td>
<td>${order.sku}</td><td class="number">${order.qty}</td><td>${time(order.placedAt)}</td></tr>`,
  )
  const table = html`<div class="card"><table>
<thead><tr><th scope="col">Order</th><th scope="col">Article</th>
<th scope="col" class="number">Quantity</th><th scope="col">Placed</th></tr></thead>
<tbody>${rows}</tbody></table></div>`
  const none = html`<p class="lead">None yet. <a href="/basket">Place the first one</a>.</p>`
  const content = html`<h1>Your orders</h1>
${orders.length === 0 ? none : table}`
  return { title: 'Your orders', content }
}

/** The counts by which a double order would show. */
export function ledgerPage(ledger: Ledger): Page {
  const tally = Object.entries(ledger).map(
    ([name, count]) => html`<div class="card"><dt>${name}</dt><dd>${count}</dd></div>`,
  )
  const content = html`<h1>Ledger</h1>
<p class="lead">Rows in the database, of all users; and <em>runs</em>, how often the order handler
was entered since this process started.</p>
<dl class="tally">${tally}</dl>`
  return { title: 'Ledger', content }
}

/** Something that did not work. */
export function problemPage(title: string, detail: string): Page {
  const content = html`<h1>${title}</h1>
${detail === '' ? '' : html`<p class="lead">${detail}</p>`}
<p><a href="/">Back to the shop</a></p>`
  return { title, content }
}

/** A browser that knows `expect` paints no part of it: elements would move as more arrives. */
function layout(page: Page, user: string, live: boolean): Markup {
  const { style, script } = page
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title} · The Once Shop</title>
<link rel="stylesheet" href="/style.css">${related(page)}
<link rel="expect" href="#end" blocking="render">
${style === undefined ? '' : html`<link rel="stylesheet" href="${style}">`}
${script === undefined ? '' : html`<script type="module" src="${script}"></script>`}
</head>
<body>
<header>
<a class="brand" href="/">The Once Shop</a>
<nav aria-label="Shop">${live ? html`<a href="/live">Live</a>` : ''}
<a href="/basket">Basket</a>
<a href="/orders">Your orders</a>
<a href="/ledger">Ledger</a></nav>
${user === '' ? '' : html`<span class="user">Shopping as ${user}</span>`}
</header>
<main>
${page.content}
</main>
<footer id="end">A demonstration of POST Once Exactly. Nothing is sold, and nothing
is shipped.</footer>
</body>
</html>
`
}

function related({ related = null }: Page): Markup | string {
  return related === null
    ? ''
    : html`
<link rel="related" href="${related}">`
}

function orderForm(link: string, fields: OrderFields, wrong: ReadonlyMap<string, string>): Markup {
  return html`<form class="card" method="post" action="${link}">
<div class="field"><label for="sku">Article</label>
<input id="sku" name="sku" value="${fields.sku}" required maxlength="64"
autocomplete="off" list="shelf"${marks('sku', wrong)}>${complaint('sku', wrong)}
<datalist id="shelf">${SHELF.map(item => html`<option value="${item.sku}">${item.name}</option>`)}
</datalist></div>
<div class="field"><label for="qty">Quantity</label>
<input id="qty" name="qty" type="number" value="${fields.qty}" required min="1" max="99"
step="1" inputmode="numeric"${marks('qty', wrong)}>${complaint('qty', wrong)}</div>
<button type="submit">Place the order</button>
<p class="hint">This form has an address of its own that takes one order:<br>
<code>${link}</code></p>
</form>`
}

function closedCounter(): Markup {
  return html`<p class="notice bad" role="status">Orders cannot be taken right now: the shop cannot
reach its order book. Nothing was ordered. Please try again in a moment.</p>
<p><a href="/basket">Try again</a></p>`
}

function noticeBox(text: string, result: string | null): Markup {
  const where = result === null ? '' : html` <a href="${result}">See the order</a>.`
  return html`<p class="notice bad" role="alert">${text}${where}</p>`
}

function marks(name: 'sku' | 'qty', wrong: ReadonlyMap<string, string>): Markup | string {
  return wrong.has(`#/${name}`) ? html` aria-invalid="true" aria-describedby="${name}-wrong"` : ''
}

function complaint(name: 'sku' | 'qty', wrong: ReadonlyMap<string, string>): Markup | string {
  const detail = wrong.get(`#/${name}`)
  return detail === undefined ? '' : html`<p class="wrong" id="${name}-wrong">${detail}</p>`
}

function time(iso: string): Markup {
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`
}

type Insert = Markup | string | number | readonly Markup[]

/** Markup in which everything inserted is escaped, unless it is markup itself. */
export function html(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Markup {
  let text = parts[0] ?? ''
  inserts.forEach((insert, index) => {
    text += markupOf(insert) + (parts[index + 1] ?? '')
  })
  return new Markup(text)
}

function markupOf(insert: Insert): string {
  if (insert instanceof Markup) return insert.text
  if (typeof insert === 'object') return insert.map(markup => markup.text).join('\n')
  return escapeHtml(String(insert))
}
