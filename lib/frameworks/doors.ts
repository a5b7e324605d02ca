/**
 * All doors, as functions that are called with a request: what node:http and fetch have in common.
 * Every option is checked, and every request served, by the Koa layer.
 *
 * @see decision 0034
 */
import type { Context, Middleware } from 'koa'
import compose from 'koa-compose'
import type { Upkeep } from '../engine/upkeep.js'
import type { ActionOptions } from '../koa/doors/actions.js'
import type { ConditionalOptions } from '../koa/doors/conditional.js'
import type { DuplicateOptions } from '../koa/doors/duplicates.js'
import type { IdempotencyKeyOptions } from '../koa/doors/idempotency-key.js'
import type { ReplayOptions } from '../koa/doors/replay-door.js'
import type { ResourceOptions } from '../koa/options.js'
import type { Poe } from '../koa/poe.js'
import { type EntryPoint, type ForRequests, forRequests, type Shape } from './of-requests.js'
import { type Find, Paths } from './paths.js'

/** What belongs to no request: the same as in Koa. */
export type ForOperators<Tx> = Pick<Poe<Tx>, keyof Upkeep<never>>

/**
 * The doors. Each gives a function that serves requests; a function of another door may be its
 * handler, and runs inside.
 */
export interface Doors<S extends Shape, Tx> {
  /**
   * Makes a path a POE resource: a POST to it succeeds once, and GET, HEAD and OPTIONS follow.
   *
   * @param options - see `ResourceOptions`
   * @param handler - what is done once
   * @throws TypeError or RangeError that says what to do
   */
  readonly resource: Around<S, ForRequests<S, ResourceOptions>>
  /** Makes a path answer an empty POST with a fresh link: 201, `Location`, JSON. */
  mintEndpoint(options: { readonly path: string; readonly resource: string }): S['door']
  /** Makes a path answer a POST with 307 to a fresh link. */
  entryPoint(options: { readonly path: string; readonly resource: string }): S['door']
  /**
   * Makes requests with a key of the client's making take effect once.
   *
   * @param options - see `IdempotencyKeyOptions`; `name` and `retentionMs` must be given
   * @throws TypeError or RangeError that says what to do
   * @see draft-ietf-httpapi-idempotency-key-header-07
   */
  readonly idempotencyKey: Around<S, ForRequests<S, IdempotencyKeyOptions>>
  /**
   * Answers 501 to requests that carry Repeatable Requests fields, and lets the handler serve all
   * others. It has no options: give `{}`.
   *
   * @see OASIS Repeatable Requests 1.0
   */
  readonly refuseRepeatability: Around<S, Readonly<Record<string, never>>>
  /** Serves the rules of every `idempotencyKey` door as JSON, and makes refusals lead there. */
  policy(path: string): S['door']
  /**
   * Makes requests take effect once that carry an id of the application's.
   *
   * @param options - see `ReplayOptions`; `name`, `key` and `retentionMs` must be given
   * @throws TypeError or RangeError that says what to do
   */
  readonly replay: Around<S, ForRequests<S, ReplayOptions, 'key'>>
  /**
   * Offers actions: an empty POST to `path` gives an id; PUT there does it, DELETE undoes it.
   *
   * @param path - of the collection, without a slash at its end
   * @param options - see `ActionOptions`; `name` and `do` must be given
   * @throws TypeError or RangeError that says what to do
   */
  actions(path: string, options: ForRequests<S, ActionOptions<Tx>>): S['door']
  /**
   * Makes a change only while the state is the one that the client has seen.
   *
   * @param options - see `ConditionalOptions`; `name` must be given, and `validator` or `exists`
   * @throws TypeError or RangeError that says what to do
   * @see RFC 9110 13
   */
  readonly conditional: Around<S, ForRequests<S, ConditionalOptions<Tx>>>
  /**
   * Suspects a request that looks like one of a short time ago, and says so.
   *
   * @param options - see `DuplicateOptions`; `name`, `identity` and `windowMs` must be given
   * @throws TypeError or RangeError that says what to do
   */
  readonly detectDuplicates: Around<S, ForRequests<S, DuplicateOptions, 'identity'>>
}

