/**
 * Where the independent server hands out its links: a page with a form, a text, or an answer to an
 * empty POST (POE draft, 3).
 */
import {
  type Answer,
  emptyAnswer,
  escapeHtml,
  jsonAnswer,
  textAnswer,
  withFields,
  wrongMethod,
} from './answers.js'
import type { Seen } from './behaviour.js'
import { type Exchange, faultOf, STYLES } from './exchange.js'
import type { Link } from './link-book.js'

/** Answers a request for a link. */
export function handOut(exchange: Exchange): { readonly answer: Answer; readonly seen: Seen } {
  const { site, method, asHtml, seen } = exchange
  const isMint = site.style === 'mint'
  const allow = isMint ? 'POST, OPTIONS' : 'GET, HEAD, OPTIONS'
  const methods = isMint ? ['POST'] : ['GET', 'HEAD']
  if (method === 'OPTIONS') return { answer: emptyAnswer(204, { Allow: allow }), seen }
  if (!methods.includes(method)) return { answer: wrongMethod(allow, asHtml), seen }
  const place = isMint ? 'mint' : 'page'
  const fields = {
    'Referrer-Policy': 'no-referrer',
    ...site.behaviour.pageFields,
    ...(site.fieldDecides && { Vary: 'POE' }),
  }
  const link = linkFor(exchange)
  const written = site.behaviour.writes(link.path)
  // A HEAD is answered with the fields of a GET, but its link is never minted, so not announced.
  const field = method === 'HEAD' ? null : announced(exchange, written)
  const answer = withFields(shown(exchange, link, written), {
    ...fields,
    ...(field !== null && { 'POE-Links': field }),
  })
  return { answer, seen: { ...seen, place, link, state: link.state } }
}

function announced({ site, request }: Exchange, written: string): string | null {
  const { poe } = request.headers
  const speaks = typeof poe === 'string' && /^\d+$/.test(poe) && /[1-9]/.test(poe)
  if (site.fieldDecides && !speaks) return null
  return site.behaviour.announces(written, request)
}

function linkFor({ site, request, method, principal }: Exchange): Link {
  const { book, behaviour, style, lifetimeMs } = site
  for (const link of book.links.values()) if (behaviour.handsOutAgain(link)) return link
  const path = STYLES[style].links + behaviour.newName(book.nextLink())
  const expiresAtMs = Date.now() + (faultOf(request, 'lifetime') ?? lifetimeMs)
  if (method === 'HEAD') {
    return { path, principal, expiresAtMs, state: 'unspent', outcome: null, spentBy: null }
  }
  book.write({ kind: 'minted', path, principal, expiresAtMs })
  const link = book.links.get(path)
  if (link === undefined) throw new Error(`the book has lost ${path}`)
  return link
}

function shown({ site }: Exchange, link: Link, written: string): Answer {
  if (site.style === 'mint') {
    const expires = new Date(link.expiresAtMs).toISOString()
    return jsonAnswer(201, { link: written, expires }, { Location: written })
  }
  if (site.style === 'header') {
    return textAnswer(200, 'text/plain; charset=utf-8', `POST once to ${written}\n`)
  }
  const html = `<!doctype html><html lang="en"><title>New order</title><h1>New order</h1>
<form method="post" action="${escapeHtml(written)}">
<label>Item <input name="sku" required maxlength="64"></label>
<label>How many <input name="qty" type="number" min="1" max="99" value="1"></label>
<button>Order</button></form></html>
`
  return textAnswer(200, 'text/html; charset=utf-8', html, {
    'Content-Security-Policy': "default-src 'none'; form-action 'self'",
  })
}
