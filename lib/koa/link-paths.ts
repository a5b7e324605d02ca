/**
 * Where a resource is found from outside: router prefixes, mounts and proxies included.
 *
 * Links are path-absolute by default, so that no forged `Host` can get into them.
 */
import type { Context, Middleware } from 'koa'

/**
 * What a layer was made for. It stands on the layer, because what its stack holds may be wrapped by
 * an agent that instruments the process; a nested router's layer takes it along into the outer one.
 */
const MADE_FOR: unique symbol = Symbol('post-once-exactly: made for')

/** What is needed of a router's layer. */
export interface RouterLayer {
  readonly path: string | RegExp
  [MADE_FOR]?: Middleware
  /** Fills in the path. @throws TypeError when a parameter is missing */
  url(params: Readonly<Record<string, string>>): string
  /** Whether a path is this layer's. */
  match?(path: string): boolean
  /** Puts an outer router's prefix in front of its path. */
  setPrefix?(prefix: string): unknown
}

/** What is needed of a router; `@koa/router` has it. */
export interface RouterLike {
  readonly stack: readonly RouterLayer[]
}

/** What is needed of `@koa/router`. */
export interface RouterPort extends RouterLike {
  /** Registers middleware for every method. */
  all(path: string, middleware: Middleware): unknown
  /** Registers middleware for POST. */
  post(path: string, middleware: Middleware): unknown
}

/** Gives back what can be registered on. @throws TypeError that says what to give */
export function mustBeRouter(where: string, router: RouterPort): RouterPort {
  const { all, post } = (router ?? {}) as Partial<RouterPort>
  if (typeof all === 'function' && typeof post === 'function') return router
  throw new TypeError(`${where}: its first argument must be a router, new Router() of @koa/router`)
}

/** Notes what the layer is for that was made last. */
export function noteLayer({ stack }: RouterLike, middleware: Middleware): void {
  const layer = stack?.at(-1)
  if (layer !== undefined) layer[MADE_FOR] = middleware
}

/** Where the layer stands that was made for something; -1 where it does not. */
export function placeOfLayer(router: RouterLike | undefined, middleware: Middleware): number {
  return router?.stack?.findIndex(layer => layer[MADE_FOR] === middleware) ?? -1
}

/** What a resource's link is made of. */
export interface LinkTarget {
  /** The router that the resource was registered on. */
  readonly router: RouterPort
  /** What serves it, by which its layer is found also in an outer router. */
  readonly door: Middleware
}

/** Parameters of a path besides the token. */
export type LinkedParams = readonly (readonly [name: string, value: string])[]

/**
 * Gives the public URI-reference of a resource.
 *
 * @param token - `null` where its path has none
 * @param params - every other parameter of its path
 * @param publicPrefix - what a proxy in front strips
 * @param absolute - with scheme and host of the request; stays a path where the host is not valid
 * @throws TypeError when a parameter is missing, or is none of its path: nobody could use the link
 */
export function linkTo(
  ctx: Context,
  target: LinkTarget,
  token: string | null,
  params: LinkedParams,
  publicPrefix: string,
  absolute: boolean,
): string {
  const path = publicPrefix + mountPrefix(ctx) + fillIn(layerOf(ctx, target), token, params)
  if (!absolute) return path
  const url = `${ctx.protocol}://${ctx.host}`
  // A host with spaces, a path or credentials in it is somebody's forgery or mistake.
  if (!/^[\w.-]+(:\d+)?$|^\[[\da-f:.]+\](:\d+)?$/i.test(ctx.host) || !URL.canParse(url)) return path
  return url + path
}

/** A path whose only parameter is the token, split where that stands. */
interface Split {
  readonly path: string | RegExp
  readonly before: string
  readonly after: string
}

/** A router takes its path apart for every link; one that has not changed need not be. */
const splits = new WeakMap<RouterLayer, Split>()
const PLACE = 'poe-token-here'

function fillIn(layer: RouterLayer, token: string | null, params: LinkedParams): string {
  if (token === null) return layer.url(Object.fromEntries(params))
  if (params.length > 0) {
    mustBeParams(layer, params)
    return layer.url(Object.assign(Object.fromEntries(params), { token }))
  }
  let split = splits.get(layer)
  if (split?.path !== layer.path) {
    const [before = '', after = ''] = layer.url({ token: PLACE }).split(PLACE)
    split = { path: layer.path, before, after }
    splits.set(layer, split)
  }
  return split.before + token + split.after
}

