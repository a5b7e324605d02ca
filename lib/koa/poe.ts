/**
 * `poe()`: exactly-once POST for a Koa application.
 *
 * @see POE draft 2, 3, 4
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RouterContext } from '@koa/router'
import type { Context, Middleware, Next } from 'koa'
import { checkMembers, checkText } from '../engine/checks.js'
import type { Unfinished } from '../engine/engine.js'
import type { Reconciled } from '../engine/operation.js'
import { Operator } from '../engine/operator.js'
import type { ListedRecord, ReadReply } from '../engine/store.js'
import { Core, type Resource, TOKEN_PARAM } from './core.js'
import { type ActionOptions, registerActions } from './doors/actions.js'
import { type ConditionalOptions, makeConditional } from './doors/conditional.js'
import { type DuplicateOptions, makeDetectDuplicates } from './doors/duplicates.js'
import {
  type IdempotencyKeyOptions,
  makeIdempotencyKey,
  refuseRepeatability,
} from './doors/idempotency-key.js'
import { mintLink, sendOn } from './doors/link/endpoints.js'
import { makeLinkDoor } from './doors/link/link-door.js'
import { servePolicy } from './doors/policy.js'
import { makeReplay, type ReplayOptions } from './doors/replay-door.js'
import { mustBeginWithSlash, mustBeRouter, type RouterPort } from './link-paths.js'
import {
  checkNumber,
  type PoeOptions,
  type ResourceOptions,
  resolveOptions,
  resolveRules,
} from './options.js'
import {
  makeDesk,
  makeWorker,
  type OutboxDesk,
  type OutboxHandlers,
  type OutboxWorker,
  type WorkerOptions,
} from './outbox.js'
import { RequestPoe } from './request-poe.js'
import { sendAgain } from './send.js'
import { type PoeStatus, statusOf } from './status.js'
import { watchForMiddleware } from './watch-router.js'

/** How long `close` waits for handlers unless it is told, in milliseconds. */
const GRACE_MS = 5_000

/** The handler of a resource, or middleware that runs before its claim. */
export type ResourceMiddleware<Tx> = (
  ctx: RouterContext & { readonly poe: RequestPoe<Tx> },
  next: Next,
) => unknown

