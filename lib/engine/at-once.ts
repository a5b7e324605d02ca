/**
 * Store methods that know their reply at once, and can be asked without a promise: a memory in
 * this process has nothing to wait for.
 *
 * The second form belongs to the method itself. A store that puts a method of its own in its place
 * (to measure it, to spoil it) is asked by that, and waited for as usual.
 */

/** A method of a store, with its other form where there is one. */
interface Method<Given extends unknown[], Reply> {
  (...given: Given): Promise<Reply>
  [AT_ONCE]?: (...given: Given) => Reply
}

const AT_ONCE = Symbol('post-once-exactly at once')

/**
 * Says that a method knows its reply at once.
 *
 * @param method - as the store contract has it
 * @param same - does the same, and throws where the method rejects
 */
export function answersAtOnce<Given extends unknown[], Reply>(
  method: (...given: Given) => Promise<Reply>,
  same: (...given: Given) => Reply,
): void {
  const known: Method<Given, Reply> = method
  known[AT_ONCE] = same
}

/**
 * Asks a store.
 *
 * @param method - one of the store's
 * @returns its reply, or a promise where it has to be waited for
 * @throws what the method rejects with, where it is asked without a promise
 */
export function ask<Given extends unknown[], Reply>(
  store: object,
  method: (...given: Given) => Promise<Reply>,
  ...given: Given
): Reply | Promise<Reply> {
  const known: Method<Given, Reply> = method
  const same = known[AT_ONCE]
  return same === undefined ? known.apply(store, given) : same.apply(store, given)
}
