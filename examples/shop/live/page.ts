/** The live page's markup: everything has its place before anything happens, so nothing jumps. */
import { readFileSync } from 'node:fs'
import { html, type Markup, type Page, SHELF } from '../pages.js'
import { ORDINARY_PATH } from './ordinary.js'
import type { Fault, Side } from './steps.js'

/** What the page shows before anything happened. */
export interface LiveView {
  /** The one-time address; `null` while orders cannot be taken. */
  readonly link: string | null
  /** The store outlives the process. */
  readonly canCrash: boolean
}

/** What `npm run recipes -- --write` has measured. */
export interface Recipes {
  /** The day, as `2026-01-31`. */
  readonly measured: string
  readonly node: string
  readonly rows: readonly {
    readonly name: string
    readonly version: string | null
    readonly alone: number
    readonly switchedOn: number | null
    readonly withRecipe: number
  }[]
}

const RECIPES = JSON.parse(
  readFileSync(new URL('recipes.json', import.meta.url), 'utf8'),
) as Recipes

const BUTTONS: readonly (readonly [fault: Fault, name: string, text: string])[] = [
  ['drop', 'Drop the answer', 'The order is written, then the connection is cut.'],
  ['double', 'Double click', 'An impatient finger.'],
  ['slow', 'Slow shop', 'It takes 2.5 s. You press again after 1 s.'],
  ['crash', 'Crash the server', 'kill -9 after the order is written.'],
  ['tabs', 'Three tabs', 'The same form three times; each tries again.'],
  ['client', 'A retrying client', 'fetch with a retry helper, no answer ever comes.'],
]

const COLUMNS: readonly (readonly [side: Side, title: string, text: string])[] = [
  ['ordinary', 'An ordinary form', 'Its address takes every POST as a new order.'],
  [
    'once',
    'The same form, exactly once',
    'Its address was made for this form, and takes one order.',
  ],
]

/** The page with both forms. */
export function livePage(view: LiveView): Page {
  const content = html`<h1>Break an order, and watch</h1>
<p class="lead">Two forms for the same order. Choose what goes wrong: it is done to both,
on real connections, and each shop’s orders are counted below.</p>
<noscript><p class="notice bad">The experiments need a script. Without it both are plain forms:
place an order, go back, press again, and compare what you are told.</p></noscript>
<ul class="faults" id="faults">${BUTTONS.map(button => faultButton(button, view))}</ul>
<div class="told">
<p class="verdict" id="verdict" role="status"><span>Nothing has happened yet.</span></p>
<button type="button" class="quiet" data-fault="none" disabled>Fresh forms</button></div>
<div class="columns">${COLUMNS.map(column => columnOf(column, view))}</div>
${meaning()}
${recipes()}`
  return { title: 'Live', content, style: '/live/live.css', script: '/live/page/main.js' }
}

function faultButton(
  [fault, name, text]: (typeof BUTTONS)[number],
  { canCrash }: LiveView,
): Markup {
  const isImpossible = fault === 'crash' && !canCrash
  const why = isImpossible ? 'This store keeps nothing over a crash.' : text
  return html`<li><button type="button" class="fault" data-fault="${fault}" disabled
${isImpossible ? html` data-never` : ''} aria-describedby="fault-${fault}">${name}</button>
<span class="hint" id="fault-${fault}">${why}</span></li>`
}

function columnOf([side, title, text]: (typeof COLUMNS)[number], { link }: LiveView): Markup {
  const action = side === 'ordinary' ? ORDINARY_PATH : link
  return html`<section class="side" id="${side}" aria-labelledby="${side}-title">
<h2 id="${side}-title">${title}</h2>
<p class="hint">${text}</p>
${action === null ? html`<p class="notice bad">Closed for now.</p>` : form(side, action)}
<div class="ledger">
<p class="count"><output id="${side}-count">0</output><span>orders in its ledger</span></p>
<ul class="rows" id="${side}-rows" tabindex="0" aria-label="Ledger: ${title}"></ul>
</div>
<div class="sequence">
<p class="ends" aria-hidden="true"><span>You</span><span>Shop</span></p>
<ol class="steps" id="${side}-steps" tabindex="0" aria-label="What happened: ${title}"></ol>
</div>
</section>`
}

function form(side: Side, action: string): Markup {
  const goods = SHELF.map(item => html`<option value="${item.sku}">${item.name}</option>`)
  return html`<form method="post" action="${action}" data-side="${side}">
<div class="field"><label for="${side}-sku">Article</label>
<select id="${side}-sku" name="sku">${goods}</select></div>
<div class="field"><label for="${side}-qty">Quantity</label>
<input id="${side}-qty" name="qty" type="number" value="1" required min="1" max="99"
inputmode="numeric"></div>
<button type="submit">Place the order</button>
<p class="address"><code>POST <span id="${side}-address">${short(action)}</span></code></p>
</form>`
}

function meaning(): Markup {
  return html`<section class="meaning" aria-labelledby="meaning-title">
<h2 id="meaning-title">What the answers mean</h2>
<dl>
<dt><code>303 See Other</code></dt>
<dd>The order was placed; <code>Location</code> leads to it.</dd>
<dt><code>405 Method Not Allowed</code></dt>
<dd>This address takes no POST any more: its one order was placed before, and nothing was ordered
now. A form or client may therefore send again whenever it is in doubt.</dd>
<dt><code>Allow: GET, HEAD, OPTIONS</code></dt>
<dd>What the address still takes. POST is missing: it was used.</dd>
<dt><code>Link: &lt;/orders/…&gt;; rel="… result"</code></dt>
<dd>The way to the order that was placed by the POST whose answer was lost.</dd>
</dl>
</section>`
}

function recipes(): Markup {
  const rows = RECIPES.rows.map(
    row => html`<tr><th scope="row">${helperOf(row)}</th><td class="number">${row.alone}</td>
<td class="number">${row.switchedOn ?? '–'}</td><td class="number">${row.withRecipe}</td></tr>`,
  )
  return html`<section aria-labelledby="recipes-title">
<h2 id="recipes-title">How often a retry helper orders</h2>
<p class="hint">One order whose answers are lost, tries at the helper’s defaults. Measured on
<time>${RECIPES.measured}</time> with Node ${RECIPES.node} by <code>npm run recipes</code>. Where it
says 1 by default, the helper gives up, and nobody knows whether there is an order.</p>
<div class="card wide"><table>
<thead><tr><th scope="col">Helper</th><th scope="col" class="number">By default</th>
<th scope="col" class="number">POST retries on</th>
<th scope="col" class="number">With a link</th></tr></thead>
<tbody>${rows}</tbody></table></div>
</section>`
}

/** A helper with its whole version in place of the first number. */
function helperOf({ name, version }: Recipes['rows'][number]): Markup | string {
  return version === null ? name : html`${name.replace(/ \d+/, '')} <small>${version}</small>`
}

/** An address with its token cut short. */
function short(address: string): string {
  return address.replace(/^(\/orders\/once\/.{4}).*(.{4})$/, '$1…$2')
}
