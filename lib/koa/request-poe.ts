/**
 * `ctx.poe`: what an application has at hand in every request, and inside a resource's handler.
 */
import type { Context, Middleware } from 'koa'
import compose from 'koa-compose'
import { nanoid } from 'nanoid'
import type { Run } from '../engine/operation.js'
import { type LaterOptions, newMessage } from '../engine/outbox/message.js'
import { PoeError } from '../errors.js'
import { Advertisement } from './advertisement.js'
import type { Core, OfferedLink } from './core.js'
import type { MessageName, PayloadOf } from './outbox-messages.js'
import { principalsOf } from './principal.js'
import type { ResourceState } from './resource-state.js'
import { warnOfNobody } from './warnings.js'
import type { HandlerAnswer } from './watch-answer.js'

/** Values for the other parameters of a resource's path. */
export type LinkParams = Readonly<Record<string, string | number>>

/** How an operation is named; the first of these that a request has decides. */
export type Naming = 'link' | 'key' | 'condition' | 'content'

/** A claim that is held for a request, while its handler is at work. */
export interface Held {
  /** What the handler knows the operation by. */
  readonly key: string
  readonly run: Run
  /** The claim that this one is inside of; `null` for none. */
  readonly around: Held | null
  /** Whether it is a link's, or inside of one's. */
  readonly isBehindLink: boolean
  /** Whether a claim inside this one has a transaction of its own, which handlers use. */
  hasTransactionInside: boolean
}

/** `ctx.poe`. */
export class RequestPoe<Tx = unknown> {
  readonly #core: Core
  readonly #ctx: Context
  #advertisement: Advertisement | null = null
  #held: Held | null = null
  /** The claim that has ended last: middleware around it may ask for its key. */
  #ended: Held | null = null
  /** @internal The fields of an answer at a POE resource. */
  state: ResourceState | null = null
  /** @internal The status of an answer of ours, which no router may replace; else `null`. */
  decided: number | null = null
  /** @internal Its body. */
  decidedBody: unknown = null
  /** @internal The type of that. */
  decidedType = ''
  /** @internal What became of a handler here. */
  said: HandlerAnswer | null = null
  /** @internal Whether the answer is compared with what was said, when it leaves. */
  isWatched = false
  /** @internal The status when middleware came back without waiting for a handler; else `null`. */
  statusOutside: number | null = null
  /** @internal What names this request's operation, so that only one door does. */
  naming: Naming | null = null
  /** Doors in front of a POE resource that run inside its claim. */
  #inner: Middleware[] | null = null

  constructor(core: Core, ctx: Context) {
    this.#core = core
    this.#ctx = ctx
  }

  /**
   * Mints a link to a resource and advertises it in `POE-Links`. Touches no store.
   *
   * @param name - of the resource
   * @param params - values for the other parameters of its path
   * @returns the URI-reference to put in the page; `null` while the store is known to be down, or
   *   when the request has no principal
   * @throws TypeError for an unknown resource, a missing parameter or one that is `.` or `..`, or a
   *   bad principal
   * @see POE draft 3
   */
  link(name: string, params: LinkParams = {}): string | null {
    return this.mint(name, params)?.link ?? null
  }

