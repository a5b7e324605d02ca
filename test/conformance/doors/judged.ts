/**
 * What a report says, in short.
 */
import type { ConformanceReport } from 'post-once-exactly/conformance'

/**
 * The checks that neither passed nor were skipped, nor were blocked by one that failed; those that
 * did not fail with a word before.
 */
export function unlike(report: ConformanceReport | undefined): string[] {
  const found =
    report?.results.filter(({ result, seen = '' }) => {
      const isBlocked = result === 'blocked' && seen.startsWith('blocked by ')
      return !isBlocked && !['pass', 'skipped'].includes(result)
    }) ?? []
  return found.map(({ id, result }) => (result === 'fail' ? id : `${result} ${id}`)).sort()
}

/** The checks that were not judged, in order. */
export function skippedIn(report: ConformanceReport | undefined): string[] {
  const results = report?.results ?? []
  return results.flatMap(({ id, result }) => (result === 'skipped' ? [id] : [])).sort()
}
