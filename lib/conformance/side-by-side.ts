/**
 * Work that mostly waits, a bounded number at a time.
 */

/**
 * Does something with each item, and keeps the order.
 *
 * @param items - begun in their order
 * @param atOnce - how many are under way at most
 * @param work - for one of them
 * @returns what came of each
 */
export async function sideBySide<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let index = next; index < items.length; index = next) {
      next += 1
      const item = items[index] as T
      results[index] = await work(item)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, atOnce) }, worker))
  return results
}
