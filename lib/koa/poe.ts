/**
 * `poe()`: exactly-once POST for a Koa application.
 *
 * @see POE draft 2, 3, 4
 */
import type { Context, Middleware, Next } from 'koa'
import { checkMembers, checkText } from '../engine/checks.js'
import { makeUpkeep, type Upkeep } from '../engine/upkeep.js'
import { Core, PROCESS, TOKEN_PARAM } from './core.js'
import { type ActionHandler, type ActionOptions, registerActions } from './doors/actions.js'
import { type ConditionalOptions, makeConditional } from './doors/conditional.js'
import { type DuplicateOptions, makeDetectDuplicates } from './doors/duplicates.js'
import {
  type IdempotencyKeyOptions,
  makeIdempotencyKey,
  refuseRepeatability,
} from './doors/idempotency-key.js'
import { mintLink, sendOn } from './doors/link/endpoints.js'
import { linkResource } from './doors/link/link-door.js'
import { servePolicy } from './doors/policy.js'
import { makeReplay, type ReplayOptions } from './doors/replay-door.js'
import { mustBeRouter, type RouterPort } from './link-paths.js'
import { type PoeOptions, type ResourceOptions, resolveOptions, resolveRules } from './options.js'
import type { OutboxHandlers } from './outbox-messages.js'
import { RequestPoe } from './request-poe.js'
import { sendAgain } from './send.js'
import { watchForMiddleware } from './watch-router.js'

/** A step of the system's clock by which links could be seen to be minted in the past. */
const SLEPT_MS = 5_000

/** The handler of a resource, or middleware that runs before its claim. */
export type ResourceMiddleware<Tx> = ActionHandler<Tx>

/** What `poe()` gives. */
export interface Poe<Tx = never> extends Upkeep<OutboxHandlers> {
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
  const { engine, secrets } = core
  return {
    ...makeUpkeep(engine, secrets, core.options, { ...PROCESS, clock: core.clock }),
    middleware: () => contextMiddleware(core),
    resource: (router, given, ...middleware) =>
      register(core, mustBeRouter('resource()', router), given, middleware as never),
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
    policy: (router, path) => servePolicy(core, mustBeRouter('policy()', router), path),
    replay: given => makeReplay(core, given),
    actions: (router, path, given, ...middleware) =>
      registerActions(core, mustBeRouter('actions()', router), path, given, middleware),
    conditional: given => makeConditional(core, given),
    detectDuplicates: given => makeDetectDuplicates(core, given),
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

function contextMiddleware(core: Core): Middleware {
  const enter = (ctx: Context, next: Next): Promise<void> => {
    ctx.poe = new RequestPoe(core, ctx)
    return ctx.res === undefined ? next() : next().then(() => sendAgain(ctx), thrown)
  }
  let aheadMs = countAhead()
  return function poeContext(ctx, next) {
    const nowAheadMs = countAhead()
    if (Math.abs(nowAheadMs - aheadMs) > SLEPT_MS) {
      aheadMs = nowAheadMs
      core.secrets.outlive()
    }
    const mayEnter = core.secrets.ready || core.engine.guard.down
    if (mayEnter) return enter(ctx as Context, next)
    return core.secrets.prepare().then(() => enter(ctx as Context, next))
  }
}

/** Where `null` is thrown Koa answers nothing, and Express goes on to what follows, as for `''`. */
function thrown(error: unknown): never {
  throw error || new Error(`${JSON.stringify(error)} was thrown in place of an error`)
}

/** How far the system's clock is ahead of this process's, which a machine's sleep stops. */
function countAhead(): number {
  return Date.now() - performance.now()
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
  const hasToken = new RegExp(`:${TOKEN_PARAM}(?![A-Za-z0-9_])`).test(path)
  if (hasToken === (key !== undefined)) {
    throw new TypeError(
      `resource ${name}: its path must have the segment :${TOKEN_PARAM}, unless it has a key`,
    )
  }
  const lifetimeMs = options.lifetimeMs ?? core.options.lifetimeMs
  const given = { name, options, rules, lifetimeMs, router, isPoe: true }
  core.register(`resource ${name}`, linkResource(core, given, middleware.slice(0, -1), handler))
  watchForMiddleware(router)
}
