/**
 * The client for Node: sends each POST so that it takes effect once, and tells how it ended.
 *
 * @packageDocumentation
 */
import { preparePayload } from './body.js'
import { PoeClient } from './client.js'
import { type Judgement, type JudgeRules, classify as judge, type Past } from './judge.js'
import { linkReader } from './node/link-field.js'
import { type ClientOptions, checkOptions } from './options.js'
import { provesNotSent } from './reach.js'

export type { Content, JsonObject, PostBody } from './body.js'
export type { PoeClient, RequestOptions, Resumed, ResumeOptions } from './client.js'
export type { ClientClock } from './clock.js'
export type { PoeCore, PostOptions } from './core.js'
export { type DelayOptions, delayFor, type WithFields } from './delay.js'
export { ClientError, PostAborted } from './errors.js'
export type { Journal, JournalEntry, JournalHold } from './journal.js'
export type { Answer, Door, Judgement, JudgeRules, Past } from './judge.js'
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
  return new PoeClient(options, {
    links: linkReader,
    prepare: preparePayload,
    provesNotSent,
    check: checkOptions,
  })
}

/**
 * Judges one answer to a POST that can be sent again: to a POE link, or with an
 * `Idempotency-Key`. For retry helpers of your own; `createClient` does all of it.
 *
 * @param answer - the `Response`, or what `fetch` threw
 * @param past - what is known of the tries before; pass `mayHaveArrived` on from judgement to
 *   judgement
 * @param rules - see {@link JudgeRules}
 * @returns what to do
 * @see POE draft 2, 5
 */
export function classify(answer: unknown, past: Past = {}, rules: JudgeRules = {}): Judgement {
  return judge(answer, past, { provesNotSent, ...rules })
}
