/**
 * A report to be read on a terminal.
 */
import { styleText } from 'node:util'
import { EXPLANATIONS } from '../explanations/index.js'
import type { CheckResult, ResultKind, Verdict } from '../report.js'
import { readable } from '../words.js'
import {
  countsInWords,
  type Group,
  groupsOf,
  type Printable,
  RESULT_WORDS,
  reasonsOf,
  VERDICT_WORDS,
} from './printable.js'

type Style = 'green' | 'red' | 'yellow' | 'dim' | 'bold'

const KIND_STYLES: Readonly<Record<ResultKind, Style>> = {
  pass: 'green',
  fail: 'red',
  warn: 'yellow',
  info: 'dim',
  'setup-failed': 'yellow',
  'harness-failed': 'yellow',
  blocked: 'dim',
  skipped: 'dim',
}
const VERDICT_STYLES: Readonly<Record<Verdict, Style>> = {
  conformant: 'green',
  'not-conformant': 'red',
  undetermined: 'yellow',
}

/** Writes a report as text; `isColoured` for terminals that show colours. */
export function textReport(printable: Printable, isColoured: boolean): string {
  const paint = (style: Style, text: string) =>
    isColoured ? styleText(style, text, { validateStream: false }) : text
  const lines = [flat(`${printable.title} ${printable.target}`), '']
  const told = printable.results.filter(({ result }) => !isSilent(result))
  for (const group of groupsOf(told)) lines.push(...groupLines(group, printable, paint))
  lines.push(...unasked(printable.results, 'blocked'))
  // Where nothing could be judged, what an adapter could add to it is of no interest yet.
  if (printable.results.some(isJudged)) lines.push(...unasked(printable.results, 'skipped'))
  lines.push('')
  for (const [name, grade] of printable.grades) {
    const word = paint(VERDICT_STYLES[grade.verdict], VERDICT_WORDS[grade.verdict])
    lines.push(`${name.padEnd(5)} ${word}: ${countsInWords(grade)}`)
  }
  lines.push(paint(VERDICT_STYLES[printable.verdict], closing(printable)))
  return `${lines.join('\n')}\n`
}

type Paint = (style: Style, text: string) => string

/** One line where all is well; else each check that is not. */
function groupLines({ requirement, level, results }: Group, { asks }: Printable, paint: Paint) {
  const head = `${requirement.padEnd(10)} ${level.padEnd(14)}`
  const unlike = results.filter(({ result }) => result !== 'pass')
  const passed = results.length - unlike.length
  const ask = asks.get(requirement) ?? ''
  const count = `${passed} of ${results.length}`.padEnd(9)
  const line = `${paint(unlike.length === 0 ? 'green' : 'red', count)} ${head} ${ask}`.trimEnd()
  return [line, ...unlike.flatMap(result => ['', ...resultLines(result, paint), ''])]
}

/** What is told by the reason, once. */
function isSilent(result: ResultKind): boolean {
  return result === 'blocked' || result === 'skipped'
}

function isJudged({ result }: CheckResult): boolean {
  return result === 'pass' || result === 'fail' || result === 'warn' || result === 'info'
}

function resultLines(result: CheckResult, paint: Paint): string[] {
  const { id, title, section, expected, seen, why } = result
  const word = paint(KIND_STYLES[result.result], RESULT_WORDS[result.result])
  const lines = [`  ${word}: ${id} (${section}): ${title}`]
  if (expected !== undefined) lines.push(`    expected  ${flat(expected)}`)
  if (seen !== undefined) lines.push(`    seen      ${flat(seen)}`)
  if (why !== undefined) lines.push(`    why       ${flat(why)}`)
  if (EXPLANATIONS.has(result.requirement)) lines.push(`    more      poe explain ${id}`)
  return [...lines, ...wireLines(result, paint)]
}

/** What failed is shown with everything that led to it; else the answer that was judged. */
function wireLines(
  { result, exchange, exchanges = [], exchangesLeftOut = 0 }: CheckResult,
  paint: Paint,
): string[] {
  const quote = (mark: string, style: Style, text: string) =>
    readable(text)
      .split('\n')
      .map(line => paint(style, `      ${mark} ${line}`.trimEnd()))
  if (result !== 'fail' || exchanges.length === 0) {
    return exchange === undefined ? [] : quote('|', 'dim', exchange)
  }
  const shown = exchanges.flatMap(({ endedAtMs, isDecisive, text }, index) => {
    const mark = isDecisive ? '>' : '|'
    const head = `    ${index + 1}. after ${endedAtMs} ms${isDecisive ? ': this is the one' : ''}`
    return [head, ...quote(mark, isDecisive ? 'bold' : 'dim', text)]
  })
  const left = exchangesLeftOut === 0 ? [] : [`    and ${exchangesLeftOut} more`]
  const curls = exchanges.map(({ curl }) => `      ${flat(curl)}`)
  return [
    ...shown,
    ...left,
    '    the same with curl (links are spent by now: put in fresh ones)',
    ...curls,
  ]
}

function unasked(results: readonly CheckResult[], kind: 'blocked' | 'skipped'): string[] {
  const some = results.filter(({ result }) => result === kind)
  if (some.length === 0) return []
  const word = RESULT_WORDS[kind]
  const lines = ['', `${word[0]?.toUpperCase()}${word.slice(1)}:`]
  for (const [reason, ids] of reasonsOf(some)) {
    const names = ids.length > 12 ? `${ids.length} checks` : ids.join(', ')
    lines.push(`  ${flat(reason)}: ${names}`)
  }
  return lines
}

function closing({ verdict, exitCode }: Printable): string {
  return `${VERDICT_WORDS[verdict].toUpperCase()} (exit ${exitCode})`
}

function flat(text: string): string {
  return readable(text).replaceAll(/\s+/g, ' ')
}
