/**
 * Several reports side by side: a row for each check, a column for each server.
 */
import escapeHtml from 'escape-html'
import type { ResultKind, Verdict } from '../report.js'
import { readable } from '../words.js'
import { jsonText } from './json-text.js'
import { PAGE_STYLE } from './page-style.js'
import { RESULT_WORDS, VERDICT_WORDS } from './printable.js'

/** What is compared of a report; that of `poe check` has it. */
export interface Compared {
  readonly target: string
  readonly verdict: Verdict
  readonly results: readonly ComparedResult[]
}

/** What is compared of a result. */
export interface ComparedResult {
  readonly id: string
  readonly title: string
  readonly result: ResultKind
}

/** The forms that a comparison can have. */
export const COMPARISON_FORMATS = ['text', 'json', 'html'] as const

/** One of {@link COMPARISON_FORMATS}. */
export type ComparisonFormat = (typeof COMPARISON_FORMATS)[number]

interface Row {
  readonly id: string
  readonly title: string
  /** For each report; `null` where it has no such check. */
  readonly results: readonly (ResultKind | null)[]
}

/**
 * Writes reports side by side.
 *
 * @param reports - two or more
 * @param format - its form
 */
export function writeComparison(reports: readonly Compared[], format: ComparisonFormat): string {
  const rows = rowsOf(reports)
  switch (format) {
    case 'text':
      return textTable(reports, rows)
    case 'json':
      return `${jsonText({ reports: reports.map(headOf), rows }, 2)}\n`
    case 'html':
      return htmlTable(reports, rows)
  }
}

function rowsOf(reports: readonly Compared[]): Row[] {
  const titles = new Map(
    reports.flatMap(({ results }) => results.map(({ id, title }) => [id, title] as const)),
  )
  const maps = reports.map(({ results }) => new Map(results.map(one => [one.id, one.result])))
  return [...titles].map(([id, title]) => {
    return { id, title, results: maps.map(map => map.get(id) ?? null) }
  })
}

function headOf({ target, verdict }: Compared) {
  return { target, verdict }
}

function isDifferent({ results }: Row): boolean {
  return new Set(results).size > 1
}

function wordOf(result: ResultKind | null): string {
  return result === null ? '-' : RESULT_WORDS[result]
}

function letterOf(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + (index % 26)).repeat(Math.floor(index / 26) + 1)
}

/** What differs is marked, so that it can be searched for. */
function textTable(reports: readonly Compared[], rows: readonly Row[]): string {
  const legend = reports.map(({ target, verdict }, index) => {
    return `${letterOf(index)}  ${flat(target)}: ${VERDICT_WORDS[verdict]}`
  })
  const width = Math.max(...rows.map(({ id }) => id.length), 5) + 2
  const line = (mark: string, id: string, cells: readonly string[], title: string) =>
    `${mark} ${id.padEnd(width)}${cells.map(cell => cell.padEnd(16)).join('')}${title}`.trimEnd()
  const letters = reports.map((_, index) => letterOf(index))
  const body = rows.map(row => {
    const mark = isDifferent(row) ? '*' : ' '
    return line(mark, flat(row.id), row.results.map(wordOf), flat(row.title))
  })
  const count = rows.filter(isDifferent).length
  const closing = `${count} of ${rows.length} checks differ (*)`
  return [...legend, '', line(' ', 'check', letters, ''), ...body, '', closing, ''].join('\n')
}

function htmlTable(reports: readonly Compared[], rows: readonly Row[]): string {
  const heads = reports.map(({ target, verdict }) => {
    const word = `<span class="mark ${verdict}">${text(VERDICT_WORDS[verdict])}</span>`
    return `<th scope="col">${text(target)}<br>${word}</th>`
  })
  const lines = rows.map(row => {
    const cells = row.results.map(
      one => `<td><span class="mark ${one ?? 'skipped'}">${text(wordOf(one))}</span></td>`,
    )
    const mark = isDifferent(row) ? ' class="differs"' : ''
    const head = `<th scope="row"><code>${text(row.id)}</code><br>${text(row.title)}</th>`
    return `<tr${mark}>${head}${cells.join('')}</tr>`
  })
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>poe check: ${reports.length} servers</title>
<style>${PAGE_STYLE}
table{border-collapse:collapse}th,td{padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top;
border-top:1px solid var(--line);font-weight:400}.differs{background:var(--soft)}</style>
</head>
<body>
<h1>poe check: ${reports.length} servers</h1>
<table>
<thead><tr><th scope="col">check</th>${heads.join('')}</tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table>
</body>
</html>
`
}

function flat(value: string): string {
  return readable(value).replaceAll(/\s+/g, ' ')
}

function text(value: string): string {
  return escapeHtml(readable(value))
}
