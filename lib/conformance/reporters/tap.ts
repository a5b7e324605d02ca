/**
 * A report in the Test Anything Protocol, version 14.
 *
 * @see https://testanything.org/tap-version-14-specification.html
 */
import type { CheckResult } from '../report.js'
import { readable } from '../words.js'
import { jsonText } from './json-text.js'
import type { Printable } from './printable.js'

/** Writes a report as TAP. */
export function tapReport({ title, target, results }: Printable): string {
  const lines = ['TAP version 14', `# ${plain(`${title} ${target}`)}`, `1..${results.length}`]
  for (const [index, result] of results.entries()) lines.push(...point(result, index + 1))
  return `${lines.join('\n')}\n`
}

function point(result: CheckResult, number: number): string[] {
  const { id, title, level, section, expected, seen, why, exchange, durationMs } = result
  const isSkipped = result.result === 'skipped'
  const isOk = isSkipped || ['pass', 'warn', 'info'].includes(result.result)
  const directive = isSkipped ? ` # SKIP ${plain(seen ?? '')}` : ''
  const line = `${isOk ? 'ok' : 'not ok'} ${number} - ${plain(`${id} ${title}`)}${directive}`
  if (result.result === 'pass' || isSkipped) return [line]
  const told = { result: result.result, level, section, expected, seen, why, exchange }
  const details = { ...told, duration_ms: durationMs, more: `poe explain ${id}` }
  const members = Object.entries(details).flatMap(([name, value]) =>
    // A JSON string is a YAML one.
    value === undefined ? [] : [`  ${name}: ${jsonText(value, 0)}`],
  )
  return [line, '  ---', ...members, '  ...']
}

/** On one line, and without what a reader would take for a directive. */
function plain(text: string): string {
  return readable(text).replaceAll(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll('#', '\\#')
}
