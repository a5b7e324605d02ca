/**
 * Which checks a wrong server is asked, where it is not asked all.
 */
import type { Check } from 'post-once-exactly/conformance'

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