/** A parameter is signed, and compared with those of the path. */
function mustBeParams({ path }: RouterLayer, params: LinkedParams): void {
  const empty = params.find(([, value]) => value === '')
  if (empty !== undefined) throw new TypeError(`link(): the parameter ${empty[0]} is empty`)
  if (typeof path !== 'string') return
  const stray = params.find(
    ([name]) => ![`:${name}`, `*${name}`, `"${name}"`].some(one => path.includes(one)),
  )
  if (stray === undefined) return
  throw new TypeError(`link(): ${path} has no parameter ${stray[0]}, so nobody could use the link`)
}

/** Serves a target at a path. */
export function serveAt(path: string, { router, door }: LinkTarget): void {
  router.all(path, door)
  noteLayer(router, door)
  const layer = router.stack?.at(-1)
  if (layer !== undefined) layersOfDoors.set(door, copiesOf(layer))
}

const layersOfDoors = new WeakMap<Middleware, ReadonlySet<RouterLayer>>()
const NO_LAYERS: ReadonlySet<RouterLayer> = new Set()

/**
 * A layer and its copies: a router that takes in another one copies its layers, members of their
 * own included, and puts its prefix in front. Nothing else tells of it before a request is routed.
 */
function copiesOf(layer: RouterLayer): ReadonlySet<RouterLayer> {
  const layers = new Set([layer])
  const { setPrefix } = layer
  if (setPrefix !== undefined) {
    layer.setPrefix = function (this: RouterLayer, prefix) {
      layers.add(this)
      return setPrefix.call(this, prefix)
    }
  }
  return layers
}

/** The layers that serve a target, in outer routers as well. */
export function layersOf({ door }: LinkTarget): ReadonlySet<RouterLayer> {
  return layersOfDoors.get(door) ?? NO_LAYERS
}

/** Looks whether a request can have a resource's path, prefix included. @throws TypeError if not */
export function mustBeginWithSlash(where: string, target: LinkTarget): void {
  const served = ownLayerOf(target)?.path
  if (typeof served !== 'string' || served.startsWith('/')) return
  throw new TypeError(`${where}: its path must begin with a slash, and ${served} does not`)
}

/** The layer of a resource on the router that it was registered on. */
function ownLayerOf(target: LinkTarget): RouterLayer | undefined {
  return find(target.router, target)
}

function layerOf(ctx: Context, target: LinkTarget): RouterLayer {
  const serving = (ctx as { router?: RouterLike }).router
  const layer = find(serving, target) ?? ownLayerOf(target)
  if (layer === undefined) throw new TypeError('The resource is on no router that is in use')
  return layer
}

/** Where a target's layer was found last: a router may have hundreds. */
const lastPlaces = new WeakMap<LinkTarget, number>()

function find(router: RouterLike | undefined, target: LinkTarget): RouterLayer | undefined {
  const { door } = target
  const stack = router?.stack
  if (stack === undefined) return undefined
  const last = stack[lastPlaces.get(target) ?? -1]
  if (last?.[MADE_FOR] === door) return last
  const at = placeOfLayer(router, door)
  lastPlaces.set(target, at)
  return stack[at]
}

/** Gives the path of a request as the client sent it, mounts included, without its query. */
export function publicPath(ctx: Context): string {
  return pathOf(publicTarget(ctx))
}

/** Gives the target of a request as the client sent it, mounts and query included. */
export function publicTarget(ctx: Context): string {
  const { originalUrl } = ctx.req as { originalUrl?: unknown }
  return typeof originalUrl === 'string' ? originalUrl : ctx.originalUrl
}

/** What koa-mount, or another framework, has taken off the front of the path. */
function mountPrefix(ctx: Context): string {
  const prefix = prefixOf(publicPath(ctx), ctx.path)
  return prefix === '' ? prefix : prefix.replace(/^\/{2,}/, '/')
}

function prefixOf(whole: string, local: string): string {
  if (local === '/') return whole.replace(/\/$/, '')
  return whole.endsWith(local) ? whole.slice(0, -local.length) : ''
}

/** Gives the path of a request's target. */
export function pathOf(target: string): string {
  if (!target.startsWith('/') && URL.canParse(target)) return new URL(target).pathname
  const end = target.search(/[?#]/)
  return end < 0 ? target : target.slice(0, end)
}
