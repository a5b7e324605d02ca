/**
 * A report as JUnit XML, as build servers read it: a suite for each section, a case for each check.
 */
import escapeHtml from 'escape-html'
import type { CheckResult } from '../report.js'
import { readable } from '../words.js'
import { type Printable, RESULT_WORDS } from './printable.js'

/** Writes a report as JUnit XML. */
export function junitReport({ title, target, results: all }: Printable): string {
  const results = withErrors(all)
  const sections = new Map<string, CheckResult[]>()
  for (const result of results) {
    sections.set(result.section, [...(sections.get(result.section) ?? []), result])
  }
  const suites = [...sections].map(([section, cases]) => suite(section, cases))
  const head = `name="${xml(`${title} ${target}`)}" ${counts(results)}`
  const body = `<testsuites ${head}>\n${suites.join('')}</testsuites>`
  return `<?xml version="1.0" encoding="UTF-8"?>\n${body}\n`
}

/**
 * What was not reached is skipped; but a run that ended so is not well, so the first check of each
 * reason is an error.
 */
function withErrors(results: readonly CheckResult[]): CheckResult[] {
  const told = new Set<string>()
  return results.map(result => {
    const { seen = '' } = result
    if (result.result !== 'blocked' || told.has(seen)) return result
    told.add(seen)
    return { ...result, result: 'setup-failed' }
  })
}

function suite(section: string, results: readonly CheckResult[]): string {
  const cases = results.map(testCase).join('')
  return `  <testsuite name="${xml(section)}" ${counts(results)}>\n${cases}  </testsuite>\n`
}

function testCase(result: CheckResult): string {
  const { id, requirement, level, title, durationMs } = result
  const time = durationMs === undefined ? '' : ` time="${seconds(durationMs)}"`
  const rule = `classname="${xml(`${requirement} ${level}`)}"`
  const name = `name="${xml(`${id} ${title}`)}" ${rule}${time}`
  const inner = outcome(result)
  return inner === '' ? `    <testcase ${name}/>\n` : `    <testcase ${name}>${inner}</testcase>\n`
}

function outcome(result: CheckResult): string {
  const { id, expected, seen = '', why } = result
  const message = expected === undefined ? seen : `expected ${expected}, seen ${seen}`
  const more = `poe explain ${id} tells how to mend it`
  const parts = [message, why, more, ...wireOf(result)]
  const text = xml(parts.filter(part => part !== undefined).join('\n\n'))
  switch (result.result) {
    case 'pass':
      return ''
    case 'fail':
      return `<failure message="${xml(message)}">${text}</failure>`
    case 'setup-failed':
    case 'harness-failed':
      return `<error message="${xml(message)}">${text}</error>`
    case 'blocked':
    case 'skipped':
      return `<skipped message="${xml(message)}"/>`
    case 'warn':
    case 'info':
      return `<system-out>${xml(RESULT_WORDS[result.result])}: ${text}</system-out>`
  }
}

function wireOf({ exchange, exchanges }: CheckResult): (string | undefined)[] {
  if (exchanges === undefined) return [exchange]
  return exchanges.flatMap(({ isDecisive, text, curl }, index) => [
    `${index + 1}.${isDecisive ? ' this is the one' : ''}`,
    text,
    curl,
  ])
}

function seconds(durationMs: number): string {
  return (durationMs / 1_000).toFixed(3)
}

function counts(results: readonly CheckResult[]): string {
  const count = (...kinds: readonly string[]) =>
    results.filter(({ result }) => kinds.includes(result)).length
  const errors = count('setup-failed', 'harness-failed')
  const skipped = count('skipped', 'blocked')
  const failures = `failures="${count('fail')}" errors="${errors}"`
  const wholeMs = results.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0)
  return `tests="${results.length}" ${failures} skipped="${skipped}" time="${seconds(wholeMs)}"`
}

/** Neither control characters nor halves of pairs: XML 1.0 cannot hold them. */
const NOT_XML = /[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu

function xml(text: string): string {
  return escapeHtml(readable(text).replaceAll(NOT_XML, '\uFFFD'))
}
