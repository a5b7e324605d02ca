/**
 * The names and payloads of an application's messages, as TypeScript may know them: so that
 * `ctx.poe.later()` and the handlers of `once.worker()` agree.
 */
import type { Delivered } from '../engine/outbox/delivery.js'

/**
 * The application's messages: a payload's type by name. Empty, any name and payload will do; an
 * application that declares its own may use no other.
 *
 * ```ts
 * declare module 'post-once-exactly/koa' {
 *   interface OutboxMessages { charge: { readonly order: number } }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: an application adds to it.
export interface OutboxMessages {}

/** A name of a message. */
export type MessageName = keyof OutboxMessages extends never ? string : keyof OutboxMessages

/** The payload of a message. */
export type PayloadOf<Name extends string> = Name extends keyof OutboxMessages
  ? OutboxMessages[Name]
  : unknown

/** Handlers by the names of the messages that they deliver. */
export type OutboxHandlers = {
  readonly [Name in MessageName]?: (message: Delivered<PayloadOf<Name>>) => unknown
}
