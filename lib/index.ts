/**
 * The public face: what is common to servers, stores and clients. Frameworks, stores, the client
 * and the testing tools have entry points of their own.
 *
 * @packageDocumentation
 */
export type {
  Operation,
  Reconciled,
  ReconciledOutcome,
  SuccessRule,
} from './engine/operation.js'
export type { Outcome, OutcomeBody, RecordedField } from './engine/outcome.js'
export {
  type ChannelEvent,
  type Clock,
  EVENTS_CHANNEL,
  type OnEvent,
  type PoeEvent,
} from './engine/ports.js'
export {
  bucketOf,
  type Claim,
  type ClaimedBy,
  type ClaimReply,
  type ListedRecord,
  type ListQuery,
  type ListReply,
  type OnSilence,
  type OwnerReply,
  type ReadReply,
  type RunningRecord,
  type SpentRecord,
  type Store,
  type StoreCapabilities,
  type StoredOutcome,
  type StoredSecret,
  type StoreTime,
  type StoreTransaction,
  type UndecidedRecord,
} from './engine/store.js'
export type {
  RecordState,
  ScanQuery,
  ScanReply,
  StoreAdmin,
  StoreCounts,
  StoredRecord,
  StoreSetting,
} from './engine/store-admin.js'
export { ERROR_CODES, PoeError, type PoeErrorCode } from './errors.js'
export {
  type DroppedPoeLink,
  formatPoe,
  formatPoeLinks,
  type ParsePoeLinksOptions,
  type ParsePoeOptions,
  POE_LINKS_LIMIT_CHARS,
  POE_LINKS_LIMIT_MEMBERS,
  type PoeLink,
  type PoeLinkDeviation,
  type PoeLinkDropReason,
  type PoeLinksReading,
  parsePoe,
  parsePoeLinks,
  type ResolvePoeLinksOptions,
  resolvePoeLinks,
} from './protocols/poe/index.js'
