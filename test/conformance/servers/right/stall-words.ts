/**
 * What the stall says, by its habits.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Habits, Once, Told } from './stall.js'

const NO_STORE = { 'Cache-Control': 'no-store' }
const TYPES = { json: 'application/json', html: 'text/html; charset=utf-8', text: 'text/plain' }
const HTML = '<!doctype html><title>Stall</title>'

/** The answers that need nothing but the habits. */
export interface StallWords {
  /** Another one each time, where pages are so. */
  nonce(): string
  page(once: Once, request: IncomingMessage): Told
  options(isSpent: boolean): Told
  notNow(status: string): Told
  unspent(): Told
  spent(): Told
  freshness(): Readonly<Record<string, string>>
  order(number: number, what: string, status: number): Told
}

/** Makes them. */
export function stallWords(habits: Habits): StallWords {
  const nonce = () => (habits.isDynamic ? randomBytes(6).toString('hex') : 'n')
  return {
    nonce,
    page: (once, request) => pageOf(habits, once, request, nonce()),
    options: isSpent => optionsOf(habits, isSpent),
    notNow: status => ({
      status: Number(status),
      fields: { ...NO_STORE, 'Retry-After': '1' },
      content: 'One moment.\n',
      type: TYPES.text,
    }),
    unspent: () => unspentOf(habits, nonce()),
    spent: () => spentOf(habits),
    freshness: () => freshnessOf(habits),
    order: (number, what, status) => orderOf(habits, nonce(), { number, what, status }),
  }
}

function pageOf(habits: Habits, once: Once, request: IncomingMessage, nonce: string): Told {
  const { page, hailedBy } = habits
  if (page === 'mint' && request.method !== 'POST')
    return { status: 405, fields: { Allow: 'POST' } }
  const link = referenceOf(habits, once.path, request.headers.host ?? '')
  const isTold = hailedBy === '' || request.headers.poe !== undefined
  const fields: Record<string, string> = isTold ? { 'POE-Links': `"${link}"` } : {}
  const vary = [...(hailedBy === '' ? [] : [hailedBy])]
  if (habits.pageCache === 'Vary: *') vary.push('*')
  else fields['Cache-Control'] = habits.pageCache
  if (vary.length > 0) fields.Vary = vary.join(', ')
  const inHtml = link.replaceAll('&', '&amp;')
  const escaped = link.replaceAll('/', '\\/')
  const html = (content: string) => ({ type: TYPES.html, content: HTML + content })
  const contents: Record<Habits['page'], { readonly type: string; readonly content: string }> = {
    form: html(
      `<form method=post action="${inHtml}"><input type=hidden name=csrf value="${nonce}">` +
        '<input name=what></form>',
    ),
    script: html(`<script>let page = {"link":"${escaped}","csrf":"${nonce}"}</script>`),
    words: html(`<p>Send it once to <code>${inHtml}</code>.</p>`),
    json: { type: TYPES.json, content: JSON.stringify({ link }) },
    mint: { type: TYPES.json, content: JSON.stringify({ link }) },
    escaped: { type: TYPES.json, content: `{"note":"send it once to ${escaped} , please"}` },
    text: { type: TYPES.text, content: `Send it once to ${link}\n` },
  }
  const made = page === 'mint' ? { Location: link } : {}
  return { status: page === 'mint' ? 201 : 200, fields: { ...fields, ...made }, ...contents[page] }
}

function referenceOf({ reference }: Habits, path: string, host: string): string {
  switch (reference) {
    case 'absolute':
      return `http://${host}${path}`
    case 'authority':
      return `//${host}${path}`
    case 'relative':
      return path.slice(1)
    case 'dots':
      return `./x/..${path}`
    case 'path':
      return path
  }
}

function optionsOf({ options }: Habits, isSpent: boolean): Told {
  switch (options) {
    case 'state':
      return { status: 204, fields: { Allow: isSpent ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS' } }
    case 'kind':
      return { status: 200, fields: { Allow: 'GET, HEAD, POST, OPTIONS' } }
    case 'cors':
      return { status: 204, fields: { 'Access-Control-Allow-Methods': 'POST' } }
    case '405':
      return { status: 405, fields: { Allow: isSpent ? 'GET, HEAD' : 'POST' } }
    default:
      return { status: Number(options) }
  }
}

function unspentOf({ unspent }: Habits, nonce: string): Told {
  switch (unspent) {
    case '303':
      return { status: 303, fields: { ...NO_STORE, Location: '/shop' } }
    case 'form': {
      const content = `${HTML}<form method=post><input name=csrf value="${nonce}"></form>`
      return { status: 200, fields: NO_STORE, type: TYPES.html, content }
    }
    case '409':
      return { status: 409, fields: NO_STORE, type: TYPES.text, content: 'Send it first.\n' }
    case '404':
      return { status: 404, fields: NO_STORE }
    case '405':
      return { status: 405, fields: { ...NO_STORE, Allow: 'POST' } }
  }
}

function spentOf({ allow, refusal }: Habits): Told {
  const fields = { Allow: allow === 'two lines' ? ['GET', 'HEAD'] : allow }
  switch (refusal) {
    case 'none':
      return { status: 405, fields }
    case 'html':
      return { status: 405, fields, type: TYPES.html, content: `${HTML}<p>It was placed before.` }
    case 'json':
      return { status: 405, fields, type: TYPES.json, content: '{"title":"placed before"}' }
    case 'text':
      return { status: 405, fields, type: TYPES.text, content: 'It was placed before.\n' }
  }
}

function freshnessOf({ freshness, clockMs }: Habits): Readonly<Record<string, string>> {
  const at = (ms: number) => new Date(Date.now() + ms).toUTCString()
  switch (freshness) {
    case '':
      return {}
    case 'Expires: now':
      return { Expires: at(clockMs) }
    // What is said in seconds counts.
    case 'max-age=0':
      return { 'Cache-Control': freshness, Expires: at(1e8) }
    default:
      return { 'Cache-Control': freshness }
  }
}

function orderOf(
  { body }: Habits,
  nonce: string,
  { number, what, status }: { readonly number: number; readonly what: string; status: number },
): Told {
  const fields = { 'Cache-Control': 'private' }
  const words = `Order ${number}: ${what}`
  // Only a 201 says enough without content.
  const kind = body === 'none' && status !== 201 ? 'text' : body
  switch (kind) {
    case 'html': {
      const content = `${HTML}<meta name=csrf content=${nonce}><p>${words}`
      return { status, fields, type: TYPES.html, content }
    }
    case 'json':
      return { status, fields, type: TYPES.json, content: JSON.stringify({ order: number, what }) }
    case 'text':
      return { status, fields, type: TYPES.text, content: `${words}\n` }
    case 'none':
      return { status, fields }
  }
}
