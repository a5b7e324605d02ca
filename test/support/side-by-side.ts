/**
 * Work that mostly waits, side by side: a run of the suite is pauses, most of the time.
 */

/**
 * Does something with each item, so many at once.
 *
 * @param items - taken in order
 * @param atOnce - how many are under way at most
 * @param work - for one of them
 */
export async function sideBySide<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items]
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
