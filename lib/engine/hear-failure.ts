/**
 * What comes of functions of an application that are to answer at once, and are async all the same.
 */

/**
 * Hears of a promise's failure in the place of whoever would await it: nobody does, and Node ends
 * the process over a failure that nobody hears.
 *
 * @param given - anything; what is no promise is left alone
 */
export function hearFailure(given: unknown): void {
  if (given instanceof Promise) given.catch(() => {})
}
