/** What a report about a client says besides `pass`. */
import type { ClientReport } from 'post-once-exactly/conformance'

/** Everything that did not pass, a line each. */
export function unlike({ results }: ClientReport): string[] {
  return results
    .filter(({ result }) => result !== 'pass')
    .map(({ id, result, expected, seen }) =>
      result === 'skipped' ? `skipped ${id}` : `${result} ${id}: ${expected}, ${seen}`,
    )
}