  /**
   * As {@link RequestPoe.link}, with the link's expiry.
   *
   * @returns link and expiry in milliseconds since the Unix epoch, or `null`
   * @throws as {@link RequestPoe.link}
   */
  mint(name: string, params: LinkParams = {}): OfferedLink | null {
    const offered = this.mintOf(this.#core, name, params)
    if (offered !== null && /\/\.\.?(\/|$)/.test(offered.link)) {
      throw new TypeError('link(): a parameter is "." or "..", which clients take out of a path')
    }
    return offered
  }

  /** @internal As {@link RequestPoe.mint}, for a door that may be of another `poe()`. */
  mintOf(core: Core, name: string, params: LinkParams): OfferedLink | null {
    const ctx = this.#ctx
    const { options } = core
    const resource = core.resource(name)
    const [principal] = principalsOf(ctx, options.principal)
    if (principal === undefined) {
      warnOfNobody(core)
      return null
    }
    const offered = core.offer(ctx, principal, resource, params)
    // A connection of koa-websocket has no response: the link goes into a message.
    if (offered === null || ctx.res === undefined) return offered
    this.#advertisement ??= new Advertisement(ctx.res, options)
    this.#advertisement.add(resource.isPoe ? offered.link : null)
    return offered
  }

  /** The record's key, inside a resource's handler; use it to name the effect elsewhere. */
  get key(): string {
    return this.#heldFor('key').key
  }

  /** Aborts when the claim is lost or `maxRunMs` is over; inside a resource's handler. */
  get signal(): AbortSignal {
    return this.#heldFor('signal').run.signal
  }

  /**
   * The transaction in which the handler writes and in which the link becomes spent; inside the
   * handler of a resource with `transactional: true`.
   */
  get tx(): Tx {
    const { tx } = this.#heldFor('tx').run
    if (tx === null) {
      throw new TypeError(
        'ctx.poe.tx needs transactional: true on the resource or door that is innermost',
      )
    }
    return tx as Tx
  }

  /**
   * Durably notes that the effect is about to begin: silence before it frees the link, after it
   * leaves the link undecided. Inside the handler of a resource with `marks: true`.
   *
   * @throws PoeError `ERR_POE_LEASE_LOST` when the claim is another's by now, or the handler is at
   *   its end without a success; let it pass
   * @throws PoeError `ERR_POE_STORE_DOWN` when the store does not answer; let it pass
   */
  async pointOfNoReturn(): Promise<void> {
    await this.#heldFor('pointOfNoReturn').run.pointOfNoReturn()
  }

  /** @internal Lets a door in front of a POE resource run inside its claim. */
  runInside(door: Middleware): void {
    this.#inner ??= []
    this.#inner.push(door)
  }

  /** @internal Gives the handler with the doors that run inside its claim. */
  inside(handler: Middleware): Middleware {
    return this.#inner === null ? handler : compose([...this.#inner, handler])
  }

  /**
   * Writes a message in the handler's transaction: it is there exactly when the link is spent, and
   * `once.worker()` delivers it, with a key that is the same in every attempt. Inside the handler
   * of a resource with `transactional: true`, on sqlite and PostgreSQL.
   *
   * @param name - says which handler of the worker delivers it
   * @param payload - anything that JSON can tell, up to `payloadLimitBytes`
   * @param options - `delayMs`: how long it waits before its first attempt
   * @returns its key; the commit waits for the message, also where this is not awaited
   * @throws TypeError or RangeError, at once, for a name or payload that is none
   */
  later<Name extends MessageName>(
    name: Name,
    payload: PayloadOf<Name>,
    options?: LaterOptions,
  ): Promise<string> {
    const { run } = this.#heldFor('later')
    const { payloadLimitBytes } = this.#core.options
    const message = newMessage(nanoid(22), name, payload, payloadLimitBytes, options)
    const written = run.later(message).then(() => message.key)
    written.catch(() => {})
    return written
  }

  /** @internal The innermost claim that is held for this request; `null` for none. */
  get held(): Held | null {
    return this.#held
  }

  /** @internal Opens the handler's part. */
  enter(held: Held): void {
    this.#held = held
    if (held.run.tx === null) return
    for (let each = held.around; each !== null; each = each.around) {
      each.hasTransactionInside = true
    }
  }

  /** @internal Gives it back to the claim around this one, where there is one. */
  leave(held: Held): void {
    this.#held = held.around
    this.#ended = held
  }

  /** @internal Notes an answer of ours. */
  decide(status: number, body: unknown, type: string): void {
    this.decided = status
    this.decidedBody = body
    this.decidedType = type
  }

  #heldFor(member: string): Held {
    const held = this.#held ?? this.#ended
    if (held !== null) return held
    throw new TypeError(
      `ctx.poe.${member} is there only inside the handler of a resource or a door`,
    )
  }
}

/** `ctx.poe`. @throws PoeError where `once.middleware()` is missing */
export function poeOf(ctx: Context): RequestPoe {
  if (ctx.poe === undefined) throw missingMiddleware()
  return ctx.poe
}

/** Makes the error for a `ctx.poe` that was never set up. */
export function missingMiddleware(): PoeError {
  const text = 'ctx.poe is missing: app.use(once.middleware()) must come before the router'
  return new PoeError('ERR_POE_NO_LINK', text)
}
