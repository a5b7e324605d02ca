/**
 * How hard links are to guess from one another.
 */

/** That of base64. */
const LARGEST_ALPHABET = 64

/**
 * Estimates it from a handful of links: what all of them begin and end with counts nothing, and
 * each place between counts as many characters as there seem to be, by how many were seen. Random
 * links come out about right, counters and times far below.
 *
 * @param links - at least two, all different
 * @returns bits
 */
export function entropyBits(links: readonly string[]): number {
  const shortest = Math.min(...links.map(link => link.length))
  const start = common(shortest, index => new Set(links.map(link => link.charAt(index))).size === 1)
  const end = common(shortest - start, index => {
    return new Set(links.map(link => link.charAt(link.length - 1 - index))).size === 1
  })
  let bits = 0
  for (let index = start; index < shortest - end; index += 1) {
    const seen = new Set(links.map(link => link.charAt(index))).size
    bits += Math.log2(alphabetOf(seen, links.length))
  }
  return bits
}

/**
 * How many characters there are, where so many different ones were seen in so many draws: a few
 * draws do not show all of them.
 */
function alphabetOf(seen: number, draws: number): number {
  let size = seen
  while (size < LARGEST_ALPHABET && size * (1 - (1 - 1 / size) ** draws) < seen - 0.5) size += 1
  return size
}

function common(limit: number, isAlike: (index: number) => boolean): number {
  let count = 0
  while (count < limit && isAlike(count)) count += 1
  return count
}
