/**
 * Which answers are successes, and where they lead.
 *
 * @see POE draft 2 (POE-2-19)
 */
import { fieldValues } from '../testing/raw-response.js'
import { resolved } from './unmet-expectation.js'
import type { Exchange } from './wire.js'

/** Where the successes of a race that are redirects lead; those of one link lead to one place. */
export function resultsOf(all: readonly Exchange[]): string[] {
  const places = all.flatMap(({ response, sent }) => {
    if (response === null || ![301, 302, 303].includes(response.status)) return []
    const [location] = fieldValues(response, 'Location')
    return location === undefined ? [] : [resolved(location, sent.url)]
  })
  return [...new Set(places)]
}

/** Whether a status is a success: 2xx, or a redirect to the result. */
export function isSuccess(status: number | undefined): boolean {
  return isIn(status, 200, 299) || [301, 302, 303].includes(status ?? 0)
}

/** Whether a status is one of a range. */
export function isIn(status: number | undefined, from: number, to: number): boolean {
  return status !== undefined && status >= from && status <= to
}
