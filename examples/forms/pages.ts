/** The pages of the forms example: two forms, and what is told when one was not taken. */
import escapeHtml from 'escape-html'
import type { Context } from 'koa'
import type { Refusal } from 'post-once-exactly/koa'

/** What a form shows. */
export interface FormView {
  /** The one-time address; `null` while none can be had. */
  readonly link: string | null
  readonly sku: string
  readonly qty: string
  readonly notice?: string
}

/** Files are not kept: a page cannot put them back into a form. */
const FILES_ARE_GONE = 'Please choose the file again before you send this form.'

/** The form of an order; `csrf` is the session's token. */
export function orderForm(ctx: Context, { link, sku, qty, notice = '' }: FormView): string {
  if (link === null) return '<p role="alert">Orders cannot be taken right now.</p>'
  const isLetter = ctx.path.startsWith('/letter')
  return `${notice === '' ? '' : `<p role="alert">${escapeHtml(notice)}</p>`}
<poe-form><form method="post" action="${escapeHtml(link)}"${
    isLetter ? ' enctype="multipart/form-data"' : ''
  }>
<input type="hidden" name="_csrf" value="${escapeHtml(String(ctx.state._csrf ?? ''))}">
<p><label for="sku">Article</label> <input id="sku" name="sku" value="${escapeHtml(sku)}"></p>
<p><label for="qty">Quantity</label> <input id="qty" name="qty" value="${escapeHtml(qty)}"></p>
${isLetter ? '<p><label for="scan">Scan</label> <input id="scan" name="scan" type="file"></p>' : ''}
<p><button type="submit">Order</button></p>
</form></poe-form>`
}

/** A whole page, with a policy that allows no inline script and no inline style. */
export function page(ctx: Context, title: string, content: string): string {
  ctx.set('Content-Security-Policy', "default-src 'none'; script-src 'self'; connect-src 'self'")
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<script type="module" src="/forms.js"></script>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${content}
</main>
</body>
</html>
`
}

/** Every refusal in this application's look. */
export function drawRefusal(ctx: Context, refusal: Refusal): string {
  const { title, detail, way, address, link, fields, files, retryAfterMs } = refusal
  const text = (name: string) => String(fields?.[name] ?? '')
  const notice = files.length === 0 ? '' : FILES_ARE_GONE
  const typed = { sku: text('sku'), qty: text('qty'), notice }
  return page(
    ctx,
    title,
    `<p>${escapeHtml(detail)}</p>
${way === null ? '' : `<p><a href="${escapeHtml(way)}">See the order</a></p>`}
${retryAfterMs === null ? '' : `<p><a href="${escapeHtml(address)}">Look again</a></p>`}
${link === null || fields === null ? '' : orderForm(ctx, { link, ...typed })}
<p><a href="/order">A new form</a></p>`,
  )
}