/** Takes options and a handler, or the function of another door, and gives a door. */
export interface Around<S extends Shape, Options> {
  /** With a handler. */
  (options: Options, handler: S['handler']): S['door']
  /** With another door, which is passed inside. */
  (options: Options, door: S['door']): S['door']
}

/** What each door consists of, so that another one can take it in. */
const stepsOf = new WeakMap<object, readonly Middleware[]>()

/**
 * Makes the doors of one `poe()`.
 *
 * @param once - of the Koa layer
 * @param ways - how its handlers are run, and what its doors look like
 * @returns the doors, and what finds the one for a request among those that have a path
 */
export function makeDoors<S extends Shape, Tx>(
  once: Poe<Tx>,
  ways: EntryPoint<S>,
): { readonly doors: Doors<S, Tx>; readonly find: Find } {
  const all: Paths[] = []
  /** The resource of each path: the first one there answers for all, and knows its own only. */
  const linked = new Map<string, string>()
  const at = (register: (paths: Paths) => void): S['door'] => {
    const paths = new Paths()
    register(paths)
    all.push(paths)
    return ways.door((method, path) => paths.find(method, path))
  }
  const steps = (handler: S['handler'] | S['door'], where: string): readonly Middleware[] => {
    if (typeof handler !== 'function') {
      throw new TypeError(`${where}() needs a handler after its options`)
    }
    return stepsOf.get(handler) ?? [(ctx: Context) => ways.run(ctx, handler, [])]
  }
  const around = (where: string, make: Make, given: object, handler: S['handler']) => {
    const inside = steps(handler, where)
    const { options, ahead } = ways.ahead(given)
    const outside = make(forRequests(options, ways) as never) as Middleware
    const chain = [...(ahead === null ? [] : [ahead]), outside, ...inside]
    const serve = compose(chain)
    const door: S['door'] = ways.door(() => ({ serve, params: null }))
    stepsOf.set(door, chain)
    return door
  }
  const doors: Doors<S, Tx> = {
    resource: (options, handler) =>
      at(paths => {
        const { name, path, key } = options ?? {}
        if (key === undefined) mustBeFree(linked, name, path)
        const isNone = typeof handler !== 'function'
        const inside = isNone ? [handler] : steps(handler, 'resource')
        once.resource(paths, forRequests(options, ways) as never, ...(inside as never[]))
        if (key === undefined) linked.set(path, name)
      }),
    mintEndpoint: options => at(paths => once.mintEndpoint(paths, options)),
    entryPoint: options => at(paths => once.entryPoint(paths, options)),
    policy: path => at(paths => once.policy(paths, path)),
    actions: (path, options) =>
      at(paths => {
        const items = `${path}/:token`
        mustBeFree(linked, options?.name, items)
        once.actions(paths, path, forRequests(options, ways) as never)
        linked.set(items, options.name)
      }),
    refuseRepeatability: (options, handler) =>
      around('refuseRepeatability', () => once.refuseRepeatability(), options, handler),
    idempotencyKey: (options, handler) =>
      around('idempotencyKey', once.idempotencyKey, options, handler),
    replay: (options, handler) => around('replay', once.replay, options, handler),
    conditional: (options, handler) => around('conditional', once.conditional, options, handler),
    detectDuplicates: (options, handler) =>
      around('detectDuplicates', once.detectDuplicates, options, handler),
  }
  const find: Find = (method, path) => {
    for (const paths of all) {
      const found = paths.find(method, path)
      if (found !== null) return found
    }
    return null
  }
  return { doors, find }
}

type Make = (options: never) => unknown

function mustBeFree(linked: ReadonlyMap<string, string>, name: string, path: string): void {
  if (!linked.has(path)) return
  throw new TypeError(`resource ${name}: ${linked.get(path)} has the path ${path} already`)
}

/** The part of `poe()` that no request has to do with. */
export function forOperators<Tx>(once: Poe<Tx>): ForOperators<Tx> {
  const { undecided, inspect, settle, status, worker, outbox, close } = once
  return { undecided, inspect, settle, status, worker, outbox, close }
}
