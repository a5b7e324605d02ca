/**
 * The client for Node: sends each POST so that it takes effect once, and tells how it ended.
 *
 * @packageDocumentation
 */
import { PoeClient } from './client.js'
import { linkReader } from './node/link-field.js'
import type { ClientOptions } from './options.js'

export type { Content, JsonObject, PostBody } from './body.js'
export type { PoeClient, PostOptions, RequestOptions, Resumed, ResumeOptions } from './client.js'
export type { ClientClock } from './clock.js'
export { type DelayOptions, delayFor, type WithFields } from './delay.js'
export { ClientError, PostAborted } from './errors.js'
export type { Journal, JournalEntry, JournalHold } from './journal.js'
export {
  type Answer,
  classify,
  type Door,
  type Judgement,
  type JudgeRules,
  type Past,
} from './judge.js'
export type { FoundLink } from './known-links.js'
export { type FileJournalOptions, fileJournal } from './node/file-journal.js'
export type {
  Adapter,
  ClientOptions,
  FetchLike,
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
export { LinkPool, type LinkPoolOptions, linkPool } from './pool.js'

/**
 * Makes a client.
 *
 * @param options - see {@link ClientOptions}
 * @returns the client
 * @throws TypeError for options that cannot be meant
 * @see POE draft 2, 5
 */
export function createClient(options: ClientOptions = {}): PoeClient {
  return new PoeClient(options, linkReader)
}
