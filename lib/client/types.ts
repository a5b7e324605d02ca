/**
 * The types that every entry point of the client gives.
 */
export type { Content, JsonObject, MadeContent, PostBody } from './body.js'
export type { ClientClock } from './clock.js'
export type { CorePostOptions, PoeCore } from './core.js'
export type { DelayOptions, FieldReader, WithFields } from './delay.js'
export type { FetchBody, FetchHeaders } from './fetch-types.js'
export type { Journal, JournalEntry, JournalHold } from './journal.js'
export type {
  Ending,
  JudgedAnswer,
  Judgement,
  JudgeRules,
  Knowledge,
  NextStep,
  Past,
} from './judge.js'
export type { FoundLink } from './known-links.js'
export type {
  Adapter,
  ClientLogger,
  ClientOptions,
  ClientSettings,
  FetchLike,
  OptionalHooks,
  RequestHooks,
  RequestNotice,
  ResolvedClientOptions,
  ResponseNotice,
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
