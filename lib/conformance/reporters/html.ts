/**
 * A report as one page, to be read by people: nothing is loaded, nothing runs, all is escaped.
 */
import escapeHtml from 'escape-html'
import { EXPLANATIONS } from '../explanations/index.js'
import type { CheckResult } from '../report.js'
import { readable } from '../words.js'
import { PAGE_STYLE } from './page-style.js'
import {
  countsInWords,
  type Group,
  groupsOf,
  type Printable,
  RESULT_WORDS,
  VERDICT_WORDS,
} from './printable.js'

/** Writes a report as an HTML page. */
export function htmlReport(printable: Printable): string {
  const { title, target, facts, results, asks, grades, verdict } = printable
  const rows = facts.map(
    ([name, value]) => `<div><dt>${text(name)}</dt><dd>${text(value)}</dd></div>`,
  )
  const parts = grades.map(
    ([name, grade]) =>
      `<tr><th scope="row">${text(name)}</th><td><span class="mark ${grade.verdict}">${text(
        VERDICT_WORDS[grade.verdict],
      )}</span></td><td>${text(countsInWords(grade))}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>${text(title)}: ${text(VERDICT_WORDS[verdict])}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${text(title)}</h1>
<p class="target">${text(target)}</p>
<p class="verdict ${verdict}">${text(capital(VERDICT_WORDS[verdict]))}</p>
<table class="grades"><tbody>${parts.join('')}</tbody></table>
<dl>${rows.join('')}</dl>
</header>
<main>
${toLookAt(results)}
<h2>All requirements</h2>
${groupsOf(results)
  .map(group => section(group, asks))
  .join('\n')}
</main>
</body>
</html>
`
}

function toLookAt(results: readonly CheckResult[]): string {
  const open = results.filter(({ result }) => !['pass', 'skipped', 'blocked'].includes(result))
  if (open.length === 0) return ''
  return `<h2>To look at</h2>\n${open.map(result => card(result, true)).join('\n')}`
}

function section(group: Group, asks: ReadonlyMap<string, string>): string {
  const { requirement, level, results } = group
  const ask = asks.get(requirement)
  return `<section id="${text(requirement)}">
<h3>${text(requirement)} <span class="level">${text(level)}</span>
<span class="where">${text(group.section)}</span></h3>
${ask === undefined ? '' : `<p class="asks">${text(ask)}</p>`}
${explanationOf(requirement)}
${results.map(result => card(result, false)).join('\n')}
</section>`
}

/** One result; what was seen in full where it is to be looked at. */
function card(result: CheckResult, isFull: boolean): string {
  const { id, requirement, title, why, expected, seen, durationMs } = result
  const kind = result.result
  const details = [
    detail('expected', expected),
    detail(kind === 'skipped' ? 'reason' : 'seen', kind === 'blocked' ? undefined : seen),
    detail('why it matters', isFull ? why : undefined),
  ].join('')
  const took = durationMs === undefined ? '' : ` <span class="where">${durationMs} ms</span>`
  const words = `<span class="mark ${kind}">${text(RESULT_WORDS[kind])}</span>`
  const list = details === '' ? '' : `<dl>${details}</dl>`
  const name = `<a href="#${text(requirement)}"><code>${text(id)}</code></a>`
  const head = `${words} <b>${text(capital(title))}</b> ${name}${took}`
  return `<div class="check">${head}${list}${isFull ? wireOf(result) : ''}</div>`
}

function wireOf({ exchange, exchanges = [], exchangesLeftOut = 0 }: CheckResult): string {
  const summary = '<details><summary>What went over the wire</summary>'
  if (exchanges.length === 0) {
    return exchange === undefined ? '' : `${summary}<pre>${text(exchange)}</pre></details>`
  }
  const shown = exchanges.map(({ endedAtMs, isDecisive, text: told, curl }) => {
    const mark = isDecisive ? ' class="decisive"' : ''
    const head = `after ${endedAtMs} ms${isDecisive ? ': this is the one' : ''}`
    return `<li${mark}>${head}<pre>${text(told)}</pre><pre>${text(curl)}</pre></li>`
  })
  const left = exchangesLeftOut === 0 ? '' : `<p>and ${exchangesLeftOut} more</p>`
  return `${summary}<ol>${shown.join('')}</ol>${left}</details>`
}

function explanationOf(requirement: string): string {
  const told = EXPLANATIONS.get(requirement)
  if (told === undefined) return ''
  const rows = [
    detail('why it matters', told.why),
    detail('how it is broken', told.wrong),
    detail('how to mend it', told.mend),
  ]
  return `<details><summary>How to mend it</summary><dl>${rows.join('')}</dl></details>`
}

function detail(name: string, value: string | undefined): string {
  return value === undefined ? '' : `<dt>${name}</dt><dd>${text(value)}</dd>`
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function text(value: string): string {
  return escapeHtml(readable(value))
}
