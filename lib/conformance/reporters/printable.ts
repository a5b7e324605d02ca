/**
 * What every reporter prints: a run against a server, or one of a client.
 */

import { DOOR_REQUIREMENTS } from '../checks/index.js'
import { REQUIREMENTS } from '../checks/poe/requirements.js'
import type { ClientReport } from '../clients/check-client.js'
import { CLIENT_REQUIREMENTS } from '../clients/requirements.js'
import type { CheckResult, ConformanceReport, Grade, ResultKind, Verdict } from '../report.js'

/** A run, ready to be printed. */
export interface Printable {
  /** What was run. */
  readonly title: string
  /** What was judged. */
  readonly target: string
  /** What a reader has to know of the run. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly results: readonly CheckResult[]
  /** What each rule asks, by its id, where that is known. */
  readonly asks: ReadonlyMap<string, string>
  /** What is said of parts of it, the larger ones last. */
  readonly grades: readonly (readonly [name: string, grade: Grade])[]
  readonly verdict: Verdict
  readonly exitCode: 0 | 1 | 2
  /** All of it, for machines. */
  readonly data: unknown
}

/** Results in words. */
export const RESULT_WORDS: Readonly<Record<ResultKind, string>> = {
  pass: 'passed',
  fail: 'failed',
  warn: 'warning',
  info: 'note',
  'setup-failed': 'could not tell',
  'harness-failed': 'could not ask',
  blocked: 'not reached',
  skipped: 'not judged',
}

/** Verdicts in words. */
export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  conformant: 'conformant in what was judged',
  'not-conformant': 'not conformant',
  undetermined: 'could not tell',
}

/** Results of one requirement. */
export interface Group {
  readonly requirement: string
  readonly level: string
  readonly section: string
  readonly results: readonly CheckResult[]
}

/**
 * A run against a server, ready to be printed.
 *
 * @param report - of `runConformance()`
 * @returns what `writeReport()` takes
 */
export function printableReport(report: ConformanceReport): Printable {
  const { target, door, version, profile, startedAt, durationMs } = report
  const { rounds, results, grades } = report
  return {
    title: 'poe check',
    target,
    facts: [
      ['door', door],
      ['profile', profile],
      ['started', startedAt],
      ['took', `${(durationMs / 1_000).toFixed(1)} s`],
      ['rounds of each race', String(rounds)],
      ['post-once-exactly', version],
    ],
    results,
    asks: new Map([...REQUIREMENTS, ...DOOR_REQUIREMENTS].map(([id, { asks }]) => [id, asks])),
    grades: Object.entries(grades).map(([name, grade]) => [name, grade] as const),
    verdict: report.verdict,
    exitCode: report.exitCode,
    data: report,
  }
}

/**
 * A run against a client, ready to be printed.
 *
 * @param report - of `checkClient()`
 * @param client - what the client is called
 * @returns what `writeReport()` takes
 */
export function printableClientReport(report: ClientReport, client: string): Printable {
  const { version, startedAt, durationMs, results, grade, verdict, exitCode } = report
  return {
    title: 'poe check-client',
    target: client,
    facts: [
      ['started', startedAt],
      ['took', `${(durationMs / 1_000).toFixed(1)} s`],
      ['post-once-exactly', version],
    ],
    results,
    asks: new Map([...CLIENT_REQUIREMENTS].map(([id, { asks }]) => [id, asks])),
    grades: [['all', grade]],
    verdict,
    exitCode,
    data: report,
  }
}

/** Results by requirement, in the order in which requirements first appear. */
export function groupsOf(results: readonly CheckResult[]): Group[] {
  const groups = new Map<string, Group & { readonly results: CheckResult[] }>()
  for (const result of results) {
    const { requirement, level, section } = result
    const known = groups.get(requirement)
    if (known !== undefined) known.results.push(result)
    else groups.set(requirement, { requirement, level, section, results: [result] })
  }
  return [...groups.values()]
}

/** What results say, such as "not judged without restart", with the ids of their checks. */
export function reasonsOf(results: readonly CheckResult[]): Map<string, string[]> {
  const reasons = new Map<string, string[]>()
  for (const { id, seen = '' } of results) {
    const reason = seen.startsWith('it does not arise') ? 'it does not arise' : seen
    reasons.set(reason, [...(reasons.get(reason) ?? []), id])
  }
  return reasons
}

/** How many there are of each kind, in words. */
export function countsInWords({ counts }: Grade): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${RESULT_WORDS[kind as ResultKind]}`)
    .join(', ')
}
