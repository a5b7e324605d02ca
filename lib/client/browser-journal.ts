/**
 * What a page that must outlive its tab needs besides the client: a journal in IndexedDB, and the
 * link pool.
 *
 * @packageDocumentation
 */
export { type IndexedDbJournalOptions, indexedDbJournal } from './indexed-db-journal.js'
export type { Journal, JournalEntry, JournalHold } from './journal.js'
export { LinkPool, type LinkPoolOptions, linkPool } from './pool.js'
