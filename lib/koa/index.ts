/**
 * post-once-exactly for Koa.
 *
 * @packageDocumentation
 */
import type { RequestPoe } from './request-poe.js'

export type { GivenTexts } from '../answers/page-texts.js'
export type { DoorRefusal, LinkRefusal } from '../answers/refusal-kinds.js'
export type { Placed, Refusal } from '../answers/refusal-view.js'
export type { PageLabels, PageTexts, RefusalWords } from '../answers/words.js'
export type { Unfinished } from '../engine/engine.js'
export type { AppKey } from '../engine/links.js'
export type { Reconciled, ReconciledOutcome, SuccessRule } from '../engine/operation.js'
export { type Delivered, PermanentError } from '../engine/outbox/delivery.js'
export type { DeadLetter, OutboxDesk } from '../engine/outbox/desk.js'
export type { LaterOptions } from '../engine/outbox/message.js'
export type { OutboxEvent } from '../engine/outbox/outbox-events.js'
export type { MessageCount } from '../engine/outbox/outbox-store.js'
export type { OutboxWorker, WorkerOptions } from '../engine/outbox/worker-options.js'
export type { RecordedField } from '../engine/outcome.js'
export type { Clock, OnEvent, PoeEvent } from '../engine/ports.js'
export type { RuleOptions } from '../engine/rules.js'
export type { PoeStatus } from '../engine/status.js'
export type { Upkeep } from '../engine/upkeep.js'
export type {
  KeptAnswers,
  KeyProfileName,
  KeySyntax,
} from '../protocols/idempotency-key/index.js'
export type { OfferedLink } from './core.js'
export { corsFields } from './cors.js'
export type { ActionHandler, ActionOptions } from './doors/actions.js'
export type { ConditionalOptions, CurrentState } from './doors/conditional.js'
export type { DoorOptions, FingerprintRule } from './doors/door.js'
export type { DuplicateOptions, DuplicateReason } from './doors/duplicates.js'
export type { IdempotencyKeyOptions } from './doors/idempotency-key.js'
export type { KeyedDoorOptions } from './doors/keyed-door.js'
export type { FirstAnswer, ReplayOptions } from './doors/replay-door.js'
export { answerExpectations } from './expectations.js'
export type { RouterLayer, RouterLike, RouterPort } from './link-paths.js'
export type {
  DrawRefusal,
  PoeOptions,
  RerenderReason,
  ResourceOptions,
} from './options.js'
// Whole, so that an application may add to the interface in it.
export * from './outbox-messages.js'
export { type Poe, poe, type ResourceMiddleware } from './poe.js'
export { type Anyone, anyone, type Principal, type PrincipalOf } from './principal.js'
export type { LinkParams, RequestPoe } from './request-poe.js'

declare module 'koa' {
  interface ExtendableContext {
    /** Set by `once.middleware()`. */
    poe: RequestPoe
  }
}
