/**
 * What a request may carry wherever it is led.
 */

/** What says nothing of the caller, and decides what is answered. */
const ABOUT_ANSWER = /^accept(?:-language)?$/

/** The fields that were not given for one origin only. */
export function ungiven(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => ABOUT_ANSWER.test(name)))
}
