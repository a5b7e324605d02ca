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

export type { Content, JsonObject, PostBody } from './body.js'
export type { ClientClock } from './clock.js'
export type { CorePostOptions, PoeCore } from './core.js'
export { type DelayOptions, delayFor, type FieldReader, type WithFields } from './delay.js'
export { ClientError, PostAborted } from './errors.js'
export type { Journal, JournalEntry, JournalHold } from './journal.js'
export {
  type Answer,
  classify,
  type Ending,
  type Judgement,
  type JudgeRules,
  type Knowledge,
  type Past,
  type Step,
} from './judge.js'
export type { FoundLink } from './known-links.js'
export type {
  Adapter,
  ClientOptions,
  ClientSettings,
  FetchLike,
  OptionalHooks,
  ResolvedOptions,
  RetryNotice,
  SendOptions,
} from './options.js'
export type {
  Accepted,
  AcceptedEarlier,
  Gone,
  OutcomeDetails,
  PostOutcome,
  Refused,
  Unknown,
  UsedBefore,
} from './outcome.js'

/**
 * Makes a client. Its options are not checked here; TypeScript does that.
 *
 * @param options - all but `journal` and the adapter's pointers
 * @returns the client
 * @see POE draft 2, 5
 */
export function createClient(options: Omit<ClientOptions, 'journal'> = {}): PoeCore {
  return new PoeCore(options, {
    links: null,
    readLinks,
    prepare: prepareSimply,
    classify,
    // A browser hides every redirect of a POST.
    follow: null,
    check: () => {},
  })
}
