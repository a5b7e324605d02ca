/**
 * The client for browsers: no Node, no dependencies, and no reading of `Link`; a 405 is proven by
 * its `Allow` and a GET. Journal and link pool are in `client/browser/journal`.
 *
 * @packageDocumentation
 */
import { PoeClient } from './client.js'
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

/**
 * Makes a client.
 *
 * @param options - see {@link ClientOptions}
 * @returns the client
 * @throws TypeError for options that cannot be meant
 * @see POE draft 2, 5
 */
export function createClient(options: ClientOptions = {}): PoeClient {
  return new PoeClient(options, null)
}
