/**
 * Deliberately wrong servers: the independent one with one fault each.
 */
import type { Fault } from './fault.js'
import { type IndependentOptions, type JudgedServer, startIndependent } from './independent.js'
import { WRONG_ANSWERS } from './wrong-answers.js'
import { WRONG_MEMORY } from './wrong-memory.js'
import { WRONG_MORE } from './wrong-more.js'
import { WRONG_PAGES } from './wrong-pages.js'
import { WRONG_POSTS } from './wrong-posts.js'

/** Every wrong server: its name, what is wrong, the requirements that it breaks. */
export const WRONG: readonly Fault[] = [
  ...WRONG_POSTS,
  ...WRONG_MEMORY,
  ...WRONG_ANSWERS,
  ...WRONG_PAGES,
]

/**
 * Starts a wrong server.
 *
 * @param name - of {@link WRONG}
 * @param options - besides those that the fault needs
 * @throws RangeError for an unknown name
 */
export function startWrong(
  name: string,
  options: Omit<IndependentOptions, 'behaviour'> = {},
): Promise<JudgedServer> {
  const fault = [...WRONG, ...WRONG_MORE].find(one => one.name === name)
  if (fault === undefined) throw new RangeError(`There is no wrong server '${name}'`)
  return startIndependent({ ...fault.options, ...options })
}