/** What `poe()` gives. */
export interface Poe<Tx = never> {
  /**
   * Gives every request its `ctx.poe`. Use it once, before the router. It lets the first request
   * through when the store has answered or is known to be down.
   */
  middleware(): Middleware
  /**
   * Makes a path a POE resource: a POST to it succeeds once, and GET, HEAD and OPTIONS follow.
   *
   * @param router - `@koa/router`, also one that is nested in another
   * @param options - see {@link ResourceOptions}
   * @param middleware - what runs outside the claim, then the handler, which runs inside
   * @throws TypeError or RangeError that says what to do
   */
  resource(
    router: RouterPort,
    options: ResourceOptions,
    ...middleware: readonly ResourceMiddleware<Tx>[]
  ): void
  /** Makes a path answer an empty POST with a fresh link: 201, `Location`, JSON. */
  mintEndpoint(
    router: RouterPort,
    options: { readonly path: string; readonly resource: string },
  ): void
  /** Makes a path answer a POST with 307 to a fresh link. */
  entryPoint(
    router: RouterPort,
    options: { readonly path: string; readonly resource: string },
  ): void
  /**
   * Makes requests with a key of the client's making take effect once. For POST, PUT, PATCH and
   * DELETE; put it in front of the handler: `router.post('/payments', door, handler)`.
   *
   * @param options - see {@link IdempotencyKeyOptions}; `name` and `retentionMs` must be given
   * @throws TypeError or RangeError that says what to do
   * @see draft-ietf-httpapi-idempotency-key-header-07
   */
  idempotencyKey(options: IdempotencyKeyOptions): Middleware
  /**
   * Answers 501 to requests that carry Repeatable Requests fields, for routes without that door: a
   * client must not believe itself protected.
   *
   * @see OASIS Repeatable Requests 1.0
   */
  refuseRepeatability(): Middleware
  /**
   * Serves the rules of every `idempotencyKey` door as JSON, and makes the refusals of all doors
   * lead there. Register it before the first request.
   *
   * @see draft-ietf-httpapi-idempotency-key-header-07 2.5.2
   */
  policy(router: RouterPort, path: string): void
  /**
   * Makes requests take effect once that carry an id of the application's: in a field, in the
   * content, in the query.
   *
   * @param options - see {@link ReplayOptions}; `name`, `key` and `retentionMs` must be given
   * @throws TypeError or RangeError that says what to do
   */
  replay(options: ReplayOptions): Middleware
  /**
   * Offers actions: an empty POST to `path` gives an id; PUT there does it, DELETE undoes it, each
   * once.
   *
   * @param path - of the collection, without a slash at its end
   * @param options - see {@link ActionOptions}; `name` and `do` must be given
   * @param middleware - runs in front of both, outside the claim
   * @throws TypeError or RangeError that says what to do
   */
  actions(
    router: RouterPort,
    path: string,
    options: ActionOptions<Tx>,
    ...middleware: readonly Middleware[]
  ): void
  /**
   * Makes a change only while the state is the one that the client has seen.
   *
   * @param options - see {@link ConditionalOptions}; `name` must be given, and `validator` or
   *   `exists`
   * @throws TypeError or RangeError that says what to do
   * @see RFC 9110 13
   */
  conditional(options: ConditionalOptions<Tx>): Middleware
  /**
   * Suspects a request that looks like one of a short time ago, and says so.
   *
   * @param options - see {@link DuplicateOptions}; `name`, `identity` and `windowMs` must be given
   * @throws TypeError or RangeError that says what to do
   */
  detectDuplicates(options: DuplicateOptions): Middleware
  /**
   * Tells what is undecided, one record after the other, in no particular order; for operators.
   * Asks the store for 100 at a time, so that a loop may end early and needs little memory.
   *
   * @param wishes - `before`: only those whose owner fell silent before that time
   * @throws TypeError where `before` is no Date; PoeError `ERR_POE_STORE_DOWN`
   */
  undecided(wishes?: { readonly before?: Date | undefined }): AsyncIterable<ListedRecord>
  /**
   * Tells what the store holds at a record's key; for operators.
   *
   * @throws TypeError where `key` is no text; PoeError `ERR_POE_STORE_DOWN`
   */
  inspect(key: string): Promise<ReadReply>
  /**
   * Decides an undecided key from outside; for operators. Takes effect only while the key is
   * undecided and still `expectedOwner`'s. `unknown` writes nothing.
   *
   * @returns whether it took effect
   * @throws TypeError or RangeError where an argument makes no sense: nothing is written then;
   *   PoeError `ERR_POE_STORE_DOWN` when the store does not tell
   */
  settle(key: string, expectedOwner: string, verdict: Reconciled): Promise<boolean>
  /**
   * Tells how it goes, for a health check: asks the store once, in `storeTimeoutMs` at most. It
   * never rejects.
   */
  status(): Promise<PoeStatus>
  /**
   * Makes a worker that delivers the messages of `ctx.poe.later()`; any number of processes may
   * have one. A handler may be called more than once for a message, always with its key.
   *
   * @param handlers - by the names of messages; a worker takes no others
   * @param options - see {@link WorkerOptions}
   * @throws TypeError or RangeError that says what to do; TypeError where the store keeps no outbox
   */
  worker(handlers: OutboxHandlers, options?: WorkerOptions): OutboxWorker
  /** What waits to be delivered, and what nobody could deliver; for operators. */
  readonly outbox: OutboxDesk
  /**
   * Ends orderly, after the server has stopped taking requests: waits for handlers that are still
   * at work (of clients that have left) and for workers, keeps their claims meanwhile, and tries
   * once more to write what is owed to the store. The store stays open: whoever made it closes
   * it, after this.
   *
   * @param options - `graceMs`: how long handlers are waited for, in milliseconds; default 5,000
   * @returns what could not be brought to its end, as keys of records
   * @throws RangeError on a malformed `graceMs`
   */
  close(options?: { readonly graceMs?: number }): Promise<Unfinished>
}

/**
 * Makes an application's POSTs take effect exactly once.
 *
 * @param options - see {@link PoeOptions}; `store` and `principal` must be given
 * @throws TypeError or RangeError that says what to do
 * @example
 * const once = poe({ store: sqliteStore('shop.db'), principal: ctx => ctx.state.user?.id })
 * app.use(once.middleware())
 * once.resource(router, { name: 'order', path: '/orders/once/:token' }, placeOrder)
 */
