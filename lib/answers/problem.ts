/**
 * A refusal as a person or a program reads it: one description, rendered as a problem document or
 * as an HTML page.
 *
 * @see RFC 9457
 */
import { createHash } from 'node:crypto'
import escapeHtml from 'escape-html'
import { problemType } from '../protocols/poe/names.js'
import type { Problem, ProblemMembers } from './answer.js'

const STYLE =
  ':root{color-scheme:light dark;--ink:#1c1b19;--paper:#faf9f7;--card:#fff;--line:#d9d5cd;' +
  '--way:#0b4f8a}@media(prefers-color-scheme:dark){:root{--ink:#eceae6;--paper:#171614;' +
  '--card:#211f1d;--line:#423e39;--way:#9cc8f5}}*{box-sizing:border-box}body{margin:0;' +
  'font:1.0625rem/1.6 system-ui,sans-serif;color:var(--ink);background:var(--paper)}' +
  'main{max-width:36rem;margin:10vh auto;padding:1.5rem 2rem;background:var(--card);' +
  'border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}' +
  '@media(max-width:40rem){main{margin:1rem;padding:1rem 1.25rem}}' +
  'h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}' +
  'ul{list-style:none;padding:0;margin:1rem 0 0}' +
  'a{display:inline-block;padding:.5rem 0;color:var(--way);font-weight:600;' +
  'text-underline-offset:.2em}a:focus-visible{outline:3px solid var(--way);outline-offset:2px}'
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
/** The `Content-Security-Policy` of a page. */
export const PAGE_POLICY: string = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_HASH}'`,
  "form-action 'none'",
  "base-uri 'none'",
].join('; ')

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
  return JSON.stringify(Object.assign(JSON.parse(`${text}${more}}`) as object, extra))
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

/** A page for a person, in words of one language. */
export interface PageContent {
  /** Language tag. */
  readonly language: string
  readonly title: string
  readonly detail: string
  /** URI-reference of the result, as `Link` says it. */
  readonly result: string | null
  /** The ways on: URI-references, of which those that are safe are shown. */
  readonly ways: readonly (readonly [target: string | null | undefined, text: string])[]
}

/** Renders a refusal for a person. Nothing happens on it by itself: it does not ask again. */
export function problemPage({ language, title, detail, result, ways }: PageContent): string {
  const related =
    result !== null && isSafeTarget(result)
      ? `<link rel="related" href="${escapeHtml(result)}">\n`
      : ''
  const links = ways.filter(isSafe).map(([target, text]) => {
    return `<li><a href="${escapeHtml(target)}">${escapeHtml(text)}</a></li>`
  })
  return [
    `<!doctype html>\n<html lang="${escapeHtml(language)}">\n<head>\n<meta charset="utf-8">\n`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
    `<meta name="referrer" content="no-referrer">\n${related}`,
    `<title>${escapeHtml(title)}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<main>\n`,
    `<h1>${escapeHtml(title)}</h1>\n<p>${escapeHtml(detail)}</p>\n`,
    links.length === 0 ? '' : `<ul>\n${links.join('\n')}\n</ul>\n`,
    '</main>\n</body>\n</html>\n',
  ].join('')
}

type Way = PageContent['ways'][number]

function isSafe(way: Way): way is readonly [string, string] {
  return way[0] != null && isSafeTarget(way[0])
}

/** Only http(s) and relative references: a stored `javascript:` must not become a link. */
function isSafeTarget(target: string): boolean {
  const base = 'http://relative.invalid'
  if (!URL.canParse(target, base)) return false
  return /^https?:$/.test(new URL(target, base).protocol)
}
