/**
 * The whole client for browsers: it finds links in pages, mints them, keeps a journal in IndexedDB
 * that outlives the tab, and has a link pool. The core alone is `client/browser`.
 *
 * @packageDocumentation
 */
import { preparePayload } from './body.js'
import { PoeClient } from './client.js'
import { followHops } from './follow-get.js'
import { followPost } from './follow-post.js'
import { classifyAny } from './judge-keyed.js'
import { type ClientOptions, checkOptions } from './options.js'
import { readAllLinks } from './page-links.js'

export type { PoeClient, PostOptions, RequestOptions, Resumed, ResumeOptions } from './client.js'
export { type IndexedDbJournalOptions, indexedDbJournal } from './indexed-db-journal.js'
export type { AnyRules, ClientDoor } from './judge-keyed.js'
export { LinkPool, type LinkPoolOptions, linkPool } from './pool.js'
export type * from './types.js'

/**
 * Makes a client that can keep a journal.
 *
 * @param options - all but `logger`
 * @returns the client
 * @throws TypeError for options that cannot be meant
 * @see POE draft 2, 5
 */
export function createClient(options: Omit<ClientOptions, 'logger'> = {}): PoeClient {
  return new PoeClient(options, {
    links: null,
    readLinks: readAllLinks,
    prepare: preparePayload,
    classify: classifyAny,
    follow: followPost,
    hops: followHops,
    check: checkOptions,
  })
}
