/**
 * A report as a badge: a small SVG picture that loads nothing, with its words as text.
 */
import escapeHtml from 'escape-html'
import type { Verdict } from '../report.js'
import { readable } from '../words.js'
import type { Printable } from './printable.js'

const COLOURS: Readonly<Record<Verdict, string>> = {
  conformant: '#156c37',
  'not-conformant': '#b3261e',
  undetermined: '#6b6f76',
}
const WORDS: Readonly<Record<Verdict, string>> = {
  conformant: 'conformant',
  'not-conformant': 'not conformant',
  undetermined: 'could not tell',
}
/** A width that such a letter has in most fonts of this size, in pixels. */
const LETTER = 6.6
const EDGE = 8

/** Writes a report as a badge in SVG. */
export function badgeReport({ title, grades, verdict }: Printable): string {
  const [name = ''] = grades.at(-1) ?? []
  const left = escaped(title)
  const right = escaped(name === 'all' ? WORDS[verdict] : `${name}: ${WORDS[verdict]}`)
  const [first, second] = [widthOf(left), widthOf(right)]
  const whole = first + second
  const words = (x: number, text: string) =>
    `<text x="${x}" y="14" text-anchor="middle" fill="#fff">${text}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${whole}" height="20" role="img"
aria-label="${left}: ${right}">
<title>${left}: ${right}</title>
<rect width="${whole}" height="20" rx="3" fill="#333b43"/>
<path d="M${first} 0h${second - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-${second - 3}z"
fill="${COLOURS[verdict]}"/>
<g font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
${words(first / 2, left)}
${words(first + second / 2, right)}
</g>
</svg>
`
}

function widthOf(text: string): number {
  return Math.round(text.length * LETTER) + 2 * EDGE
}

function escaped(text: string): string {
  return escapeHtml(readable(text))
}
