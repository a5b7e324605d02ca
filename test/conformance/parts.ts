/**
 * Which checks a server is asked, where it is not asked all: `POE_TEST_WHOLE=1` asks all.
 */
import { CHECKS, type Check } from 'post-once-exactly/conformance'
import { PLAIN } from '../../lib/conformance/phases.js'

/** What others rest on, and what sums up. */
export const ALWAYS: readonly string[] = [...PLAIN, 'POE-2-2/whole-run']

/**
 * The checks that are meant for a fault, what these build on, and a part of all others, so that
 * each check meets many faults of others.
 *
 * @param checks - of the door
 * @param meant - the ids of those that are meant
 * @param number - of the server, which says what its part of the others is
 * @param sharers - so many servers share the others
 */
export function partOf(
  checks: readonly Check[],
  meant: readonly string[],
  number: number,
  sharers: number,
): string[] {
  const ids = new Set(meant)
  checks.forEach(({ id }, index) => {
    if (index % sharers === number % sharers) ids.add(id)
  })
  // A set is read to its end, what is added meanwhile included.
  for (const id of ids) {
    for (const before of [checks.find(check => check.id === id)?.blockedBy ?? []].flat()) {
      ids.add(before)
    }
  }
  return [...ids]
}

/** Half of the checks for a right server, so that each check meets half of the right servers. */
export function halfFor(number: number): string[] {
  return partOf(CHECKS, ALWAYS, number, process.env.POE_TEST_WHOLE === '1' ? 1 : 2)
}
