/**
 * How hard links are to guess from one another.
 */

/**
 * Estimates it from a handful of links: what all of them begin and end with counts nothing, and
 * each place between counts as many characters as were seen there. Random links of 128 bits come
 * out below that, counters and times far below.
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
    bits += Math.log2(new Set(links.map(link => link.charAt(index))).size)
  }
  return bits
}

function common(limit: number, isAlike: (index: number) => boolean): number {
  let count = 0
  while (count < limit && isAlike(count)) count += 1
  return count
}
