/**
 * A refusal as a person or a program reads it: one description, rendered as a problem document or
 * as an HTML page.
 *
 * @see RFC 9457
 */
import { createHash } from 'node:crypto'
import escapeHtml from 'escape-html'
import { problemType } from '../protocols/poe/names.js'
import { type Problem, type ProblemMembers, retryAfter } from './answer.js'

const STYLE =
  ':root{color-scheme:light dark}body{font:1.05rem/1.6 system-ui,sans-serif;max-width:36rem;' +
  'margin:12vh auto;padding:0 1.5rem}h1{font-size:1.5rem;line-height:1.25}a{color:inherit;' +
  'font-weight:600}'
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
/** The `Content-Security-Policy` of a page. */
export const PAGE_POLICY: string =
  `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; ` +
  "form-action 'none'; base-uri 'none'"

/**
 * Renders a refusal for a program.
 *
 * @param status - of the answer: a dialect may have another than the problem's own
 * @param instance - URI-reference of what was asked for
 */
export function problemDocument(
  problem: Problem,
  status: number,
  members: ProblemMembers | null,
  instance: string,
): string {
  const text = `${headOf(problem, status)}${JSON.stringify(instance)}`
  if (members === null) return `${text}}`
  const { result, payloadMatches, link, createForm, extra } = members
  const more =
    memberText('result', result) +
    memberText('payloadMatches', payloadMatches) +
    memberText('link', link) +
    memberText('createForm', createForm)
  if (extra === undefined) return `${text}${more}}`
  return JSON.stringify({ ...JSON.parse(`${text}${more}}`), ...extra })
}

/** What a document begins with, by its problem: the status is nearly always the same. */
const heads = new WeakMap<Problem, { status: number; text: string }>()

function headOf(problem: Problem, status: number): string {
  const known = heads.get(problem)
  if (known?.status === status) return known.text
  const { type, title, detail } = problem
  const head = JSON.stringify({ type: problemType(type), title, status, detail })
  const text = `${head.slice(0, -1)},"instance":`
  heads.set(problem, { status, text })
  return text
}

function memberText(name: string, value: string | boolean | null | undefined): string {
  return value == null ? '' : `,"${name}":${JSON.stringify(value)}`
}

/**
 * Renders a refusal for a person.
 *
 * @param retryAfterMs - the page asks again after this many milliseconds; `null`: it does not
 */
export function problemPage(
  { title, detail }: Problem,
  members: ProblemMembers | null,
  retryAfterMs: number | null,
): string {
  const refresh =
    retryAfterMs === null ? '' : `<meta http-equiv="refresh" content="${retryAfter(retryAfterMs)}">`
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta name="referrer" content="no-referrer">${refresh}`,
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(detail)}</p>`,
    anchor(members?.result, 'See the result'),
    anchor(members?.createForm, 'Start again with a fresh form'),
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
