/**
 * Refusals as a person or a program reads them: one description, rendered as a problem document or
 * as an HTML page.
 *
 * @see RFC 9457
 */
import { createHash } from 'node:crypto'
import escapeHtml from 'escape-html'
import type { Context } from 'koa'
import { publicPath } from './link-paths.js'

/** A refusal before it is rendered. */
export interface Problem {
  /** The last part of the problem type, under `problem:`. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** URI-reference of the result, where there is one. */
  readonly result?: string | null
  /** URI-reference of a fresh link. */
  readonly link?: string | null
  /** URI-reference of a page that gives a fresh link. */
  readonly createForm?: string | null
  readonly payloadMatches?: boolean | null
  /** The page asks again after this many milliseconds. */
  readonly askAgainMs?: number
  /** Further members of the document. */
  readonly extra?: Readonly<Record<string, unknown>>
}

const STYLE =
  ':root{color-scheme:light dark}body{font:1.05rem/1.6 system-ui,sans-serif;max-width:36rem;' +
  'margin:12vh auto;padding:0 1.5rem}h1{font-size:1.5rem;line-height:1.25}a{color:inherit;' +
  'font-weight:600}'
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY =
  `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; ` +
  "form-action 'none'; base-uri 'none'"

/**
 * Whether the request would rather have a page than a problem document.
 *
 * @see RFC 9110 12.5.1
 */
export function wantsHtml(ctx: Context): boolean {
  return ctx.accepts('application/problem+json', 'application/json', 'text/html') === 'text/html'
}

/**
 * Sets a refusal as the answer.
 *
 * @param ctx - the request
 * @param problem - what to say
 * @param uriBase - what problem types begin with
 * @param instance - URI-reference of what was asked for; the path of the request by default
 */
export function answerProblem(
  ctx: Context,
  problem: Problem,
  uriBase: string,
  instance: string = publicPath(ctx),
): void {
  ctx.status = problem.status
  ctx.vary('Accept')
  ctx.set('X-Content-Type-Options', 'nosniff')
  if (wantsHtml(ctx)) {
    ctx.set('Content-Security-Policy', POLICY)
    ctx.type = 'text/html; charset=utf-8'
    ctx.body = page(problem)
    return
  }
  ctx.type = 'application/problem+json'
  ctx.body = JSON.stringify(documentOf(problem, uriBase, instance))
}

function documentOf(problem: Problem, uriBase: string, instance: string): Record<string, unknown> {
  const { title, status, detail, result, payloadMatches, link, createForm } = problem
  const type = `${uriBase}problem:${problem.type}`
  // Added one by one: a spread for each would make an object of a class of its own.
  const document: Record<string, unknown> = { type, title, status, detail, instance }
  if (result != null) document.result = result
  if (payloadMatches != null) document.payloadMatches = payloadMatches
  if (link != null) document.link = link
  if (createForm != null) document.createForm = createForm
  return problem.extra === undefined ? document : Object.assign(document, problem.extra)
}

function page(problem: Problem): string {
  const { title, detail, result, createForm, askAgainMs } = problem
  const refresh =
    askAgainMs === undefined
      ? ''
      : `<meta http-equiv="refresh" content="${Math.max(1, Math.ceil(askAgainMs / 1_000))}">`
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta name="referrer" content="no-referrer">${refresh}`,
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(detail)}</p>`,
    anchor(result, 'See the result'),
    anchor(createForm, 'Start again with a fresh form'),
    '</main></body></html>\n',
  ].join('')
}

function anchor(target: string | null | undefined, text: string): string {
  if (target == null || !isSafeTarget(target)) return ''
  return `<p><a href="${escapeHtml(target)}">${escapeHtml(text)}</a></p>`
}

/** Only http(s) and relative references: a stored `javascript:` must not become a link. */
function isSafeTarget(target: string): boolean {
  const base = 'http://relative.invalid'
  if (!URL.canParse(target, base)) return false
  return /^https?:$/.test(new URL(target, base).protocol)
}
