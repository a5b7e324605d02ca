/**
 * Notes what goes over the wire for the check that is under way; several may be, side by side.
 */
import { AsyncLocalStorage } from 'node:async_hooks'

/** So many exchanges of a check are noted. */
const MOST_NOTED = 1_000

const current = new AsyncLocalStorage<unknown[]>()

/** Notes an exchange for the check that is under way, if one is. */
export function noted<E>(exchange: E): E {
  const list = current.getStore()
  if (list !== undefined && list.length < MOST_NOTED) list.push(exchange)
  return exchange
}

/**
 * Runs a check, and has its exchanges noted.
 *
 * @param list - they are put there, in the order in which they end
 * @param check - runs it
 */
export async function noting<T>(list: unknown[], check: () => Promise<T>): Promise<T> {
  return await current.run(list, check)
}
