/**
 * The core of the client for browsers: no Node, no dependencies, and no reading of `Link`; a 405 is
 * proven by its `Allow` and a GET. It learns links from `POE-Links`. What finds links in content,
 * mints, and outlives the tab is in `client/browser/journal`.
 *
 * @packageDocumentation
 */
import { PoeCore } from './core.js'
import { classify } from './judge.js'
import type { ClientOptions } from './options.js'
import { readLinks } from './read-links.js'
import { prepareSimply } from './simple-body.js'

export { delayFor } from './delay.js'
export { ClientError, PostAborted } from './errors.js'
export { classify } from './judge.js'
export type * from './types.js'

/**
 * Makes a client. Options are not checked here, TypeScript does that; but a key is refused, which
 * takes the client of `client/browser/journal`.
 *
 * @param options - all but `journal`, `logger`, `onOutcome` and the adapter's pointers
 * @returns the client
 * @see POE draft 2, 5
 */
export function createClient(
  options: Omit<ClientOptions, 'journal' | 'logger' | 'onOutcome'> = {},
): PoeCore {
  return new PoeCore(options, {
    links: null,
    readLinks,
    prepare: prepareSimply,
    classify,
    // A browser hides every redirect that it does not follow by itself.
    follow: null,
    hops: null,
    check: options => {
      // Without its key a POST would be sent again all the same.
      if ('idempotencyKey' in options)
        throw new TypeError('idempotencyKey: import client/browser/journal')
    },
  })
}