export function poe<Tx = never>(options: PoeOptions<Tx>): Poe<Tx> {
  const core = new Core(resolveOptions(options))
  const { store, guard, emit } = core.engine
  const operator = new Operator({
    ...{ store, emit, bodyLimitBytes: core.options.bodyLimitBytes },
    call: send => guard.call(send),
  })
  return {
    middleware: () => contextMiddleware(core),
    resource: (router, given, ...middleware) => {
      mustBeRouter('resource()', router)
      register(core, router, given, middleware as unknown as readonly Middleware[])
    },
    mintEndpoint: (router, given) => {
      const { path, resource } = endpointOf('mintEndpoint()', router, given)
      router.post(path, ctx => mintLink(core, resource, ctx as Context))
    },
    entryPoint: (router, given) => {
      const { path, resource } = endpointOf('entryPoint()', router, given)
      router.post(path, ctx => sendOn(core, resource, ctx as Context))
    },
    idempotencyKey: given => makeIdempotencyKey(core, given),
    refuseRepeatability: () => refuseRepeatability(core),
    policy: (router, path) => {
      mustBeRouter('policy()', router)
      servePolicy(core, router, path)
    },
    replay: given => makeReplay(core, given),
    actions: (router, path, given, ...middleware) => {
      mustBeRouter('actions()', router)
      registerActions(core, router, path, given, middleware)
    },
    conditional: given => makeConditional(core, given),
    detectDuplicates: given => makeDetectDuplicates(core, given),
    undecided: wishes => operator.undecided(wishes),
    inspect: key => operator.inspect(key),
    settle: (key, owner, verdict) => operator.settle(key, owner, verdict),
    status: () => statusOf(core),
    worker: (handlers, given) => makeWorker(core, handlers, given),
    outbox: makeDesk(core),
    close: given => closeIn(core, given),
  }
}

/** An endpoint that hands out links of a resource. */
interface Endpoint {
  readonly path: string
  readonly resource: string
}

function endpointOf(where: string, router: RouterPort, given: Endpoint): Endpoint {
  mustBeRouter(where, router)
  checkMembers(`${where}: what it is given`, given, ['path', 'resource'])
  const { path, resource } = given as Endpoint
  checkText(where, 'path', path)
  checkText(where, 'resource', resource)
  return { path, resource }
}

async function closeIn(
  core: Core,
  given: { readonly graceMs?: number | undefined } = {},
): Promise<Unfinished> {
  checkMembers('close(): its argument', given, ['graceMs'])
  const { graceMs = GRACE_MS } = given as { readonly graceMs?: number }
  checkNumber('close()', 'graceMs', graceMs, 0, 3_600_000)
  // Our timers let a process end; what is waited for here shall not be cut off by that.
  const hold = setInterval(() => {}, graceMs + 1_000)
  try {
    // The grace is real time, also where a test has the engine's.
    const stopping = [...core.stoppers].map(stop => stop({ graceMs }))
    const ended = core.engine.close(graceMs, (ms, signal) => sleep(ms, undefined, { signal }))
    await Promise.all(stopping)
    return await ended
  } finally {
    clearInterval(hold)
  }
}

function contextMiddleware(core: Core): Middleware {
  const enter = (ctx: Context, next: Next): Promise<void> => {
    ctx.poe = new RequestPoe(core, ctx)
    return next().then(() => sendAgain(ctx))
  }
  return function poeContext(ctx, next) {
    const mayEnter = core.secrets.ready || core.engine.guard.down
    if (mayEnter) return enter(ctx as Context, next)
    return core.secrets.prepare().then(() => enter(ctx as Context, next))
  }
}

function register(
  core: Core,
  router: RouterPort,
  options: ResourceOptions,
  middleware: readonly Middleware[],
): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('resource(): its options must be an object, like { name, path }')
  }
  const rules = resolveRules(options, core.options)
  const { name, path, key } = options
  const handler = middleware.at(-1)
  if (typeof handler !== 'function') throw new TypeError(`resource ${name} needs a handler`)
  if (core.resources.has(name)) throw new TypeError(`There is a resource named ${name} already`)
  const hasToken = new RegExp(`:${TOKEN_PARAM}(?![A-Za-z0-9_])`).test(path)
  if (hasToken === (key !== undefined)) {
    throw new TypeError(
      `resource ${name}: its path must have the segment :${TOKEN_PARAM}, unless it has a key`,
    )
  }
  core.mustBeFree(router, options)
  const door = makeLinkDoor(core, () => core.resource(name), middleware.slice(0, -1), handler)
  router.all(path, door)
  watchForMiddleware(router)
  mustBeginWithSlash(`resource ${name}`, { router, door })
  const lifetimeMs = options.lifetimeMs ?? core.options.lifetimeMs
  const resource: Resource = { name, options, rules, lifetimeMs, router, door, isPoe: true }
  core.resources.set(name, resource)
}
